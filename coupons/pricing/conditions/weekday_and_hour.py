"""Only on certain weekdays and hours of the shop."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from coupons.pricing.conditions.base import ConditionFacts
from coupons.pricing.refusal import RefusalCode, Unmet
from coupons.pricing.whole_numbers import require_whole

MINUTES_OF_DAY = 24 * 60
EVERY_DAY = frozenset(range(7))
_MINUTE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class WeekdayAndHour:
    """Usable on ``weekdays`` in ``[start_minute, end_minute)`` of the day, on the shop's clock.

    A window whose end is not after its start passes midnight; it belongs to the weekday on which it begins.

    Args:
        weekdays: 0 is Monday, 6 is Sunday.
        start_minute: minutes after midnight.
        end_minute: the same; 1440 is the end of the day.
        zone: name of the shop's time zone, such as ``Asia/Shanghai``.

    Raises:
        ValueError: without a weekday, on a number out of its range, an empty window or an unknown zone.
    """

    weekdays: frozenset[int] = EVERY_DAY
    start_minute: int = 0
    end_minute: int = MINUTES_OF_DAY
    zone: str = "UTC"
    _zone_info: ZoneInfo = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        require_whole("start_minute", self.start_minute, at_least=0)
        require_whole("end_minute", self.end_minute, at_least=0)
        if not self.weekdays or not self.weekdays <= EVERY_DAY:
            raise ValueError("weekdays are some of 0 to 6")
        if self.start_minute >= MINUTES_OF_DAY or self.end_minute > MINUTES_OF_DAY:
            raise ValueError("a day has 1440 minutes")
        if self.start_minute == self.end_minute:
            raise ValueError("the window is empty")
        try:
            object.__setattr__(self, "_zone_info", ZoneInfo(self.zone))
        except (KeyError, OSError) as error:
            raise ValueError(f"unknown time zone: {self.zone!r}") from error

    def check(self, facts: ConditionFacts) -> Unmet | None:
        """Look at the shop's clock; say when the next window opens."""
        local = facts.now.astimezone(self._zone_info)
        if self._is_open(local):
            return None
        return Unmet(RefusalCode.OUTSIDE_HOURS, {"opens_at": self._next_opening(facts.now, local)})

    def _is_open(self, local: datetime) -> bool:
        minute, weekday = local.hour * 60 + local.minute, local.weekday()
        if self.start_minute < self.end_minute:
            return weekday in self.weekdays and self.start_minute <= minute < self.end_minute
        is_first_evening = weekday in self.weekdays and minute >= self.start_minute
        is_next_morning = (weekday - 1) % 7 in self.weekdays and minute < self.end_minute
        return is_first_evening or is_next_morning

    def _next_opening(self, now: datetime, local: datetime) -> datetime:
        start = time(self.start_minute // 60, self.start_minute % 60)
        # A wall time comes twice when the clock is set back.
        openings = (
            datetime.combine(local.date() + timedelta(days=days), start, tzinfo=self._zone_info)
            .replace(fold=fold)
            .astimezone(UTC)
            for days in range(9)
            for fold in (0, 1)
        )
        opening = next(moment for moment in openings if moment > now and self._is_open_at(moment))
        # A wall time that is left out when the clock is set forward is found too late.
        while opening - _MINUTE > now and self._is_open_at(opening - _MINUTE):
            opening -= _MINUTE
        return opening

    def _is_open_at(self, moment: datetime) -> bool:
        return self._is_open(moment.astimezone(self._zone_info))
