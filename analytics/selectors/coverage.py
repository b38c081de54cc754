"""Which product types each coupon of the showcase covers, and how much of each."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from analytics.selectors.columns import columns_of
from analytics.selectors.purchases import Kinds
from config.kernel.among import Among
from coupons.enums import AudienceKind, Handout, OrderState, ScopeMode
from coupons.models import Category, Coupon, Product, ScopeEntry
from coupons.selectors.audience import in_audience
from users.models import User


@dataclass(frozen=True, slots=True)
class Coverage:
    """Coupons by their ids, and the share of each type's sales that they count: coupons × types.

    Attributes:
        shop_share: the share of all sales that a coupon counts.
        is_whole_shop: whether it names nothing that it counts, and so counts all but what it excludes.
    """

    coupon_ids: NDArray[np.int64]
    shares: NDArray[np.float32]
    shop_share: NDArray[np.float32]
    is_whole_shop: NDArray[np.bool_]
    # Those that not everybody may claim or use, by their place.
    restricted: Mapping[int, Coupon]

    @property
    def is_for_tagged(self) -> NDArray[np.bool_]:
        """Whether a coupon is meant for shoppers with a tag."""
        marks = np.zeros(len(self.coupon_ids), dtype=bool)
        marks[[place for place, coupon in self.restricted.items() if coupon.audience == AudienceKind.TAGGED]] = True
        return marks


def barred_from(coverage: Coverage, shopper_ids: NDArray[np.int64], *, now: datetime) -> NDArray[np.bool_]:
    """Returns who may not claim or use which coupon: shoppers × coupons."""
    barred = np.zeros((len(shopper_ids), len(coverage.coupon_ids)), dtype=bool)
    shoppers = User.objects.filter(Among("pk", shopper_ids.tolist()))
    for place, coupon in coverage.restricted.items():
        allowed = shoppers.filter(in_audience(coupon, now))
        if coupon.order_number == 1:
            allowed = allowed.exclude(orders__state=OrderState.REDEEMED)
        barred[:, place] = ~np.isin(shopper_ids, columns_of(allowed.order_by().values_list("pk"), columns=1))
    return barred


def coverage_of(kinds: Kinds, *, now: datetime) -> Coverage:
    """Returns what the coupons cover that the showcase shows now or later, in the order of their ids.

    An excluded product or shelf takes precedence; a shelf counts everything under it; a price range counts too.
    """
    visible = (Coupon.objects.live(now) | Coupon.objects.scheduled(now)).filter(handout=Handout.SHOWCASE)
    coupons = list(visible.order_by("pk"))
    shelf, price = _shelves_and_prices(kinds)
    under = _families()
    entries: dict[int, list[tuple[str, int | None, int | None]]] = defaultdict(list)
    for coupon_id, mode, category_id, product_id in ScopeEntry.objects.filter(coupon__in=visible).values_list(
        "coupon_id", "mode", "category_id", "product_id"
    ):
        entries[coupon_id].append((mode, category_id, product_id))
    sales = kinds.product_sales.astype(np.float64)
    total = _by_kind(kinds, sales)
    shares = np.zeros((len(coupons), len(kinds)), dtype=np.float32)
    shop_share = np.zeros(len(coupons), dtype=np.float32)
    is_whole_shop = np.zeros(len(coupons), dtype=bool)
    for number, coupon in enumerate(coupons):
        lowest, highest = coupon.minimum_unit_price, coupon.maximum_unit_price
        included = [entry for entry in entries[coupon.pk] if entry[0] == ScopeMode.INCLUDE]
        excluded = [entry for entry in entries[coupon.pk] if entry[0] == ScopeMode.EXCLUDE]
        counts = np.ones(len(sales), dtype=bool) if not included else _named(kinds, shelf, under, included)
        counts &= ~_named(kinds, shelf, under, excluded)
        if lowest is not None:
            counts &= price >= lowest
        if highest is not None:
            counts &= price <= highest
        covered = _by_kind(kinds, np.where(counts, sales, 0.0))
        shares[number] = covered / np.maximum(total, 1.0)
        shop_share[number] = covered.sum() / max(total.sum(), 1.0)
        is_whole_shop[number] = not included
    return Coverage(
        coupon_ids=np.array([coupon.pk for coupon in coupons], dtype=np.int64),
        shares=shares,
        shop_share=shop_share,
        is_whole_shop=is_whole_shop,
        restricted={
            number: coupon
            for number, coupon in enumerate(coupons)
            if coupon.audience != AudienceKind.EVERYONE or coupon.order_number == 1
        },
    )


def _by_kind(kinds: Kinds, values: NDArray[np.float64]) -> NDArray[np.float64]:
    known = kinds.product_kind >= 0
    sums: NDArray[np.float64] = np.bincount(
        kinds.product_kind[known], weights=values[known], minlength=len(kinds)
    ).astype(np.float64)
    return sums


def _shelves_and_prices(kinds: Kinds) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns shelf and price of each product, in the order of `product_ids`; a product that came since is left out."""
    shelf = np.zeros(len(kinds.product_ids), dtype=np.int64)
    price = np.zeros(len(kinds.product_ids), dtype=np.int64)
    for product_id, category_id, amount in Product.objects.values_list("pk", "category_id", "price").iterator():
        place = int(np.searchsorted(kinds.product_ids, product_id))
        if place < len(kinds.product_ids) and kinds.product_ids[place] == product_id:
            shelf[place], price[place] = category_id, amount
    return shelf, price


def _families() -> Mapping[int, set[int]]:
    """Returns each shelf with all that is under it."""
    parents = dict(Category.objects.values_list("pk", "parent_id"))
    families: dict[int, set[int]] = defaultdict(set)
    for category_id in parents:
        above: int | None = category_id
        # A circle cannot be made in the admin; one in the data must not hang the night.
        passed: set[int] = set()
        while above is not None and above not in passed:
            passed.add(above)
            families[above].add(category_id)
            above = parents.get(above)
    return families


def _named(
    kinds: Kinds,
    shelf: NDArray[np.int64],
    families: Mapping[int, set[int]],
    entries: list[tuple[str, int | None, int | None]],
) -> NDArray[np.bool_]:
    products = [product_id for _, _, product_id in entries if product_id is not None]
    shelves = {member for _, category_id, _ in entries if category_id is not None for member in families[category_id]}
    named: NDArray[np.bool_] = np.isin(kinds.product_ids, products) | np.isin(shelf, list(shelves))
    return named
