"""Every page of the admin opens: empty and full, for a superuser and for a marketer, in both languages."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib import admin
from django.test import Client
from django.urls import reverse

from campaigns.models import Campaign, CampaignCoupon, Message
from campaigns.services.grants import grant_create
from coupons.enums import AudienceKind
from coupons.models import Claim, ClaimTicket, Order, OrderLine, Redemption, RedemptionEntry, ScopeEntry
from coupons.services.code_batches import code_batch_generate
from coupons.services.gifts import gift_offer
from coupons.services.ratings import claim_rate
from coupons.services.waiting import waiting_join
from tests import factories
from tests.campaigns.test_variants import make_group
from users.models import BehaviourEvent, Tag, User

OURS = ("users", "coupons", "campaigns")
FOR_SUPERUSERS = (
    "auth_group",
    "oauth2_provider_application",
    "oauth2_provider_accesstoken",
    "django_celery_beat_periodictask",
    "django_celery_beat_crontabschedule",
    "django_celery_beat_intervalschedule",
    "axes_accessattempt",
)


def our_pages() -> list[str]:
    return sorted(
        f"{model._meta.app_label}_{model._meta.model_name}"
        for model in admin.site._registry
        if model._meta.app_label in OURS
    )


@pytest.fixture
def full_shop(db: None) -> dict[str, Any]:
    """One row of everything, made as the shop makes it where a service does."""
    product = factories.make_product()
    coupon = factories.make_coupon()
    ScopeEntry.objects.create(coupon=coupon, product=product)
    shopper = factories.make_shopper(name="Wang Xiaoming", phone="+8613800001234", with_profile=True)
    claim = factories.make_claim(shopper=shopper, coupon=coupon)
    order = Order.objects.create(
        reference="A-1",
        shopper=shopper,
        state="redeemed",
        subtotal=10000,
        discount=1000,
        payable=9000,
        placed_at=factories.NOW,
        redeemed_at=factories.NOW,
    )
    OrderLine.objects.create(
        order=order, number=1, product=product, unit_price=10000, quantity=1, discount=1000, payable=9000
    )
    Claim.objects.filter(pk=claim.pk).update(state="redeemed", order=order)
    redemption = Redemption.objects.create(
        coupon=claim.coupon, claim=claim, order=order, amount=1000, redeemed_at=factories.NOW
    )
    RedemptionEntry.objects.create(redemption=redemption, kind="redeemed", amount=1000, created_at=factories.NOW)
    Tag.objects.create(shopper=shopper, name="segment:loyal", source="segmentation", set_at=factories.NOW)
    Tag.objects.create(shopper=shopper, name="vip", source="marketer", set_at=factories.NOW)
    BehaviourEvent.objects.create(
        sender="shop",
        event_id="1",
        shopper=shopper,
        kind="view",
        value=1234,
        occurred_at=factories.NOW,
        received_at=factories.NOW,
    )
    campaign = Campaign.objects.create(
        key="autumn",
        title_en="Autumn",
        title_zh="秋",
        starts_at=factories.NOW,
        ends_at=factories.NOW + timedelta(days=9),
    )
    CampaignCoupon.objects.create(campaign=campaign, coupon=coupon)
    message = Message.objects.create(
        dedupe_key="1",
        shopper=shopper,
        channel="email",
        topic="expiry_reminder",
        next_attempt_at=factories.NOW,
        created_at=factories.NOW,
    )
    return {
        "users_user": shopper,
        "campaigns_variantgroup": make_group(None, 0.5),
        "coupons_coupon": coupon,
        "coupons_budget": factories.make_budget(),
        "coupons_claim": claim,
        "coupons_code": factories.make_code(coupon=coupon),
        "coupons_codebatch": code_batch_generate(
            coupon=coupon, quantity=3, prefix="", actor=None, now=factories.NOW, wakes_worker=False
        ),
        "coupons_gift": gift_offer(
            claim=factories.make_claim(shopper=shopper), giver=shopper, message="", now=factories.NOW
        ),
        "coupons_waitingentry": waiting_join(coupon=factories.make_coupon(stock=0), shopper=shopper, now=factories.NOW),
        "coupons_claimticket": ClaimTicket.objects.create(
            id=uuid4(), coupon=coupon, shopper=shopper, code="sold_out", arrival=1, answered_at=factories.NOW
        ),
        "coupons_order": order,
        "coupons_redemption": redemption,
        "coupons_claimrating": claim_rate(claim=claim, score=4, comment="Fine", now=factories.NOW),
        "coupons_product": product,
        "coupons_category": product.category,
        "coupons_redpacket": factories.make_red_packet(),
        "coupons_lottery": factories.make_lottery(),
        "campaigns_campaign": campaign,
        "campaigns_grant": grant_create(
            coupon=coupon, audience=AudienceKind.TAGGED, tag="vip", actor=None, now=factories.NOW
        ),
        "campaigns_message": message,
    }


def test_nothing_of_ours_is_left_out(full_shop: dict[str, Any]) -> None:
    assert our_pages() == sorted(full_shop)


@pytest.mark.parametrize("page", our_pages())
def test_an_empty_list_opens(superuser_client: Client, marketer_client: Client, page: str) -> None:
    for client in (superuser_client, marketer_client):
        assert client.get(reverse(f"admin:{page}_changelist")).status_code == 200


@pytest.mark.parametrize("language", ["en", "zh-hans"])
def test_full_lists_and_pages_open(
    superuser_client: Client, marketer_client: Client, full_shop: dict[str, Any], language: str
) -> None:
    for client in (superuser_client, marketer_client):
        for page, instance in full_shop.items():
            headers = {"Accept-Language": language}
            listed = client.get(reverse(f"admin:{page}_changelist"), headers=headers)
            assert listed.status_code == 200, page
            opened = client.get(reverse(f"admin:{page}_change", args=[instance.pk]), headers=headers)
            assert opened.status_code == 200, page
            # A state in a list is its value, for the colour, and its name; a page would print them as a pair.
            assert "(&#x27;" not in opened.content.decode(), page


@pytest.mark.parametrize(
    "page", ["coupons_coupon", "coupons_code", "coupons_redpacket", "coupons_lottery", "campaigns_campaign"]
)
def test_a_marketer_finds_the_empty_form(marketer_client: Client, page: str) -> None:
    assert marketer_client.get(reverse(f"admin:{page}_add")).status_code == 200


@pytest.mark.parametrize("page", ["coupons_coupon", "campaigns_campaign", "campaigns_grant"])
def test_history_opens(superuser_client: Client, marketer_client: Client, full_shop: dict[str, Any], page: str) -> None:
    instance = full_shop[page]
    record = instance.history.first()
    for client in (superuser_client, marketer_client):
        assert client.get(reverse(f"admin:{page}_history", args=[instance.pk])).status_code == 200
        version = reverse(f"admin:{page}_simple_history", args=[instance.pk, record.pk])
        assert client.get(version).status_code == 200


@pytest.mark.parametrize("page", FOR_SUPERUSERS)
def test_the_machinery_is_for_superusers(superuser_client: Client, marketer_client: Client, page: str) -> None:
    path = reverse(f"admin:{page}_changelist")
    assert superuser_client.get(path).status_code == 200
    assert marketer_client.get(path).status_code == 403


def test_every_search_box_answers(superuser_client: Client, full_shop: dict[str, Any]) -> None:
    """A word, an address, a number, a public id and a NUL byte; sealed fields are never filtered by value."""
    words = ["wang", "a@b.example", "+86 138 0000 1234", str(full_shop["coupons_claim"].public_id), "a\0b", "1"]
    for page in [*full_shop, *FOR_SUPERUSERS]:
        for word in words:
            response = superuser_client.get(reverse(f"admin:{page}_changelist"), {"q": word})
            assert response.status_code in (200, 302), (page, word)


def test_every_filter_answers(superuser_client: Client, full_shop: dict[str, Any]) -> None:
    coupon, campaign = full_shop["coupons_coupon"], full_shop["campaigns_campaign"]
    asked = {
        "coupons_coupon": [
            *({"state": state} for state in ("draft", "scheduled", "live", "paused", "ended", "nonsense")),
            {"stock": "running_out"},
            {"stock": "sold_out"},
            {"benefit_type__exact": "amount_off"},
            {"campaigns__id__exact": campaign.pk},
            {"claim_ends_at_from": "2026-11-01", "claim_ends_at_to": "2026-11-30"},
            {"claim_ends_at_from": "nonsense"},
        ],
        "coupons_claim": [
            *({"state": state} for state in ("available", "expired", "redeemed", "nonsense")),
            {"coupon__id__exact": coupon.pk, "claimed_at_from": "2026-11-21"},
        ],
        "coupons_redemption": [{"coupon__id__exact": coupon.pk}],
        "campaigns_campaign": [{"status__exact": "draft"}, {"coupons__id__exact": coupon.pk}],
        "users_user": [{"tag": "vip"}, {"is_staff__exact": "1"}],
        "campaigns_message": [{"state__exact": "pending", "channel__exact": "email"}],
    }
    for page, queries in asked.items():
        for query in queries:
            response = superuser_client.get(reverse(f"admin:{page}_changelist"), query)
            assert response.status_code == 200, (page, query)


def test_the_sidebar_shows_what_may_be_followed(superuser_client: Client, marketer_client: Client) -> None:
    secret = reverse("admin:oauth2_provider_application_changelist")
    for client, sees in ((superuser_client, True), (marketer_client, False)):
        page = client.get(reverse("admin:coupons_coupon_changelist")).content.decode()
        assert (secret in page) is sees
        assert reverse("admin:coupons_claim_changelist") in page


def test_an_outsider_is_sent_away(shopper: User) -> None:
    client = Client()
    client.force_login(shopper, backend="users.backends.IdentifierBackend")
    assert client.get(reverse("admin:coupons_coupon_changelist")).status_code == 302


def test_records_of_what_happened_cannot_be_changed(superuser_client: Client, full_shop: dict[str, Any]) -> None:
    for page in ("coupons_claim", "coupons_order", "coupons_redemption", "campaigns_message"):
        instance = full_shop[page]
        assert superuser_client.get(reverse(f"admin:{page}_add")).status_code == 403
        changed = superuser_client.post(reverse(f"admin:{page}_change", args=[instance.pk]), {"state": "revoked"})
        assert changed.status_code == 403
        assert superuser_client.post(reverse(f"admin:{page}_delete", args=[instance.pk])).status_code == 403


@pytest.mark.parametrize("page", ["users_user", "coupons_coupon", "coupons_claim", "campaigns_campaign"])
def test_an_address_that_only_looks_like_a_number_leads_nowhere(superuser_client: Client, page: str) -> None:
    assert superuser_client.get(reverse(f"admin:{page}_change", args=["²"])).status_code == 302


def test_the_ends_of_the_calendar_filter_nothing(superuser_client: Client, full_shop: dict[str, Any]) -> None:
    days = {"claimed_at_from": "0001-01-01", "claimed_at_to": "9999-12-31"}
    page = superuser_client.get(reverse("admin:coupons_claim_changelist"), days)
    assert page.context["cl"].result_count == Claim.objects.count()
