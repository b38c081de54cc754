"""From how likely a shopper buys each product type to a varied list of coupons, with a reason for each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Table = NDArray[np.float32]

# A coupon is as good as the few things on it that the shopper most likely buys; a long tail adds nothing.
COUNTED_KINDS = 3
# A coupon for the whole shop keeps half of its relevance: it suits everybody, and so nobody in particular.
BREADTH_COST = 0.5
# What each coupon before it with the same leading type takes off.
REPETITION = 0.5
# A type on a coupon leads only if the coupon counts a fair part of it.
LEADING_SHARE = 0.05


@dataclass(frozen=True, slots=True)
class Relevance:
    """Shoppers × coupons: the score, and the type that speaks most for the coupon."""

    score: Table
    leading_kind: NDArray[np.int64]


def relevance_of(chances: Table, shares: Table, shop_share: Table) -> Relevance:
    """Returns how likely each shopper buys something that a coupon counts, less for a coupon that counts everything.

    Over the three likeliest types on the coupon: 1 - Π(1 - chance × share of the type that the coupon counts),
    times 1 - ½ × the share of the shop's sales that it counts.

    Args:
        chances: shoppers × types, each between 0 and 1.
        shares: coupons × types, likewise.
        shop_share: of each coupon.
    """
    shoppers, coupons = len(chances), len(shares)
    score = np.zeros((shoppers, coupons), dtype=np.float32)
    leading = np.zeros((shoppers, coupons), dtype=np.int64)
    # Many coupons count the very same things.
    known: dict[bytes, tuple[NDArray[np.float32], NDArray[np.int64]]] = {}
    for coupon in range(coupons):
        key = shares[coupon].tobytes()
        if key not in known:
            known[key] = _likeliest(chances, shares[coupon])
        missed, leading[:, coupon] = known[key]
        score[:, coupon] = (1.0 - missed) * (1.0 - BREADTH_COST * shop_share[coupon])
    return Relevance(score=score, leading_kind=leading)


def _likeliest(chances: Table, shares: NDArray[np.float32]) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    """Returns the chance that each shopper buys none of the likeliest types on a coupon, and which of them leads."""
    everybody = np.arange(len(chances))
    missed = np.ones(len(chances), dtype=np.float32)
    # Only the types on the coupon: most name a handful.
    kinds = np.flatnonzero(shares > 0)
    if not len(kinds):
        return missed, np.zeros(len(chances), dtype=np.int64)
    likely = chances[:, kinds] * shares[kinds]
    is_leading = shares[kinds] >= LEADING_SHARE
    best = np.argmax(likely, axis=1)
    leading = best if is_leading.all() else np.argmax(np.where(is_leading, likely, -1.0), axis=1)
    # A few times the best of what is left: sorting would cost as much as everything else together.
    for number in range(min(COUNTED_KINDS, len(kinds))):
        if number:
            likely[everybody, best] = -1.0
            best = np.argmax(likely, axis=1)
        missed *= 1.0 - likely[everybody, best]
    return missed, kinds[leading]


def varied_order(relevance: Relevance, group: NDArray[np.int64], *, length: int) -> NDArray[np.int64]:
    """Returns the best coupons of each shopper in order: shoppers × length, -1 where nothing is relevant any more.

    Greedy: the next is always the one with the highest score × ½ to the power of how many before it have its leading
    type, or its group. So ten coupons of one kind never stand in a row, and one that is far better still comes first.

    Args:
        group: of each coupon; coupons that count the same things share one. Negative for a coupon on its own.
    """
    shoppers, coupons = relevance.score.shape
    length = min(length, coupons)
    order = np.full((shoppers, length), -1, dtype=np.int64)
    left = relevance.score.copy()
    everybody = np.arange(shoppers)
    for place in range(length):
        chosen = np.argmax(left, axis=1)
        is_relevant = left[everybody, chosen] > 0
        order[is_relevant, place] = chosen[is_relevant]
        kind = relevance.leading_kind[everybody, chosen]
        alike = relevance.leading_kind == kind[:, None]
        alike |= (group[chosen][:, None] == group[None, :]) & (group[chosen][:, None] >= 0)
        left = np.where(alike & is_relevant[:, None], left * REPETITION, left)
        left[everybody, chosen] = 0.0
    return order


def groups_of(shares: Table) -> NDArray[np.int64]:
    """Returns a number for each coupon: the same for coupons that count the very same products' types."""
    _, group = np.unique(np.round(shares, 4), axis=0, return_inverse=True)
    numbers: NDArray[np.int64] = group.reshape(-1).astype(np.int64)
    return numbers


def strongest_companion(
    shopper: NDArray[np.int64],
    kind: NDArray[np.int64],
    *,
    owned: NDArray[np.int64],
    starts: NDArray[np.int64],
    weights: Table,
) -> NDArray[np.int64]:
    """Returns what each shopper has that speaks most for a type, by the weights of EASE; -1 for nothing that does.

    Args:
        shopper, kind: whom and which type each question is about.
        owned: the types that the shoppers have, one shopper after the other, ascending within each.
        starts: where each shopper's begin in it, and where the last one's end.
        weights: types × types.
    """
    companions = np.full(len(shopper), -1, dtype=np.int64)
    length = starts[shopper + 1] - starts[shopper]
    asked = np.flatnonzero(length)
    if not len(asked):
        return companions
    length = length[asked]
    ends = np.cumsum(length)
    # One row for each question and each type that its shopper has.
    question = np.repeat(np.arange(len(asked)), length)
    has = owned[np.arange(ends[-1]) + np.repeat(starts[shopper[asked]] - (ends - length), length)]
    support = weights[has, kind[asked][question]]
    strongest = np.maximum.reduceat(support, ends - length)
    hits = np.flatnonzero(support == strongest[question])
    # The first of those that speak as much for it.
    _, firsts = np.unique(question[hits], return_index=True)
    companions[asked] = np.where(strongest > 0, has[hits[firsts]], -1)
    return companions
