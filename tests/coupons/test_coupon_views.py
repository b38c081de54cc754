"""Looking at a coupon is the first step of its funnel."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.test import Client
from django.urls import reverse

from coupons.models import Coupon
from tests import factories
from tests.factories import NOW
from users.enums import BehaviourKind
from users.models import BehaviourEvent, User
from users.services.events import coupon_view_note

pytestmark = pytest.mark.django_db


@pytest.fixture
def coupon() -> Coupon:
    return factories.make_coupon()


def page_of(coupon: Coupon) -> str:
    return reverse("coupons:coupon", args=[coupon.public_id])


def test_a_look_is_noted_once_a_day(client: Client, shopper: User, coupon: Coupon) -> None:
    client.force_login(shopper, backend="users.backends.IdentifierBackend")
    for _ in range(2):
        assert client.get(page_of(coupon)).status_code == 200
    event = BehaviourEvent.objects.get()

    assert (event.shopper, event.kind, event.coupon_public_id) == (shopper, BehaviourKind.VIEW, coupon.public_id)


def test_the_next_day_is_another_look(shopper: User, coupon: Coupon) -> None:
    for days in (0, 0, 1):
        coupon_view_note(shopper=shopper, coupon=coupon.public_id, now=NOW + timedelta(days=days))

    assert BehaviourEvent.objects.count() == 2


def test_strangers_parts_of_a_page_and_prefetches_are_no_look(client: Client, shopper: User, coupon: Coupon) -> None:
    client.get(page_of(coupon))
    client.force_login(shopper, backend="users.backends.IdentifierBackend")
    client.head(page_of(coupon))
    client.get(page_of(coupon), headers={"HX-Request": "true"})
    client.get(page_of(coupon), headers={"Sec-Purpose": "prefetch;prerender"})

    assert not BehaviourEvent.objects.exists()
