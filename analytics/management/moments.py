"""Moments as operators type them."""

from __future__ import annotations

from datetime import datetime

from django.core.management.base import CommandError
from django.utils.dateparse import parse_date, parse_datetime
from django.utils.timezone import is_naive

from config.kernel.clock import shop_zone, start_of_shop_day


def moment(text: str) -> datetime:
    """Returns the moment that somebody typed behind `--as-of`: a date is its first instant in the shop.

    Raises:
        CommandError: it is neither a date nor an ISO date and time.
    """
    try:
        day = parse_date(text)
        if day is not None:
            return start_of_shop_day(day)
        found = parse_datetime(text)
    except ValueError as error:
        raise CommandError(f"--as-of: {error}") from error
    if found is None:
        raise CommandError("--as-of takes a date or an ISO date and time.")
    return found.replace(tzinfo=shop_zone()) if is_naive(found) else found
