"""What the nights found out about a shopper, on the shopper's page."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from campaigns.models import ContactPlan, CouponScore
from coupons.enums import AudienceKind
from coupons.models import Coupon
from tests import factories
from tests.factories import NOW
from users.models import User

pytestmark = pytest.mark.django_db


def page_of(client: Client, shopper: User) -> str:
    return client.get(reverse("admin:users_user_change", args=[shopper.pk])).text


def score(shopper: User, coupon: Coupon, value: float) -> None:
    CouponScore.objects.create(shopper=shopper, coupon=coupon, probability=0.123, value=value, computed_at=NOW)


def test_coupons_that_the_shopper_cannot_have_do_not_fit(marketer_client: Client, shopper: User) -> None:
    fits = factories.make_coupon(title_en="For everybody")
    for coupon in (fits, factories.make_coupon(title_en="For the chosen", audience=AudienceKind.ALLOCATED)):
        score(shopper, coupon, 500.0)

    page = page_of(marketer_client, shopper)
    assert "For everybody" in page
    assert "12.3%" in page
    assert "For the chosen" not in page

    # Control: once the coupon is for everybody, it fits.
    Coupon.objects.update(audience=AudienceKind.EVERYONE)
    assert "For the chosen" in page_of(marketer_client, shopper)


def test_a_channel_that_reaches_nobody_says_so(marketer_client: Client, shopper: User) -> None:
    channels = {
        "email": {"rate": 0.05, "sent_lately": 0, "score": 0.0},
        "in_app": {"rate": 0.05, "sent_lately": 1, "score": 0.05},
    }
    ContactPlan.objects.create(
        shopper=shopper,
        hour=11,
        channel="in_app",
        trigger_score=0.5,
        is_triggered=False,
        computed_at=NOW,
        reasons={"events": 3, "hours": [[11, 0.4]], "yesterday": 0.1, "channels": channels},
    )

    page = page_of(marketer_client, shopper)
    assert "no address that may be written to" in page
    assert "5.0% answered, 1 sent in 7 days, 0.0500 for its cost" in page
    assert "busiest: 11:00 40%" in page
