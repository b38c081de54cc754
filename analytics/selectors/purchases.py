"""Who bought which product types, and when: the dataset of recommendations, read in chunks of shoppers.

A product's type is what its shop says, or else its category. Nothing that happened at the window's end or later is
read: neither an order, nor a refund.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from django.db.models import Count, Q, QuerySet

from analytics.learners.purchases import Ints, Purchases, purchases_of
from analytics.selectors.windows import Window
from coupons.enums import OrderState
from coupons.models import OrderLine, Product

# Tables of types × types are held in memory: 3,000 are 36 MB each. The rest are the rarest.
MAXIMUM_KINDS = 3000
CHUNK_SHOPPERS = 500
FETCHED_ROWS = 20_000
SECONDS_A_DAY = 86_400
CHINESE = re.compile(r"[\u3400-\u9fff]")


@dataclass(frozen=True, slots=True)
class Kind:
    """A product type: its key, stable from night to night, and its names."""

    key: str
    name_en: str
    name_zh: str


@dataclass(frozen=True, slots=True)
class Kinds:
    """The product types that were sold in a window, in the order of their keys, and the products of each.

    Attributes:
        product_ids: ascending.
        product_kind: position in `kinds` of each product; -1 for one whose type is not among them.
        product_sales: in how many order lines of the window each product stood.
    """

    kinds: Sequence[Kind]
    product_ids: Ints
    product_kind: Ints
    product_sales: Ints

    def __len__(self) -> int:
        return len(self.kinds)


def lines_of(window: Window) -> QuerySet[OrderLine]:
    """Returns the lines of orders paid in the window and not given back in full before its end.

    Staff and closed accounts are left out.
    """
    given_back = Q(order__state=OrderState.REFUNDED, order__closed_at__lt=window.end)
    return OrderLine.objects.filter(
        order__redeemed_at__gte=window.start,
        order__redeemed_at__lt=window.end,
        order__shopper__is_active=True,
        order__shopper__is_staff=False,
    ).exclude(given_back)


def kinds_of(window: Window) -> Kinds:
    """Returns the types sold in the window; of more than `MAXIMUM_KINDS` those with the most lines."""
    sales = dict(
        lines_of(window).order_by().values_list("product_id").annotate(lines=Count("pk")).iterator(FETCHED_ROWS)
    )
    products = Product.objects.order_by("pk").values_list(
        "pk", "product_type", "category__key", "category__name_en", "category__name_zh"
    )
    found: dict[str, Kind] = {}
    lines: dict[str, int] = {}
    product_ids: list[int] = []
    product_keys: list[str] = []
    for product_id, product_type, category_key, name_en, name_zh in products.iterator(FETCHED_ROWS):
        kind = _kind_of(product_type.strip(), category_key, name_en, name_zh)
        product_ids.append(product_id)
        product_keys.append(kind.key)
        if product_id in sales:
            found.setdefault(kind.key, kind)
            lines[kind.key] = lines.get(kind.key, 0) + sales[product_id]
    kept = sorted(sorted(found, key=lambda key: (-lines[key], key))[:MAXIMUM_KINDS])
    numbers = {key: number for number, key in enumerate(kept)}
    return Kinds(
        kinds=[found[key] for key in kept],
        product_ids=np.array(product_ids, dtype=np.int64),
        product_kind=np.array([numbers.get(key, -1) for key in product_keys], dtype=np.int64),
        product_sales=np.array([sales.get(product_id, 0) for product_id in product_ids], dtype=np.int64),
    )


def buyers_of(window: Window) -> Ints:
    """Returns the ids of everybody who bought something in the window, ascending."""
    ids = lines_of(window).order_by("order__shopper_id").values_list("order__shopper_id", flat=True).distinct()
    return np.fromiter(ids.iterator(FETCHED_ROWS), dtype=np.int64)


def purchase_chunks(
    window: Window, kinds: Kinds, shopper_ids: Ints, *, chunk_shoppers: int = CHUNK_SHOPPERS
) -> Iterator[Purchases]:
    """Yields what these shoppers bought in the window, so many shoppers at a time.

    Args:
        shopper_ids: ascending.
    """
    for first in range(0, len(shopper_ids), chunk_shoppers):
        yield purchases_read(window, kinds, shopper_ids[first : first + chunk_shoppers])


def purchases_read(window: Window, kinds: Kinds, shopper_ids: Ints) -> Purchases:
    """Returns what these shoppers bought in the window.

    Args:
        shopper_ids: ascending.
    """
    lines = (
        lines_of(window)
        .filter(order__shopper_id__in=shopper_ids.tolist())
        .order_by("order__shopper_id", "order_id", "number")
        .values_list("order__shopper_id", "order_id", "product_id", "order__redeemed_at")
    )
    rows = np.array(
        [
            (shopper_id, order_id, product_id, moment.timestamp())
            for shopper_id, order_id, product_id, moment in lines.iterator(FETCHED_ROWS)
        ],
        dtype=np.float64,
    ).reshape(-1, 4)
    product_id = rows[:, 2].astype(np.int64)
    kind = kinds.product_kind[np.searchsorted(kinds.product_ids, product_id)] if len(rows) else product_id
    kept = kind >= 0
    return purchases_of(
        shopper_ids=shopper_ids,
        buyer=rows[kept, 0].astype(np.int64),
        order=rows[kept, 1].astype(np.int64),
        kind=kind[kept],
        day=rows[kept, 3] / SECONDS_A_DAY,
        kinds=len(kinds),
    )


def _kind_of(product_type: str, category_key: str, name_en: str, name_zh: str) -> Kind:
    if not product_type:
        return Kind(key=f"category:{category_key}", name_en=name_en, name_zh=name_zh)
    # A type is said in one language; in the other one its shelf's name says nearly the same.
    if CHINESE.search(product_type):
        return Kind(key=product_type, name_en=name_en, name_zh=product_type)
    return Kind(key=product_type, name_en=product_type, name_zh=name_zh)
