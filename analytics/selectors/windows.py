"""Which stretch of time a run looks at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Max

from analytics.enums import WindowEnd
from users.enums import BehaviourKind
from users.models import BehaviourEvent

WINDOW_LASTS = timedelta(days=365)
# With fewer buyers in a year a shop is not running, and what was imported says more. A job that learns wants more.
FEWEST_SHOPPERS = 10
PURCHASES = BehaviourEvent.objects.filter(kind=BehaviourKind.PURCHASE)


@dataclass(frozen=True, slots=True)
class Window:
    """`[start, end)`: nothing that happened at `end` or later is looked at."""

    start: datetime
    end: datetime
    ends_with: WindowEnd


def learning_window(*, now: datetime, as_of: datetime | None, fewest_shoppers: int = FEWEST_SHOPPERS) -> Window:
    """Returns the year of behaviour to learn from.

    It ends with `as_of` if that is given, else with now. When fewer than `fewest_shoppers` shoppers bought
    something in the year before now, but there are older purchases (imported history, a shop that has been
    closed), it ends right after the newest of these instead.
    """
    if as_of is not None:
        return _window(as_of, WindowEnd.GIVEN)
    current = _window(now, WindowEnd.NOW)
    if _has_buyers(current, fewest_shoppers):
        return current
    newest = PURCHASES.filter(occurred_at__lt=current.start).aggregate(newest=Max("occurred_at"))["newest"]
    if newest is None:
        return current
    # The end is exclusive: the smallest step after the newest event includes it.
    return _window(newest + timedelta(microseconds=1), WindowEnd.NEWEST_EVENT)


def _window(end: datetime, ends_with: WindowEnd) -> Window:
    return Window(start=end - WINDOW_LASTS, end=end, ends_with=ends_with)


def _has_buyers(window: Window, fewest: int) -> bool:
    bought = PURCHASES.filter(occurred_at__gte=window.start, occurred_at__lt=window.end)
    # Stops reading as soon as there are enough.
    return bought.order_by().values("shopper_id").distinct()[:fewest].count() >= fewest
