"""From the chain's clock and currency to the shop's."""

from __future__ import annotations

from datetime import UTC, datetime

from config.kernel.clock import shop_zone
from config.kernel.money import exponent

SOURCE_CURRENCY = "USD"
SOURCE_EXPONENT = 2


def to_shop_time(store_time: datetime) -> datetime:
    """Returns the moment at which the shop's clock shows what the store's clock showed, in UTC.

    A Saturday-evening purchase stays one whatever the shop's time zone, so that habits by hour and weekday,
    days and campaign windows keep their meaning.
    """
    return store_time.replace(tzinfo=shop_zone()).astimezone(UTC)


def to_shop_money(cents: int) -> int:
    """Returns the same number of dollars in minor units of the shop's currency, half a unit up."""
    surplus = exponent() - SOURCE_EXPONENT
    if surplus >= 0:
        return cents * int(10**surplus)
    divisor = int(10**-surplus)
    return (2 * cents + divisor) // (2 * divisor)
