"""A priced cart written down as the parts of its order."""

from __future__ import annotations

from typing import Any

from coupons.models import Order, OrderGift, OrderLine, OrderLineDiscount, OrderShippingDiscount, Product
from coupons.pricing import Quote
from coupons.services.orders.pricing import CouponUse, PricedOrder


def amounts_of(quote: Quote) -> dict[str, int]:
    """Returns the amounts of an order as its columns have them, in minor units."""
    return {
        "subtotal": quote.subtotal,
        "discount": quote.discount_total,
        "shipping": quote.shipping,
        "shipping_discount": quote.shipping_discount,
        "tax": 0 if quote.prices_include_tax else quote.tax,
        "payable": quote.payable,
    }


def write_parts(order: Order, priced: PricedOrder) -> None:
    """Writes lines, what each coupon takes off each of them and off shipping, and gifts."""
    quoted = {line.line_id: line for line in priced.quote.lines}
    lines = {
        item.line_id: OrderLine(
            order=order,
            number=number,
            product=item.product,
            unit_price=item.unit_price,
            quantity=item.quantity,
            discount=quoted[item.line_id].discount,
            payable=quoted[item.line_id].payable,
            tax=0 if priced.quote.prices_include_tax else quoted[item.line_id].tax,
        )
        for number, item in enumerate(priced.items, start=1)
    }
    OrderLine.objects.bulk_create(lines.values())
    OrderLineDiscount.objects.bulk_create(
        OrderLineDiscount(line=lines[part.line_id], amount=part.amount, **_whose(use))
        for use, outcome in priced.applied
        for part in outcome.lines
    )
    OrderShippingDiscount.objects.bulk_create(
        OrderShippingDiscount(order=order, amount=outcome.shipping_amount, **_whose(use))
        for use, outcome in priced.applied
        if outcome.shipping_amount
    )
    _write_gifts(order, priced)


def clear_parts(order: Order) -> None:
    """Deletes what `write_parts` wrote, to write it anew."""
    order.gifts.all().delete()
    order.shipping_discounts.all().delete()
    order.lines.all().delete()


def _write_gifts(order: Order, priced: PricedOrder) -> None:
    given = [(use, gift) for use, outcome in priced.applied for gift in outcome.gifts]
    products = Product.objects.in_bulk([gift.sku for _use, gift in given], field_name="sku")
    OrderGift.objects.bulk_create(
        OrderGift(order=order, product=products[gift.sku], quantity=gift.quantity, **_whose(use)) for use, gift in given
    )


def _whose(use: CouponUse) -> dict[str, Any]:
    return {"coupon": use.coupon, "claim": use.claim}
