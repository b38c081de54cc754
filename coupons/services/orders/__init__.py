"""The life of an order with coupons: lock, edit, redeem, release, refund; each all or nothing.

Rows are always taken in one order: the shopper where that matters, orders, then claims, each by primary key, and
budgets last.
"""

from coupons.services.orders.editing import order_edit
from coupons.services.orders.locking import order_lock
from coupons.services.orders.redeeming import order_redeem
from coupons.services.orders.refunding import order_refund
from coupons.services.orders.releasing import order_release, release_locked_order, release_overdue

__all__ = [
    "order_edit",
    "order_lock",
    "order_redeem",
    "order_refund",
    "order_release",
    "release_locked_order",
    "release_overdue",
]
