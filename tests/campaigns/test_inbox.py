"""The page of messages, its badge, and the campaigns that the showcase announces."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from campaigns.enums import CampaignStatus, MessageChannel, MessageState, MessageTopic
from campaigns.models import Message
from campaigns.selectors.banners import campaign_banners
from config.kernel.lots import border_of
from tests import factories
from tests.campaigns.makers import make_campaign
from tests.factories import NOW
from users.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture
def signed_in(client: Client, shopper: User) -> Client:
    client.force_login(shopper, backend="users.backends.IdentifierBackend")
    return client


def make_message(shopper: User, number: int = 1, **coupon_fields: str) -> Message:
    claim = factories.make_claim(shopper=shopper, **coupon_fields)
    return Message.objects.create(
        dedupe_key=f"message-{shopper.pk}-{number}",
        shopper=shopper,
        channel=MessageChannel.IN_APP,
        topic=MessageTopic.EXPIRY_REMINDER,
        data={"claim": claim.pk, "expires_at": claim.expires_at.isoformat(), "lead_hours": 24},
        state=MessageState.SENT,
        sent_at=NOW,
        created_at=datetime.now(UTC) - timedelta(hours=1),
        next_attempt_at=NOW,
    )


def inbox(client: Client) -> str:
    return client.get(reverse("campaigns:inbox")).content.decode()


class TestInbox:
    def test_shows_a_shopper_their_own_messages(self, signed_in: Client, shopper: User, outsider: User) -> None:
        make_message(shopper, title_en="Mine")
        make_message(outsider, title_en="Another's")
        page = inbox(signed_in)
        assert "Mine" in page
        assert "Another" not in page

    def test_asks_a_stranger_to_sign_in(self, client: Client) -> None:
        assert client.get(reverse("campaigns:inbox"))["Location"].startswith(reverse("users:sign_in"))
        assert client.post(reverse("campaigns:inbox_read"))["Location"].endswith(f"?next={reverse('campaigns:inbox')}")

    def test_says_when_there_is_nothing(self, signed_in: Client) -> None:
        assert "No messages" in inbox(signed_in)

    def test_looking_changes_nothing_and_reading_does(self, signed_in: Client, shopper: User) -> None:
        message = make_message(shopper)
        for _look in range(2):
            assert "Unread:" in inbox(signed_in)
        signed_in.post(reverse("campaigns:inbox_read"))
        message.refresh_from_db()
        assert message.read_at is not None
        assert "Unread:" not in inbox(signed_in)

    def test_reading_by_script_takes_the_badge_away(self, signed_in: Client, shopper: User) -> None:
        make_message(shopper)
        answer = signed_in.post(reverse("campaigns:inbox_read"), headers={"HX-Request": "true"})
        assert 'hx-swap-oob="outerHTML:.unread-badge"' in answer.content.decode()

    def test_nobody_reads_for_somebody_else(self, signed_in: Client, outsider: User) -> None:
        message = make_message(outsider)
        signed_in.post(reverse("campaigns:inbox_read"))
        message.refresh_from_db()
        assert message.read_at is None

    def test_every_page_counts_what_is_unread(self, signed_in: Client, shopper: User) -> None:
        for number in range(2):
            make_message(shopper, number)
        assert "2 unread" in signed_in.get(reverse("coupons:wallet")).content.decode()

    def test_queries_do_not_grow_with_messages(self, signed_in: Client, shopper: User) -> None:
        make_message(shopper)
        inbox(signed_in)
        with CaptureQueriesContext(connection) as few:
            inbox(signed_in)
        for number in range(2, 12):
            make_message(shopper, number)
        with CaptureQueriesContext(connection) as many:
            inbox(signed_in)
        assert len(many) == len(few)


class TestBanners:
    def test_announce_running_campaigns_with_something_to_show(self) -> None:
        live, draft = factories.make_coupon(title_en="Shown"), factories.make_coupon(state="draft")
        running = make_campaign(live, draft, status=CampaignStatus.PUBLISHED)
        make_campaign(live, status=CampaignStatus.DRAFT)
        make_campaign(draft, status=CampaignStatus.PUBLISHED)
        make_campaign(live, status=CampaignStatus.PUBLISHED, ends_at=NOW)
        make_campaign(factories.make_coupon(handout="code"), status=CampaignStatus.PUBLISHED)
        banners = campaign_banners(now=NOW)
        assert [(banner.campaign, banner.coupons) for banner in banners] == [(running, [live])]

    def test_tell_nobody_of_what_only_others_get(self, shopper: User) -> None:
        held_out = factories.make_coupon(holdout_salt="lots", holdout_below=border_of(1 - 1e-9))
        make_campaign(held_out, status=CampaignStatus.PUBLISHED)
        make_campaign(factories.make_coupon(audience="allocated"), status=CampaignStatus.PUBLISHED)

        assert campaign_banners(now=NOW, shopper=shopper) == []

    def test_take_three_queries_however_many(self, django_assert_num_queries) -> None:
        for _number in range(3):
            make_campaign(factories.make_coupon(), factories.make_coupon(), status=CampaignStatus.PUBLISHED)
        with django_assert_num_queries(3):
            assert len(campaign_banners(now=NOW)) == 3

    def test_stand_over_the_showcase_until_somebody_searches(self, client: Client) -> None:
        make_campaign(factories.make_coupon(), status=CampaignStatus.PUBLISHED, title_en="Harvest festival")
        assert "Harvest festival" in client.get("/").content.decode()
        assert "Harvest festival" not in client.get("/", {"q": "coupon"}).content.decode()
