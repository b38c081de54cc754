"""Which campaigns response is learned from, and which are to be scored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from django.db.models import Exists, Min, OuterRef
from numpy.typing import NDArray

from analytics.models import AllocationPlan
from analytics.selectors.response import DECIDED_BEFORE, Offering, offerings
from analytics.selectors.windows import learning_window
from campaigns.enums import CampaignStatus
from campaigns.models import Campaign, CampaignRecipient
from campaigns.selectors.audience import campaign_audience
from coupons.enums import AudienceKind
from coupons.models import Coupon, Order
from users.enums import BehaviourKind
from users.models import BehaviourEvent, User

# Less than this of a shopper's past says little about the next weeks.
SHORTEST_PAST = timedelta(days=28)
# The newest ended campaigns teach the most; older ones only cost time.
MOST_CAMPAIGNS = 40
# How far ahead a campaign is scored.
LOOKS_AHEAD = timedelta(days=14)


def ended_offerings(*, until: datetime) -> list[Offering]:
    """Returns the newest campaigns that ended before a moment and whose recipients are recorded, by their start.

    Campaigns that began before anything was known of the shoppers are left out.
    """
    first = Order.objects.filter(redeemed_at__isnull=False).aggregate(first=Min("redeemed_at"))["first"]
    if first is None:
        return []
    campaigns = Campaign.objects.filter(
        Exists(CampaignRecipient.objects.filter(campaign=OuterRef("pk"))),
        ends_at__lte=until,
        starts_at__gte=first + SHORTEST_PAST + DECIDED_BEFORE,
    ).exclude(status=CampaignStatus.DRAFT)
    return offerings(campaigns.order_by("-ends_at")[:MOST_CAMPAIGNS])


def open_offerings(*, now: datetime, known_until: datetime) -> list[Offering]:
    """Returns the campaigns that run or start within `LOOKS_AHEAD`, with nothing known from `known_until` on."""
    campaigns = Campaign.objects.filter(
        status=CampaignStatus.PUBLISHED, starts_at__lt=now + LOOKS_AHEAD, ends_at__gt=now
    )
    return offerings(campaigns, known_until=known_until)


@dataclass(frozen=True, slots=True)
class AudienceChunk:
    """Some shoppers to be scored, by id, ascending; and those of them whom the campaign addresses as it stands."""

    shopper_ids: list[int]
    addressed: NDArray[np.int64]


def audience_chunks(*, offering: Offering, now: datetime, chunk_rows: int) -> Iterator[AudienceChunk]:
    """Yields the shoppers whom a campaign addresses, in chunks; flat in memory however many they are.

    These are its recorded recipients, or else whoever may claim one of its coupons. Of a campaign whose coupons are to
    be allocated every buyer of the year is scored beside them: who is to get them is decided by these very scores.
    """
    campaign = Campaign.objects.get(pk=offering.campaign_id)
    recorded = CampaignRecipient.objects.filter(campaign=campaign, shopper=OuterRef("pk"))
    is_recorded = CampaignRecipient.objects.filter(campaign=campaign).exists()
    if is_recorded:
        addressed = User.objects.shoppers().filter(Exists(recorded), is_active=True)
    else:
        addressed = campaign_audience(campaign=campaign, now=now)
    scored = addressed
    with_buyers = not is_recorded and AllocationPlan.objects.filter(campaign=campaign, is_active=True).exists()
    if with_buyers:
        window = learning_window(now=now, as_of=None)
        bought = BehaviourEvent.objects.filter(
            kind=BehaviourKind.PURCHASE, occurred_at__gte=window.start, occurred_at__lt=window.end
        )
        scored = addressed | User.objects.shoppers().filter(
            Exists(bought.filter(shopper=OuterRef("pk"))), is_active=True
        )
    last = 0
    while chunk := list(scored.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:chunk_rows]):
        of_chunk = addressed.filter(pk__gt=last, pk__lte=chunk[-1]).values_list("pk", flat=True)
        yield AudienceChunk(chunk, np.array(list(of_chunk) if with_buyers else chunk, dtype=np.int64))
        last = chunk[-1]


def allocated_coupons(offering: Offering) -> list[int]:
    """Returns those of a campaign's coupons that are open only to shoppers whom they were allocated to, by id."""
    coupons = Coupon.objects.filter(pk__in=offering.coupon_ids, audience=AudienceKind.ALLOCATED)
    return list(coupons.order_by("pk").values_list("pk", flat=True))
