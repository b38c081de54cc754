"""Claims that end soon and what is written about them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from campaigns.enums import CampaignKind, MessageChannel
from campaigns.models import Campaign, CampaignCoupon, Message
from campaigns.services.reminders import reminders_enqueue
from coupons.models import Claim, Coupon
from tests import factories
from tests.factories import NOW
from users.models import User

WEEK = timedelta(days=7)


def make_ending_claim(
    *, left: timedelta, now: datetime = NOW, shopper: User | None = None, **coupon_fields: Any
) -> Claim:
    """A claim made a week ago that ends in `left`."""
    coupon = factories.make_coupon(usable_until=now + left, **coupon_fields)
    return factories.make_claim(shopper=shopper, coupon=coupon, now=now - WEEK)


def make_due_email(*, now: datetime = NOW, shopper: User | None = None, **coupon_fields: Any) -> Message:
    """A reminder by e-mail that waits to be sent, of a claim that ends in 20 hours."""
    claim = make_ending_claim(left=timedelta(hours=20), now=now, shopper=shopper, **coupon_fields)
    reminders_enqueue(now=now)
    return emails().get(shopper=claim.shopper, data__claim=claim.pk)


def make_due_emails(count: int, *, now: datetime = NOW) -> None:
    """As many waiting e-mails, to as many shoppers."""
    coupon = factories.make_coupon(usable_until=now + timedelta(hours=20))
    for _number in range(count):
        factories.make_claim(coupon=coupon, now=now - WEEK)
    reminders_enqueue(now=now)


def emails() -> Any:
    """All messages by e-mail."""
    return Message.objects.filter(channel=MessageChannel.EMAIL)


def lead_hours(claim: Claim, channel: MessageChannel = MessageChannel.IN_APP) -> list[int]:
    """The lead times for which a claim was reminded of by a channel, in the order of writing."""
    messages = Message.objects.filter(channel=channel, data__claim=claim.pk).order_by("pk")
    return [message.data["lead_hours"] for message in messages]


def make_campaign(*coupons: Coupon, **fields: Any) -> Campaign:
    """A draft drop around the test moment that hands out these coupons."""
    fields.setdefault("key", f"campaign-{Campaign.objects.count() + 1}")
    fields.setdefault("kind", CampaignKind.DROP)
    fields.setdefault("title_en", "Autumn drop")
    fields.setdefault("starts_at", factories.LONG_AGO)
    fields.setdefault("ends_at", factories.LONG_FROM_NOW)
    campaign = Campaign.objects.create(**fields)
    CampaignCoupon.objects.bulk_create(
        CampaignCoupon(campaign=campaign, coupon=coupon, position=position) for position, coupon in enumerate(coupons)
    )
    return campaign
