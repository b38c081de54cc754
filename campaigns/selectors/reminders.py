"""Which claims are to be reminded of, and whether a reminder is still worth sending.

A claim is reminded of at three lead times before its end. A lead time applies from its moment on until an
hour before the next one's: of several that have passed only the nearest counts. So a claim made ten hours
before its end gets the 24-hour reminder at once and the 3-hour one later, never three together; a job that
was down catches up with one reminder, and leaves it out when the next is due within the hour anyway.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from django.db.models import CharField, Exists, F, Func, OuterRef, Q, QuerySet, Value
from django.db.models.functions import Cast, Concat

from campaigns.enums import MessageChannel
from campaigns.models import Message
from coupons.enums import ClaimState
from coupons.models import Claim

LEAD_TIMES = (timedelta(hours=72), timedelta(hours=24), timedelta(hours=3))
SMALLEST_GAP = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class ReminderWindow:
    """A claim with `shortest < time left <= longest` is to be reminded of, once."""

    shortest: timedelta
    longest: timedelta

    @property
    def hours(self) -> int:
        """The lead time in hours."""
        return self.longest // timedelta(hours=1)


WINDOWS = tuple(
    ReminderWindow(shortest=following + SMALLEST_GAP if following else following, longest=lead)
    for lead, following in pairwise((*LEAD_TIMES, timedelta(0)))
)


class _UtcDigits(Func):
    """A moment as `YYYYMMDDHHMMSS` in UTC."""

    output_field = CharField()

    def as_postgresql(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(
            compiler, connection, template="to_char(%(expressions)s AT TIME ZONE 'UTC', 'YYYYMMDDHH24MISS')", **context
        )

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        return self.as_sql(compiler, connection, template="strftime('%%Y%%m%%d%%H%%M%%S', %(expressions)s)", **context)


def claims_to_remind(*, window: ReminderWindow, now: datetime) -> QuerySet[Claim]:
    """Returns the usable claims of active shoppers in a window that have no reminder yet, the earliest end first.

    Each has `reminder_key`, which names claim, end and lead time: a claim with a new end is reminded of anew;
    and `by_email`, whether its shopper wants reminders by e-mail and has an address.
    """
    key = Concat(
        Value("expiry:"),
        Cast("pk", CharField()),
        Value(":"),
        _UtcDigits(F("expires_at")),
        Value(f":{window.hours}h"),
        output_field=CharField(),
    )
    # The in-app message is written in one statement with the others: where it is, all are.
    written = Message.objects.filter(
        dedupe_key=Concat(OuterRef("reminder_key"), Value(f":{MessageChannel.IN_APP}"), output_field=CharField())
    )
    return (
        Claim.objects.usable(now)
        .filter(expires_at__gt=now + window.shortest, expires_at__lte=now + window.longest, shopper__is_active=True)
        .annotate(
            reminder_key=key,
            by_email=Q(shopper__wants_reminders=True) & Q(shopper__email_index__isnull=False),
        )
        .filter(~Exists(written))
        .order_by("expires_at", "pk")
    )


def reminders_due_count(*, now: datetime) -> int:
    """Returns how many claims are to be reminded of now."""
    return sum(claims_to_remind(window=window, now=now).count() for window in WINDOWS)


def reminder_is_wanted(*, message: Message, claim: Claim, now: datetime) -> bool:
    """Tells whether a reminder still helps: its claim can be used, ends when it says, and its shopper wants it."""
    if claim.state_at(now) != ClaimState.AVAILABLE:
        return False
    if claim.expires_at != datetime.fromisoformat(message.data["expires_at"]):
        return False
    shopper = message.shopper
    if not shopper.is_active:
        return False
    return message.channel != MessageChannel.EMAIL or bool(shopper.wants_reminders and shopper.email)
