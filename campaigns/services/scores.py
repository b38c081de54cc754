"""Scores and plans that analytics hands down, written in bulk."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from campaigns.enums import MessageChannel
from campaigns.models import ContactPlan, CouponScore
from config.kernel.bulk import Shared, renew_rows
from config.kernel.locks import busy_when_locked

SCORE_FIELDS = ("shopper_id", "coupon_id", "probability", "value", "computed_at")
PLAN_FIELDS = ("shopper_id", "hour", "channel", "trigger_score", "is_triggered", "reasons", "computed_at")


@dataclass(frozen=True, slots=True)
class ScoreDraft:
    """A shopper's score of one coupon; see `CouponScore`."""

    shopper_id: int
    coupon_id: int
    probability: float
    value: float


@dataclass(frozen=True, slots=True)
class PlanDraft:
    """A shopper's contact plan; see `ContactPlan`."""

    shopper_id: int
    hour: int
    channel: MessageChannel
    trigger_score: float
    is_triggered: bool
    reasons: dict[str, Any]


def coupon_scores_write(*, drafts: Iterable[ScoreDraft], now: datetime) -> int:
    """Writes or renews the scores of some shoppers in one transaction; returns how many.

    The same scores at the same moment leave the same rows. Rows go in the order of shopper and coupon, so that two
    runs at once queue up rather than lock each other out.
    """
    computed_at = Shared(now)
    rows = ((draft.shopper_id, draft.coupon_id, draft.probability, draft.value, computed_at) for draft in drafts)
    with busy_when_locked(), transaction.atomic():
        return renew_rows(CouponScore, SCORE_FIELDS, rows, key=SCORE_FIELDS[:2])


def coupon_scores_drop_older(*, than: datetime) -> int:
    """Takes away the scores that the newest run did not renew: of ended campaigns, of shoppers out of the audience."""
    dropped, _models = CouponScore.objects.filter(computed_at__lt=than).delete()
    return dropped


def contact_plans_write(*, drafts: Iterable[PlanDraft], now: datetime) -> int:
    """Writes or renews the plans of some shoppers in one transaction; returns how many."""
    computed_at = Shared(now)
    rows = (
        (
            draft.shopper_id,
            draft.hour,
            draft.channel.value,
            draft.trigger_score,
            draft.is_triggered,
            draft.reasons,
            computed_at,
        )
        for draft in drafts
    )
    with busy_when_locked(), transaction.atomic():
        return renew_rows(ContactPlan, PLAN_FIELDS, rows, key=PLAN_FIELDS[:1])


def contact_plans_drop_older(*, than: datetime) -> int:
    """Takes away the plans that the newest run did not renew: nothing was heard of these shoppers for long."""
    dropped, _models = ContactPlan.objects.filter(computed_at__lt=than).delete()
    return dropped
