"""What the coupons of variant groups brought in so far."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from django.db.models import Avg, Count, Q

from campaigns.models import REWARD_RULE, Decision, VariantGroup, VariantShare
from users.enums import SEGMENT_PREFIX


@dataclass(frozen=True, slots=True)
class VariantFigures:
    """Counts of one coupon of a group; `mean_reward` is None before the first outcome was measured."""

    decisions: int = 0
    measured: int = 0
    claimed: int = 0
    redeemed: int = 0
    mean_reward: float | None = None


def variant_figures(group_ids: Iterable[int]) -> dict[tuple[int, int], VariantFigures]:
    """Returns the figures by group and coupon id; one query."""
    # What an earlier rule measured means something else.
    today = Q(outcome__rule=REWARD_RULE)
    rows = (
        Decision.objects.filter(group_id__in=list(group_ids))
        .order_by()
        .values_list("group_id", "coupon_id")
        .annotate(
            decisions=Count("pk"),
            measured=Count("outcome", filter=today),
            claimed=Count("outcome", filter=today & Q(outcome__claimed=True)),
            redeemed=Count("outcome", filter=today & Q(outcome__redeemed=True)),
            mean_reward=Avg("outcome__reward", filter=today),
        )
    )
    return {(group_id, coupon_id): VariantFigures(*figures) for group_id, coupon_id, *figures in rows}


def segment_shares(group: VariantGroup) -> dict[str, list[float | None]]:
    """Returns the shares of each segment that has its own, by its key and in the order of the arms; two queries."""
    arms = list(group.arms.order_by("pk").values_list("pk", flat=True))
    found: dict[str, list[float | None]] = {}
    shares = VariantShare.objects.filter(arm__in=arms).order_by("segment").values_list("segment", "arm_id", "share")
    for segment, arm_id, share in shares:
        row = found.setdefault(segment.removeprefix(SEGMENT_PREFIX), [None] * len(arms))
        row[arms.index(arm_id)] = share
    return found
