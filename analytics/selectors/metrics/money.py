"""What orders with a coupon brought and what the coupons cost."""

from __future__ import annotations

from dataclasses import dataclass

from analytics.selectors.metrics.cut import Cut, run

# What goods of an order cost after discounts, less what refunds gave back for them. A refund names its shipping; of
# the rest the share that is added tax is no revenue.
GOODS_KEPT = """
    (subtotal - discount)
    - (refunded - COALESCE((SELECT SUM(refund.shipping) FROM coupons_refund AS refund
                            WHERE refund.order_id = paid_order.id), 0))
      * (subtotal - discount) / CASE WHEN subtotal - discount + tax > 0 THEN subtotal - discount + tax ELSE 1 END
"""


@dataclass(frozen=True, slots=True)
class Revenue:
    """In minor units: `revenue` of the goods on `orders`, and the `cost` of the coupons on them."""

    orders: int
    revenue: int
    cost: int

    @property
    def cost_share(self) -> float | None:
        """What the coupons cost for a hundred of revenue; None without revenue."""
        return 100 * self.cost / self.revenue if self.revenue else None


# Both parts are constants of this file.
STATEMENT = f"""
SELECT COUNT(*), COALESCE(SUM({GOODS_KEPT}), 0),
       (SELECT COALESCE(SUM(amount - refunded), 0) FROM {{}} AS redemption)
FROM {{}} AS paid_order
"""  # noqa: S608


def revenue(cut: Cut) -> Revenue:
    """Returns revenue on orders with one of the coupons, and what the coupons cost; one query.

    Revenue is what goods cost after discounts, less refunds, without shipping and added tax. It is not what coupons
    earned: many of these orders would have come without one.
    """
    paid = cut.paid_orders().filter(cut.is_with_coupon()).values("id", "subtotal", "discount", "refunded", "tax")
    ((orders, kept, cost),) = run(STATEMENT, cut.redemptions().values("amount", "refunded"), paid)
    return Revenue(orders=orders, revenue=round(kept), cost=int(cost))
