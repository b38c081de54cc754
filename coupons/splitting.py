"""Cutting the sum of a red packet into shares: whole minor units, at least one each, exact in sum."""

from __future__ import annotations

import random
from collections.abc import Sequence

from coupons.pricing.allocation import allocate


def split_equally(*, total: int, count: int) -> list[int]:
    """Returns `count` shares that differ by at most one unit, the larger ones first.

    Raises:
        ValueError: there are no shares, or not one unit for each.
    """
    _require_enough(total, count)
    share, rest = divmod(total, count)
    return [share + (number < rest) for number in range(count)]


def split_by_luck(*, total: int, count: int, rng: random.Random) -> list[int]:
    """Returns `count` random shares by the double-mean method, shuffled.

    Each draw is uniform from one unit to twice the mean of what is left less one unit; the last share is what
    remains. Every draw leaves at least one unit for each share to come. The draws differ in how far they scatter,
    so they are shuffled at the end: early or late, everybody who grabs has the same chances.

    Args:
        rng: `secrets.SystemRandom()` where money is at stake; one with a seed in a test.

    Raises:
        ValueError: there are no shares, or not one unit for each.
    """
    _require_enough(total, count)
    shares = []
    rest = total
    for left in range(count, 1, -1):
        share = rng.randint(1, 2 * rest // left - 1)
        shares.append(share)
        rest -= share
    shares.append(rest)
    rng.shuffle(shares)
    return shares


def split_in_proportion(*, total: int, weights: Sequence[int]) -> list[int]:
    """Returns one share per weight, in proportion by largest remainder, yet never less than one unit.

    Args:
        weights: what each one paid, for instance; all above zero. Of equal remainders the earlier gets the unit.

    Raises:
        ValueError: there are no shares, not one unit for each, or a weight is not above zero.
    """
    _require_enough(total, len(weights))
    if min(weights) < 1:
        raise ValueError("every weight must be above zero")
    shares = [1] * len(weights)
    rest, weight_left = total, sum(weights)
    ascending = sorted(range(len(weights)), key=weights.__getitem__)
    # Who would get less than a unit gets just that, which lowers what the others get; so the small ones come first.
    for position, index in enumerate(ascending):
        if weights[index] * rest >= weight_left:
            larger = sorted(ascending[position:])
            parts = allocate(rest, [weights[each] for each in larger], [rest] * len(larger))
            for each, part in zip(larger, parts, strict=True):
                shares[each] = part
            break
        rest -= 1
        weight_left -= weights[index]
    return shares


def _require_enough(total: int, count: int) -> None:
    if count < 1:
        raise ValueError("there must be a share")
    if total < count:
        raise ValueError("every share needs at least one unit")
