"""Shoppers with baskets, as arrays."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from analytics.learners.purchases import Purchases, purchases_of

# Shopper, day, types of one basket.
Basket = tuple[int, float, tuple[int, ...]]


def purchases_from(baskets: Iterable[Basket], *, shoppers: int, kinds: int) -> Purchases:
    """Orders are numbered from 1 in the order given; shoppers have the ids 100, 101, …"""
    rows = [
        (100 + shopper, number, kind, day)
        for number, (shopper, day, bought) in enumerate(baskets, start=1)
        for kind in bought
    ]
    buyer, order, kind, day = (np.array(column) for column in zip(*rows, strict=True))
    return purchases_of(
        shopper_ids=np.arange(100, 100 + shoppers),
        buyer=buyer,
        order=order,
        kind=kind,
        day=day.astype(np.float64),
        kinds=kinds,
    )


def rotating(*, shoppers: int = 60, months: int = 9, kinds: int = 6, seed: int = 1) -> Purchases:
    """Each shopper buys one type for thirty days and then the next one: only the order tells what follows."""
    random = np.random.default_rng(seed)
    baskets: list[Basket] = []
    for shopper in range(shoppers):
        first = int(random.integers(kinds))
        for month in range(months):
            days = 30 * month + np.sort(random.uniform(0, 30, 5))
            baskets += [(shopper, float(day), ((first + month) % kinds,)) for day in days]
    return purchases_from(baskets, shoppers=shoppers, kinds=kinds)
