"""What the tests of figures have in common: June, and a coupon used on an order with one line."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

from analytics.selectors.metrics.cut import Cut
from analytics.selectors.periods import Period
from coupons.models import Coupon, Order, OrderLine, Product
from tests import factories
from tests.analytics.builders import make_claim_at, make_order, make_redemption
from users.enums import BehaviourKind
from users.models import BehaviourEvent, User

JUNE = Period(date(2026, 6, 1), date(2026, 6, 30))
IN_JUNE = Cut(JUNE)


def in_june(day: int, hour: int = 12) -> datetime:
    """An hour of a day of June as the shop in Shanghai counts it."""
    return datetime(2026, 6, 1, tzinfo=UTC) + timedelta(days=day - 1, hours=hour - 8)


def make_event(
    shopper: User,
    at: datetime,
    kind: BehaviourKind = BehaviourKind.VIEW,
    *,
    coupon: Coupon | None = None,
    value: int = 0,
) -> BehaviourEvent:
    return BehaviourEvent.objects.create(
        sender="test",
        event_id=f"{kind}-{shopper.pk}-{at:%d%H%M%S}-{coupon and coupon.pk}",
        shopper=shopper,
        kind=kind,
        coupon_public_id=coupon and coupon.public_id,
        value=value,
        occurred_at=at,
        received_at=at,
    )


def use_coupon(
    shopper: User, coupon: Coupon, at: datetime, *, discount: int = 10_00, subtotal: int = 100_00, refunded: int = 0
) -> Order:
    """A claim made and used at a moment."""
    order = make_order(shopper, at, subtotal=subtotal, discount=discount)
    make_redemption(make_claim_at(shopper, coupon, at, order=order), order, amount=discount, refunded=refunded)
    return order


def buy(shopper: User, at: datetime, product: Product | None = None, *, price: int = 50_00, quantity: int = 1) -> Order:
    """An order of one line without a coupon."""
    order = make_order(shopper, at, subtotal=price * quantity)
    OrderLine.objects.create(
        order=order,
        number=1,
        product=product or factories.make_product(),
        unit_price=price,
        quantity=quantity,
        payable=price * quantity,
    )
    return order
