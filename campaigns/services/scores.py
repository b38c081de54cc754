"""Scores and plans that analytics hands down, written in bulk."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from campaigns.enums import MessageChannel
from campaigns.models import ContactPlan, CouponScore
from config.kernel.locks import busy_when_locked

BATCH_ROWS = 2000


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
    rows = [
        CouponScore(
            shopper_id=draft.shopper_id,
            coupon_id=draft.coupon_id,
            probability=draft.probability,
            value=draft.value,
            computed_at=now,
        )
        for draft in sorted(drafts, key=lambda draft: (draft.shopper_id, draft.coupon_id))
    ]
    with busy_when_locked(), transaction.atomic():
        CouponScore.objects.bulk_create(
            rows,
            batch_size=BATCH_ROWS,
            update_conflicts=True,
            unique_fields=["shopper", "coupon"],
            update_fields=["probability", "value", "computed_at"],
        )
    return len(rows)


def coupon_scores_drop_older(*, than: datetime) -> int:
    """Takes away the scores that the newest run did not renew: of ended campaigns, of shoppers out of the audience."""
    dropped, _models = CouponScore.objects.filter(computed_at__lt=than).delete()
    return dropped


def contact_plans_write(*, drafts: Iterable[PlanDraft], now: datetime) -> int:
    """Writes or renews the plans of some shoppers in one transaction; returns how many."""
    rows = [
        ContactPlan(
            shopper_id=draft.shopper_id,
            hour=draft.hour,
            channel=draft.channel,
            trigger_score=draft.trigger_score,
            is_triggered=draft.is_triggered,
            reasons=draft.reasons,
            computed_at=now,
        )
        for draft in sorted(drafts, key=lambda draft: draft.shopper_id)
    ]
    with busy_when_locked(), transaction.atomic():
        ContactPlan.objects.bulk_create(
            rows,
            batch_size=BATCH_ROWS,
            update_conflicts=True,
            unique_fields=["shopper"],
            update_fields=["hour", "channel", "trigger_score", "is_triggered", "reasons", "computed_at"],
        )
    return len(rows)


def contact_plans_drop_older(*, than: datetime) -> int:
    """Takes away the plans that the newest run did not renew: nothing was heard of these shoppers for long."""
    dropped, _models = ContactPlan.objects.filter(computed_at__lt=than).delete()
    return dropped
