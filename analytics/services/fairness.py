"""Looking every night whether discounts are spread fairly, and telling operators when they are not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction

from analytics.enums import Dimension, FairnessRate
from analytics.models import FairnessSnapshot
from analytics.selectors.metrics.cut import Cut
from analytics.selectors.metrics.fairness import alarm_of, groups, spread
from analytics.selectors.periods import last_days
from campaigns.enums import MessageChannel, MessageTopic
from campaigns.selectors.operators import operators
from campaigns.services.outbox import MessageDraft, messages_write
from config.kernel.clock import shop_date

logger = structlog.get_logger(__name__)

LOOKED_AT_DAYS = 30
GINI = "gini"


def fairness_watch(*, now: datetime) -> FairnessSnapshot | None:
    """Keeps how the thirty days before today were, once a day, and tells operators of what became uneven.

    Operators are told in the app and by e-mail when an alarm is there that was not there the night before; the log
    says so every night. Snapshot and messages are one transaction.

    Returns:
        The new snapshot; None when today has one, or when nobody claimed or ordered.
    """
    today = shop_date(now)
    if FairnessSnapshot.objects.filter(day=today).exists():
        return None
    period = last_days(today - timedelta(days=1), LOOKED_AT_DAYS)
    alarms, shoppers, gini = fairness_alarms(Cut(period))
    if not shoppers:
        return None
    with transaction.atomic():
        snapshot, is_new = FairnessSnapshot.objects.get_or_create(
            day=today,
            defaults={
                "first": period.first,
                "last": period.last,
                "shoppers": shoppers,
                "gini": gini,
                "alarms": alarms,
                "created_at": now,
            },
        )
        if not is_new:
            return None
        if alarms and _kinds(alarms) - _kinds(_alarms_before(today)):
            messages_write(drafts=_drafts_of(snapshot), now=now)
    if alarms:
        logger.warning("fairness_alarm", day=str(today), alarms=alarms)
    return snapshot


def fairness_alarms(cut: Cut) -> tuple[list[dict[str, object]], int, float | None]:
    """Returns what is too uneven in a cut, over how many shoppers, and Gini's coefficient.

    An alarm is a dict of `dimension`, `rate`, `lowest`, `highest` and `ratio`; of the coefficient `dimension` is
    `gini` and `ratio` the coefficient.
    """
    money = spread(cut)
    alarms: list[dict[str, object]] = []
    if money.gini is not None and 100 * money.gini > settings.FAIRNESS_HIGHEST_GINI_PERCENT:
        alarms.append({"dimension": GINI, "rate": "", "lowest": "", "highest": "", "ratio": round(money.gini, 4)})
    for dimension in Dimension:
        rates = groups(cut, dimension)
        found = [alarm for rate in FairnessRate if (alarm := alarm_of(rates, dimension, rate))]
        alarms += [
            {
                "dimension": dimension.value,
                "rate": alarm.rate.value,
                "lowest": alarm.lowest,
                "highest": alarm.highest,
                "ratio": round(alarm.ratio, 4),
            }
            for alarm in found
        ]
    return alarms, money.shoppers, money.gini


def _alarms_before(day: date) -> list[dict[str, object]]:
    before = FairnessSnapshot.objects.filter(day__lt=day).order_by("-day").first()
    return before.alarms if before is not None else []


def _kinds(alarms: Sequence[dict[str, object]]) -> set[tuple[object, object]]:
    return {(alarm["dimension"], alarm["rate"]) for alarm in alarms}


def _drafts_of(snapshot: FairnessSnapshot) -> Iterator[MessageDraft]:
    for operator in operators():
        channels = [MessageChannel.IN_APP, *([MessageChannel.EMAIL] if operator.email else [])]
        for channel in channels:
            yield MessageDraft(
                dedupe_key=f"fairness:{snapshot.day:%Y%m%d}:{operator.pk}:{channel}",
                shopper_id=operator.pk,
                channel=channel,
                topic=MessageTopic.FAIRNESS,
                data={"fairness": str(snapshot.day), "alarms": len(snapshot.alarms)},
            )
