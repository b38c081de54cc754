"""Decisions between variants: what came of those whose time is over, and what there is to learn from."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from django.db.models import F, OuterRef, Subquery
from numpy.typing import NDArray

from campaigns.models import REWARD_RULE, Decision, DecisionReward, VariantGroup
from coupons.enums import OrderState
from coupons.models import Claim, Redemption
from coupons.models.claim import DERIVED
from users.enums import BehaviourKind
from users.models import BehaviourEvent

Matrix = NDArray[np.float64]

# What a decision brings in later than this is no longer counted as its doing.
OUTCOME_LASTS = timedelta(days=7)
CHUNK_ROWS = 2000
# Whoever looks at an offer for more than an hour has left the room.
LONGEST_DWELL = 3600


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a shopper did with the coupon after a decision; `margin` is in minor units, less the discount."""

    decision: Decision
    claimed: bool
    dwell_seconds: float
    redeemed: bool
    margin: int


@dataclass(frozen=True, slots=True)
class DecisionLog:
    """Measured decisions of one group, one row each, oldest first."""

    coupon_ids: NDArray[np.int64]
    propensities: Matrix
    policies: NDArray[np.int64]
    segments: NDArray[np.str_]
    rewards: Matrix
    ages_days: Matrix

    def __len__(self) -> int:
        return len(self.rewards)

    def part(self, rows: slice | NDArray[np.bool_]) -> DecisionLog:
        """Returns some of the rows."""
        return DecisionLog(
            coupon_ids=self.coupon_ids[rows],
            propensities=self.propensities[rows],
            policies=self.policies[rows],
            segments=self.segments[rows],
            rewards=self.rewards[rows],
            ages_days=self.ages_days[rows],
        )


def outcomes_due(*, as_of: datetime) -> Iterator[list[Outcome]]:
    """Yields, in chunks, what came of decisions that are `OUTCOME_LASTS` old and have not been measured.

    What happens after the same shopper was led anew by the same group counts for the newer decision alone: nothing
    counts twice. Nothing that happened at `as_of` or later is looked at.
    """
    again = Decision.objects.filter(
        group=OuterRef("group"), shopper=OuterRef("shopper"), decided_at__gt=OuterRef("decided_at")
    )
    due = (
        Decision.objects.filter(decided_at__lte=as_of - OUTCOME_LASTS, outcome=None)
        .annotate(next_at=Subquery(again.order_by("decided_at").values("decided_at")[:1]))
        .select_related("group", "coupon")
        .order_by("pk")
    )
    last = 0
    while chunk := list(due.filter(pk__gt=last)[:CHUNK_ROWS]):
        last = chunk[-1].pk
        yield _outcomes(chunk)


def decision_log(*, group: VariantGroup, as_of: datetime, lasts: timedelta) -> DecisionLog:
    """Returns a group's decisions of the time before `as_of`, those that are measured by today's rule."""
    rows = (
        DecisionReward.objects.filter(
            decision__group=group,
            decision__decided_at__gte=as_of - lasts,
            decision__decided_at__lt=as_of,
            rule=REWARD_RULE,
        )
        .order_by("decision__decided_at", "pk")
        .values_list(
            "decision__coupon_id",
            "decision__propensity",
            "decision__policy",
            "decision__segment",
            "reward",
            "decision__decided_at",
        )
    )
    found = list(rows.iterator())
    return DecisionLog(
        coupon_ids=np.array([row[0] for row in found], dtype=np.int64),
        propensities=np.array([row[1] for row in found], dtype=np.float64),
        policies=np.array([row[2] for row in found], dtype=np.int64),
        segments=np.array([row[3] for row in found], dtype=np.str_),
        rewards=np.array([row[4] for row in found], dtype=np.float64),
        ages_days=np.array([(as_of - row[5]) / timedelta(days=1) for row in found], dtype=np.float64),
    )


