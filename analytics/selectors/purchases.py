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
from analytics.selectors.columns import MICROSECONDS, columns_of
from analytics.selectors.windows import Window
from config.kernel.among import Among
from coupons.enums import OrderState
from coupons.models import Order, OrderLine, Product

# Tables of types × types are held in memory: 3,000 are 36 MB each. The rest are the rarest.
MAXIMUM_KINDS = 3000
# Of shoppers together: so many cells of shoppers × types, some fifty bytes each, but no fewer and no more shoppers.
CHUNK_CELLS = 1_000_000
FEWEST_CHUNK_SHOPPERS, MOST_CHUNK_SHOPPERS = 250, 4_000
FETCHED_ROWS = 20_000
CHUNK_ORDERS = 50_000
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

    def of_products(self, product_ids: Ints) -> Ints:
        """Returns the position in `kinds` of each of these products; -1 for none, or for a product that came since."""
        if not len(self.product_ids):
            return np.full(len(product_ids), -1, dtype=np.int64)
        place = np.minimum(np.searchsorted(self.product_ids, product_ids), len(self.product_ids) - 1)
        return np.where(self.product_ids[place] == product_ids, self.product_kind[place], -1)


def orders_of(window: Window) -> QuerySet[Order]:
    """Returns the orders paid in the window and not given back in full before its end.

    Staff and closed accounts are left out.
    """
    given_back = Q(state=OrderState.REFUNDED, closed_at__lt=window.end)
    return Order.objects.filter(
        redeemed_at__gte=window.start,
        redeemed_at__lt=window.end,
        shopper__is_active=True,
        shopper__is_staff=False,
    ).exclude(given_back)


def kinds_of(window: Window) -> Kinds:
    """Returns the types sold in the window; of more than `MAXIMUM_KINDS` those with the most lines."""
    lines_of_products = OrderLine.objects.filter(order__in=orders_of(window)).order_by().values_list("product_id")
    sales = dict(lines_of_products.annotate(lines=Count("pk")))
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
    ids = orders_of(window).order_by("shopper_id").values_list("shopper_id", flat=True).distinct()
    return np.fromiter(ids.iterator(FETCHED_ROWS), dtype=np.int64)


def purchase_chunks(
    window: Window, kinds: Kinds, shopper_ids: Ints, *, chunk_shoppers: int | None = None
) -> Iterator[Purchases]:
    """Yields what these shoppers bought in the window, so many shoppers at a time.

    Args:
        shopper_ids: ascending.
        chunk_shoppers: None for what `chunk_length` says.
    """
    length = chunk_shoppers or chunk_length(kinds)
    for first in range(0, len(shopper_ids), length):
        yield purchases_read(window, kinds, shopper_ids[first : first + length])


def chunk_length(kinds: Kinds) -> int:
    """Returns how many shoppers are looked at together: the fewer, the more types there are for each."""
    return min(MOST_CHUNK_SHOPPERS, max(FEWEST_CHUNK_SHOPPERS, CHUNK_CELLS // max(1, len(kinds))))


def purchases_read(window: Window, kinds: Kinds, shopper_ids: Ints) -> Purchases:
    """Returns what these shoppers bought in the window.

    Args:
        shopper_ids: ascending.
    """
    orders = orders_of(window).filter(Among("shopper_id", shopper_ids.tolist())).order_by()
    # Two plain reads and a search rather than a join: the planner needs no statistics to do either by an index.
    heads = columns_of(orders.values_list("pk", "shopper_id", "redeemed_at"), columns=3, moments=(2,))
    heads = heads[np.argsort(heads[:, 0])]
    lines = np.concatenate(
        [
            columns_of(_lines_of(heads[first : first + CHUNK_ORDERS, 0]), columns=2)
            for first in range(0, max(1, len(heads)), CHUNK_ORDERS)
        ]
    )
    head = heads[np.searchsorted(heads[:, 0], lines[:, 0])]
    kind = kinds.of_products(lines[:, 1])
    kept = kind >= 0
    return purchases_of(
        shopper_ids=shopper_ids,
        buyer=head[kept, 1],
        order=lines[kept, 0],
        kind=kind[kept],
        day=head[kept, 2] / MICROSECONDS / SECONDS_A_DAY,
        kinds=len(kinds),
    )


def _lines_of(order_ids: Ints) -> QuerySet[OrderLine, tuple[int, int]]:
    lines = OrderLine.objects.filter(Among("order_id", order_ids.tolist())).order_by()
    return lines.values_list("order_id", "product_id")


def _kind_of(product_type: str, category_key: str, name_en: str, name_zh: str) -> Kind:
    if not product_type:
        return Kind(key=f"category:{category_key}", name_en=name_en, name_zh=name_zh)
    # A type is said in one language; in the other one its shelf's name says nearly the same.
    if CHINESE.search(product_type):
        return Kind(key=product_type, name_en=name_en, name_zh=product_type)
    return Kind(key=product_type, name_en=product_type, name_zh=name_zh)
