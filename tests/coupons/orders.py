"""Orders as the tests of their life place them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from coupons.models import Claim, Coupon, Order
from coupons.services.orders import order_lock, order_redeem
from tests import factories
from tests.factories import NOW
from users.models import User


def lock(shopper: User, *claims: Claim, prices: Iterable[tuple[int, int]] = ((100_00, 1),), **fields: Any) -> Order:
    """A locked order; each of `prices` is one line: price of a unit in minor units, and how many units."""
    if "items" not in fields:
        fields["items"] = [
            factories.cart_item(factories.make_product(price=price), quantity) for price, quantity in prices
        ]
    fields.setdefault("reference", f"SO-{Order.objects.count() + 1}")
    fields.setdefault("now", NOW)
    return order_lock(shopper=shopper, claim_ids=[claim.public_id for claim in claims], **fields)


def pay(shopper: User, *claims: Claim, **fields: Any) -> Order:
    """A paid order, made as `lock` does."""
    return order_redeem(order=lock(shopper, *claims, **fields), now=NOW)


def make_promotion(**fields: Any) -> Coupon:
    """A live coupon that applies by itself: 10.00 off unless told otherwise."""
    return factories.make_coupon(handout="automatic", stock=None, **fields)


def make_cash(shopper: User, amount: int, **fields: Any) -> Claim:
    """A claim of cash in the wallet; the amount is in minor units."""
    return factories.make_claim(shopper=shopper, benefit_type="cash", amount_off=amount, **fields)