def _outcomes(chunk: Sequence[Decision]) -> list[Outcome]:
    shoppers = {decision.shopper_id for decision in chunk}
    coupons = {decision.coupon_id: decision.coupon for decision in chunk}
    first = min(decision.decided_at for decision in chunk)
    last = max(_end(decision) for decision in chunk)
    claimed: dict[tuple[int, int], list[datetime]] = defaultdict(list)
    claims = Claim.objects.filter(
        shopper_id__in=shoppers, coupon_id__in=coupons, claimed_at__gte=first, claimed_at__lt=last
    ).exclude(channel__in=DERIVED)
    for shopper_id, coupon_id, at in claims.values_list("shopper_id", "coupon_id", "claimed_at"):
        claimed[shopper_id, coupon_id].append(at)
    looked = _looks(shoppers, {coupon.public_id: key for key, coupon in coupons.items()}, first, last)
    used = _uses(shoppers, set(coupons), first, last)
    return [
        _outcome(decision, claimed, looked, used)
        for decision in chunk
    ]  # fmt: skip


def _outcome(
    decision: Decision,
    claimed: dict[tuple[int, int], list[datetime]],
    looked: dict[tuple[int, int], list[tuple[datetime, float]]],
    used: dict[tuple[int, int], list[tuple[datetime, int, int]]],
) -> Outcome:
    key = decision.shopper_id, decision.coupon_id
    start, end = decision.decided_at, _end(decision)
    orders = [(subtotal, cost) for at, subtotal, cost in used[key] if start <= at < end]
    percent = decision.group.margin
    return Outcome(
        decision=decision,
        claimed=any(start <= at < end for at in claimed[key]),
        dwell_seconds=sum(seconds for at, seconds in looked[key] if start <= at < end),
        redeemed=bool(orders),
        margin=sum(subtotal * percent // 100 - cost for subtotal, cost in orders),
    )


def _end(decision: Decision) -> datetime:
    over = decision.decided_at + OUTCOME_LASTS
    next_at: datetime | None = decision.next_at  # type: ignore[attr-defined]  # annotated by outcomes_due
    return over if next_at is None else min(over, next_at)


def _looks(
    shoppers: set[int], coupons: dict[Any, int], first: datetime, last: datetime
) -> dict[tuple[int, int], list[tuple[datetime, float]]]:
    """Returns when the shop said that coupons were looked at, and for how many seconds."""
    found: dict[tuple[int, int], list[tuple[datetime, float]]] = defaultdict(list)
    events = BehaviourEvent.objects.filter(
        kind=BehaviourKind.DWELL,
        shopper_id__in=shoppers,
        coupon_public_id__in=coupons,
        occurred_at__gte=first,
        occurred_at__lt=last,
    )
    for shopper_id, public_id, data, at in events.values_list("shopper_id", "coupon_public_id", "data", "occurred_at"):
        found[shopper_id, coupons[public_id]].append((at, _seconds(data)))
    return found


def _seconds(data: Any) -> float:
    # Whatever a sender wrote there; only a sensible number counts.
    seconds = data.get("seconds") if isinstance(data, dict) else None
    if isinstance(seconds, bool) or not isinstance(seconds, int | float) or math.isnan(seconds):
        return 0.0
    return float(min(max(seconds, 0), LONGEST_DWELL))


def _uses(
    shoppers: set[int], coupons: set[int], first: datetime, last: datetime
) -> dict[tuple[int, int], list[tuple[datetime, int, int]]]:
    """Returns when coupons were used, on goods worth how much, and what that cost; refunded orders do not count."""
    found: dict[tuple[int, int], list[tuple[datetime, int, int]]] = defaultdict(list)
    uses = (
        Redemption.objects.filter(
            coupon_id__in=coupons,
            claim__shopper_id__in=shoppers,
            redeemed_at__gte=first,
            redeemed_at__lt=last,
            order__state=OrderState.REDEEMED,
        )
        .annotate(cost=F("amount") - F("refunded"))
        .values_list("claim__shopper_id", "coupon_id", "redeemed_at", "order__subtotal", "cost")
    )
    for shopper_id, coupon_id, at, subtotal, cost in uses:
        found[shopper_id, coupon_id].append((at, subtotal, cost))
    return found
