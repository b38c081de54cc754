"""Guessing codes and gift links is slow: so many wrong ones a minute, for a shopper and for an address."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings

from config.kernel.addresses import network_of
from config.kernel.counters import count, throttled
from config.kernel.throttle import throttle
from coupons.errors import CodeInvalid, GiftInvalid, TooManyWrongCodes
from users.models import User

WINDOW = 60


@contextmanager
def few_wrong_codes(*, shopper: User | None, address: str | None) -> Iterator[None]:
    """Lets a code or the secret of a gift be tried, unless too many were wrong within the last minute.

    A try is counted before it is known to be wrong and uncounted when it was not: of a burst, no more than the limit
    are ever compared with what exists. Everything but a wrong code counts as right, also a coupon that is sold out.

    Args:
        shopper: for whom it is tried; None for a stranger who looks at a gift.
        address: where from; None when the shop's backend asks for its shoppers, whom it knows.

    Raises:
        TooManyWrongCodes: with `retry_after`; nothing was looked up.
    """
    keys: list[tuple[str, str, int]] = []
    if shopper is not None:
        keys.append(("shopper", f"code:shopper:{shopper.pk}", settings.WRONG_CODES_PER_SHOPPER))
    if address is not None:
        keys.append(("address", f"code:address:{network_of(address)}", settings.WRONG_CODES_PER_ADDRESS))
    counted: list[str] = []
    for kind, key, limit in keys:
        retry_after = throttle.hit(key, limit=limit, window=WINDOW)
        if retry_after is not None:
            _give_back(counted)
            count(throttled, "wrong_codes", kind)
            raise TooManyWrongCodes(retry_after=retry_after)
        counted.append(key)
    try:
        yield
    except (CodeInvalid, GiftInvalid):
        raise
    except BaseException:
        _give_back(counted)
        raise
    _give_back(counted)


def _give_back(keys: list[str]) -> None:
    for key in keys:
        throttle.give_back(key)
