"""What shoppers bought, as arrays; and what can be counted about one shopper and one product type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

# Half of a purchase's weight is gone after so many days.
HALF_LIVES = (10.0, 20.0, 40.0, 80.0, 160.0)
MONTH, QUARTER = 30.0, 90.0


@dataclass(frozen=True, slots=True)
class Purchases:
    """Product types in orders: one row for each order and type, however many units.

    Attributes:
        shopper_ids: ids of all shoppers here, ascending; one without a row may be among them.
        shopper: position in `shopper_ids` of each row.
        order: the order's id of each row.
        kind: the product type of each row, from 0.
        day: when, in days since 1970; fractions count.
        kinds: how many product types there are.
    """

    shopper_ids: Ints
    shopper: Ints
    order: Ints
    kind: Ints
    day: Floats
    kinds: int

    def between(self, first: float, end: float) -> Purchases:
        """Returns the rows of `[first, end)`, of the same shoppers."""
        return self._where((self.day >= first) & (self.day < end))

    def before(self, end: float) -> Purchases:
        """Returns the rows before a day, of the same shoppers."""
        return self._where(self.day < end)

    def only(self, shoppers: Ints) -> Purchases:
        """Returns the rows of some shoppers, given as ascending positions; they are numbered anew."""
        renumbered = np.full(len(self.shopper_ids), -1, dtype=np.int64)
        renumbered[shoppers] = np.arange(len(shoppers))
        kept = renumbered[self.shopper] >= 0
        return Purchases(
            shopper_ids=self.shopper_ids[shoppers],
            shopper=renumbered[self.shopper[kept]],
            order=self.order[kept],
            kind=self.kind[kept],
            day=self.day[kept],
            kinds=self.kinds,
        )

    def bought(self) -> NDArray[np.bool_]:
        """Returns who bought what: shoppers × types."""
        table = np.zeros((len(self.shopper_ids), self.kinds), dtype=bool)
        table[self.shopper, self.kind] = True
        return table

    def _where(self, kept: NDArray[np.bool_]) -> Purchases:
        return Purchases(
            shopper_ids=self.shopper_ids,
            shopper=self.shopper[kept],
            order=self.order[kept],
            kind=self.kind[kept],
            day=self.day[kept],
            kinds=self.kinds,
        )


def purchases_of(*, shopper_ids: Ints, order: Ints, kind: Ints, day: Floats, kinds: int, buyer: Ints) -> Purchases:
    """Returns purchases from raw lines: an order with a type on three lines bought it once.

    Args:
        shopper_ids: ascending; each line's `buyer` is one of them.
        order, kind, day, buyer: one entry a line.
    """
    # One number for each order and type: ids of orders stay far below 2⁶³ / kinds.
    _, firsts = np.unique(order * max(kinds, 1) + kind, return_index=True)
    return Purchases(
        shopper_ids=shopper_ids,
        shopper=np.searchsorted(shopper_ids, buyer[firsts]),
        order=order[firsts],
        kind=kind[firsts],
        day=day[firsts],
        kinds=kinds,
    )


def purchases_joined(parts: Sequence[Purchases]) -> Purchases:
    """Returns the purchases of several groups of shoppers, each shopper in one; at least one group, ids ascending."""
    firsts = np.cumsum([0, *(len(part.shopper_ids) for part in parts)])
    return Purchases(
        shopper_ids=np.concatenate([part.shopper_ids for part in parts]),
        shopper=np.concatenate([part.shopper + first for part, first in zip(parts, firsts, strict=False)]),
        order=np.concatenate([part.order for part in parts]),
        kind=np.concatenate([part.kind for part in parts]),
        day=np.concatenate([part.day for part in parts]),
        kinds=parts[0].kinds,
    )


@dataclass(frozen=True, slots=True)
class Habits:
    """What was counted before a day about shoppers and types; nothing of that day or later.

    Only pairs of a shopper and a type that was bought are held: most shoppers buy few of a shop's types.

    Attributes:
        shoppers, kinds: how many of each there are.
        pairs: shopper × `kinds` + type of each pair, ascending.
        counts: orders with the type, of each pair.
        month, quarter: of these, in the last 30 and 90 days.
        decayed: the same count under each of `HALF_LIVES`: pairs × half-lives.
        recency: days since the last order with it.
        gap: mean days between orders with it; NaN for a single one.
        orders, orders_month, orders_quarter: the shopper's orders, of any type.
        decayed_orders: the shopper's orders under each half-life: shoppers × half-lives.
        variety: how many types the shopper bought.
    """

    shoppers: int
    kinds: int
    pairs: Ints
    counts: Floats
    month: Floats
    quarter: Floats
    decayed: Floats
    recency: Floats
    gap: Floats
    orders: Floats
    orders_month: Floats
    orders_quarter: Floats
    decayed_orders: Floats
    variety: Floats

    @property
    def pair_shopper(self) -> Ints:
        """The shopper of each pair."""
        return self.pairs // self.kinds

    @property
    def pair_kind(self) -> Ints:
        """The type of each pair."""
        return self.pairs % self.kinds

    @property
    def starts(self) -> Ints:
        """The first pair of each shopper, and how many pairs there are."""
        return np.searchsorted(self.pairs, np.arange(self.shoppers + 1) * self.kinds)

    @property
    def pair_rows(self) -> NDArray[np.int32]:
        """The pair of each shopper and type, -1 where nothing was bought: shoppers × types."""
        table = np.full(self.shoppers * self.kinds, -1, dtype=np.int32)
        table[self.pairs] = np.arange(len(self.pairs), dtype=np.int32)
        return table.reshape(self.shoppers, self.kinds)

    @property
    def seen(self) -> NDArray[np.bool_]:
        """Who ever bought what: shoppers × types."""
        table = np.zeros(self.shoppers * self.kinds, dtype=bool)
        table[self.pairs] = True
        return table.reshape(self.shoppers, self.kinds)

    def has(self, shopper: Ints, kind: Ints) -> NDArray[np.bool_]:
        """Returns whether each of these shoppers bought the type beside it."""
        cells = shopper * self.kinds + kind
        if not len(self.pairs):
            return np.zeros(len(cells), dtype=bool)
        found = self.pairs[np.minimum(np.searchsorted(self.pairs, cells), len(self.pairs) - 1)]
        return np.asarray(found == cells)

    def spread(self, values: Floats) -> Floats:
        """Returns a value of each pair as shoppers × types, 0 where nothing was bought."""
        table = np.zeros(self.shoppers * self.kinds)
        table[self.pairs] = values
        return table.reshape(self.shoppers, self.kinds)

    def times(self, values: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
        """Returns shoppers × types with a value of each pair, times weights of types × any number of columns."""
        sparse = csr_array((values, self.pair_kind, self.starts), shape=(self.shoppers, self.kinds))
        product: NDArray[np.float32] = sparse @ weights
        return product


def habits_of(purchases: Purchases, *, at: float) -> Habits:
    """Counts what shoppers bought before `at`, in days since 1970; rows of that day or later are left out."""
    past = purchases.before(at)
    shoppers, kinds = len(past.shopper_ids), past.kinds
    age = at - past.day
    pairs, row = np.unique(past.shopper * kinds + past.kind, return_inverse=True)
    counts = np.bincount(row, minlength=len(pairs)).astype(np.float64)
    newest = np.full(len(pairs), np.inf)
    oldest = np.zeros(len(pairs))
    np.minimum.at(newest, row, age)
    np.maximum.at(oldest, row, age)
    gap = np.full(len(pairs), np.nan)
    np.divide(oldest - newest, counts - 1, out=gap, where=counts > 1)
    _, firsts = np.unique(past.order, return_index=True)
    buyer, order_age = past.shopper[firsts], age[firsts]

    def of_pair(weights: Floats) -> Floats:
        sums: Floats = np.bincount(row, weights=weights, minlength=len(pairs)).astype(np.float64)
        return sums

    def of_shopper(weights: Floats) -> Floats:
        sums: Floats = np.bincount(buyer, weights=weights, minlength=shoppers).astype(np.float64)
        return sums

    return Habits(
        shoppers=shoppers,
        kinds=kinds,
        pairs=pairs,
        counts=counts,
        month=of_pair((age <= MONTH).astype(np.float64)),
        quarter=of_pair((age <= QUARTER).astype(np.float64)),
        decayed=np.stack([of_pair(np.exp2(-age / days)) for days in HALF_LIVES], axis=1),
        recency=newest,
        gap=gap,
        orders=of_shopper(np.ones(len(buyer))),
        orders_month=of_shopper((order_age <= MONTH).astype(np.float64)),
        orders_quarter=of_shopper((order_age <= QUARTER).astype(np.float64)),
        decayed_orders=np.stack([of_shopper(np.exp2(-order_age / days)) for days in HALF_LIVES], axis=1),
        variety=np.bincount(pairs // max(kinds, 1), minlength=shoppers).astype(np.float64),
    )
