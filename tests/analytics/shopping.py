"""Shoppers with tastes: orders whose lines are products of a few types, written in bulk."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from coupons.enums import OrderState
from coupons.models import Category, Order, OrderLine, Product
from tests import factories
from users.models import User

_number = itertools.count(1)

# What each taste buys, with the chance that it is on an order.
TASTES: dict[str, dict[str, float]] = {
    "breakfast": {"Yogurt": 0.8, "Granola": 0.5, "Honey": 0.1, "Bananas": 0.3},
    "dinner": {"Pasta": 0.8, "Tomato Sauce": 0.5, "Basil": 0.1, "Bananas": 0.3},
}
TYPES = ("Yogurt", "Granola", "Honey", "Bananas", "Pasta", "Tomato Sauce", "Basil")


@dataclass(frozen=True, slots=True)
class Shop:
    """A catalogue of one product a type and one shelf a type, and the shoppers of each taste."""

    products: dict[str, Product]
    shelves: dict[str, Category]
    shoppers: dict[str, list[User]]

    @property
    def everybody(self) -> list[User]:
        return [shopper for shoppers in self.shoppers.values() for shopper in shoppers]


def make_shop(now: datetime, *, each: int = 40, weeks: int = 30, seed: int = 3) -> Shop:
    """So many shoppers of each taste, with an order in most weeks before `now`."""
    shelves = {kind: factories.make_category(name_en=kind, name_zh=f"{kind}架") for kind in TYPES}
    products = {kind: factories.make_product(category=shelves[kind], product_type=kind, name_en=kind) for kind in TYPES}
    random = np.random.default_rng(seed)
    shoppers = {
        taste: User.objects.bulk_create(
            User(username=f"{taste}-{next(_number)}", joined_at=now - timedelta(days=400)) for _ in range(each)
        )
        for taste in TASTES
    }
    shop = Shop(products=products, shelves=shelves, shoppers=shoppers)
    orders: list[Order] = []
    lines: list[OrderLine] = []
    for taste, chances in TASTES.items():
        for shopper in shoppers[taste]:
            for week in range(weeks):
                kinds = [kind for kind, chance in chances.items() if random.random() < chance]
                if kinds:
                    at = now - timedelta(days=7 * week + random.uniform(0.01, 0.99))
                    order = _order(shopper, [products[kind] for kind in kinds], at)
                    orders.append(order)
                    lines += _lines(order, [products[kind] for kind in kinds])
    Order.objects.bulk_create(orders)
    OrderLine.objects.bulk_create(lines)
    return shop


def buy(shopper: User, products: list[Product], at: datetime, *, refunded_at: datetime | None = None) -> Order:
    """A paid order of one unit of each product, or one that was given back in full."""
    order = _order(shopper, products, at)
    if refunded_at:
        order.state, order.refunded, order.closed_at = OrderState.REFUNDED, order.payable, refunded_at
    order.save()
    OrderLine.objects.bulk_create(_lines(order, products))
    return order


def _order(shopper: User, products: list[Product], at: datetime) -> Order:
    total = sum(product.price for product in products)
    return Order(
        reference=f"shopping-{next(_number)}",
        shopper=shopper,
        state=OrderState.REDEEMED,
        subtotal=total,
        discount=0,
        payable=total,
        placed_at=at,
        redeemed_at=at,
    )


def _lines(order: Order, products: list[Product]) -> list[OrderLine]:
    return [
        OrderLine(
            order=order, number=number, product=product, unit_price=product.price, quantity=1, payable=product.price
        )
        for number, product in enumerate(products, start=1)
    ]
