"""Products and their shelves become the catalogue mirror."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.utils.text import slugify

from campaigns.complete_journey.conversion import to_shop_money
from campaigns.complete_journey.names import Name, category_name, product_name, readable
from campaigns.complete_journey.promotions import Promotions
from campaigns.complete_journey.source import Households, read_baskets, read_rows, read_unit_prices
from config.kernel.bulk import copy_rows
from config.kernel.progress import progress
from coupons.models import Category, Product

UNLISTED_KEY = "not-in-the-catalogue"
UNLISTED = Name("Not in the catalogue", "目录外商品")
FUEL_TYPE = "GASOLINE"
# What these sell is no ware that a shopper puts into a cart of an online shop.
NO_WARES = {
    "CHARITABLE CONT",
    "CNTRL/STORE SUP",
    "COUPON",
    "FUEL",
    "GM MERCH EXP",
    "MISCELLANEOUS",
    "POSTAL CENTER",
    "PROD-WHS SALES",
}
PRODUCT_FIELDS = [
    "sku",
    "name_zh",
    "name_en",
    "category_id",
    "product_type",
    "brand",
    "price",
    "floor_price",
    "is_on_sale",
]


@dataclass(frozen=True, slots=True)
class SourceProduct:
    """A product as the package lists it; an unlisted one has only its number."""

    product_id: int
    department: str = ""
    category: str = ""
    product_type: str = ""
    brand: str = ""
    size: str = ""

    @property
    def is_fuel(self) -> bool:
        return self.product_type.startswith(FUEL_TYPE)


def read_products() -> Iterator[SourceProduct]:
    """Yields the listed products; empty fields are empty texts."""
    columns = ["product_id", "department", "product_category", "product_type", "brand", "package_size"]
    for product_id, *texts in read_rows("products", columns):
        yield SourceProduct(product_id, *(text or "" for text in texts))


def fuel_products() -> frozenset[int]:
    """Returns the numbers of the products that are sold by the thousandth of a gallon."""
    return frozenset(product.product_id for product in read_products() if product.is_fuel)


def load_catalogue(*, households: Households, promotions: Promotions) -> dict[str, int]:
    """Writes categories and products; of a sample, the products that it bought or that a coupon needs.

    Returns:
        How many of each, and how many products were in receipts or coupons without being listed.
    """
    listed = {product.product_id: product for product in read_products()}
    mentioned = promotions.covered_products() if not households.is_sample else set()
    bought = _bought_products(set(households.first_bought_at) if households.is_sample else None)
    if households.is_sample:
        mentioned |= promotions.products_kept_for(bought)
        products = [listed[product_id] for product_id in sorted((bought | mentioned) & set(listed))]
    else:
        products = list(listed.values())
    unlisted = [SourceProduct(product_id) for product_id in sorted((bought | mentioned) - set(listed))]
    categories = _write_categories(products)
    prices = typical_prices()
    copy_rows(
        Product,
        PRODUCT_FIELDS,
        progress(
            _product_rows([*products, *unlisted], categories, prices),
            label="Products",
            total=len(products) + len(unlisted),
            unit="product",
        ),
    )
    return {"categories": len(categories), "products": len(products) + len(unlisted), "unlisted": len(unlisted)}


def typical_prices() -> dict[int, int]:
    """Returns the median price of one unit before any discount, in cents, by product number.

    Of an even number of sales it is the lower middle one: a price that was really asked.
    """
    batches = list(read_unit_prices())
    products = np.concatenate([batch[0] for batch in batches])
    prices = np.concatenate([batch[1] for batch in batches])
    order = np.lexsort((prices, products))
    products, prices = products[order], prices[order]
    starts = np.flatnonzero(np.concatenate(([True], products[1:] != products[:-1])))
    counts = np.diff(np.concatenate((starts, [len(products)])))
    middles = starts + (counts - 1) // 2
    return dict(zip(products[starts].tolist(), prices[middles].tolist(), strict=True))


def _bought_products(household_ids: set[int] | None) -> set[int]:
    if household_ids is None:
        columns = read_rows("transactions", ["product_id"])
        return {product_id for (product_id,) in columns}
    return {row.product_id for basket in read_baskets(household_ids) for row in basket.rows}


def _write_categories(products: Iterable[SourceProduct]) -> dict[tuple[str, str], tuple[int, Name]]:
    """Writes the shelves; returns key and name of each by department and category (empty: the department)."""
    shelves = sorted({(product.department, product.category) for product in products})
    departments = sorted({department for department, _ in shelves})
    written: dict[tuple[str, str], tuple[int, Name]] = {}
    for department in departments:
        name = category_name("department", department)
        category = Category.objects.create(key=slugify(department), name_en=name.en, name_zh=name.zh)
        written[department, ""] = (category.pk, name)
    for department, shelf in shelves:
        if not shelf:
            continue
        name = category_name("category", shelf)
        category = Category.objects.create(
            key=f"{slugify(department)}-{slugify(shelf)}"[:80],
            name_en=name.en,
            name_zh=name.zh,
            parent_id=written[department, ""][0],
        )
        written[department, shelf] = (category.pk, name)
    unlisted = Category.objects.create(key=UNLISTED_KEY, name_en=UNLISTED.en, name_zh=UNLISTED.zh)
    written["", ""] = (unlisted.pk, UNLISTED)
    return written


def _product_rows(
    products: Iterable[SourceProduct], categories: dict[tuple[str, str], tuple[int, Name]], prices: dict[int, int]
) -> Iterator[tuple[Any, ...]]:
    for product in products:
        category_id, category = categories[product.department, product.category]
        price = to_shop_money(prices.get(product.product_id, 0))
        is_ware = product.department not in NO_WARES and not product.is_fuel and bool(product.department)
        if product.department:
            name = product_name(
                product_type=product.product_type, category=category, size=product.size, brand=product.brand
            )
        else:
            name = Name(f"Product {product.product_id}", f"商品 {product.product_id}")
        yield (
            str(product.product_id),
            name.zh,
            name.en,
            category_id,
            readable(product.product_type),
            product.brand,
            price,
            0,
            is_ware and price > 0,
        )
