"""What an order costs with its claims and the automatic promotions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db.models import Q

from coupons.enums import ClaimState
from coupons.errors import CouponRefused
from coupons.models import Claim, Coupon, Order, OrderGift, OrderLineDiscount, OrderShippingDiscount
from coupons.offers import (
    CATEGORY_PATH,
    PARTS_OF_OFFER,
    CartItem,
    PricedItem,
    automatic_promotions,
    buyer_of,
    cart_of,
    offer_of,
    offer_of_promotion,
    read_items,
)
from coupons.pricing import Applied, Offer, Quote, price_cart
from coupons.services.budgets import BudgetsSeen, exhausted
from users.models import User


@dataclass(frozen=True, slots=True)
class CouponUse:
    """One coupon on an order: a shopper's claim, or an automatic promotion."""

    offer: Offer
    coupon: Coupon
    claim: Claim | None = None

    @classmethod
    def of_claim(cls, claim: Claim) -> CouponUse:
        """A claim that its shopper chose."""
        return cls(offer_of(claim), claim.coupon, claim)

    @classmethod
    def of_promotion(cls, coupon: Coupon) -> CouponUse:
        """A coupon that nobody has to choose."""
        return cls(offer_of_promotion(coupon), coupon)

    def held_at(self, moment: datetime) -> CouponUse:
        """The same without an end before this moment: what an order holds does not expire there."""
        if self.offer.expires_at is None or self.offer.expires_at > moment:
            return self
        # Still the first to expire, so that it keeps its place in the order of application.
        return replace(self, offer=replace(self.offer, expires_at=moment + timedelta(microseconds=1)))


@dataclass(frozen=True, slots=True)
class PricedOrder:
    """A priced cart with the products and the coupons behind it."""

    items: list[PricedItem]
    quote: Quote
    uses: dict[str, CouponUse]

    @property
    def applied(self) -> list[tuple[CouponUse, Applied]]:
        """The coupons that apply, each with what it gives."""
        return [(self.uses[outcome.offer_id], outcome) for outcome in self.quote.applied]


def price_order(
    *,
    shopper: User,
    items: Sequence[CartItem],
    claims: Sequence[Claim],
    shipping: int,
    channel: str,
    region: str,
    now: datetime,
) -> PricedOrder:
    """Prices a cart with claims, all of which must apply, and with the promotions that do.

    A claim that an order holds already does not expire there. A promotion that its budget cannot pay is left out,
    as it is when its conditions do not hold.

    Raises:
        CouponRefused: a claim does not apply to the cart.
        BudgetExhausted: the budget of a claim's coupon cannot pay it.
        ProductUnknown, CartTooLarge, Invalid: the cart is wrong.
    """
    priced = read_items(items)
    buyer = buyer_of(shopper, now)
    cart = cart_of(priced, shipping=shipping, channel=channel, region=region, buyer=buyer)
    uses = [CouponUse.of_claim(claim) for claim in claims]
    uses = [use.held_at(now) if use.claim and use.claim.state == ClaimState.LOCKED else use for use in uses]
    uses += [CouponUse.of_promotion(coupon) for coupon in automatic_promotions(now)]
    budgets = BudgetsSeen.of(use.coupon for use in uses)
    while True:
        quote = price_cart(cart, [use.offer for use in uses], now)
        order = PricedOrder(priced, quote, {use.offer.offer_id: use for use in uses})
        unpaid = _beyond_budget(order, budgets)
        absent = {use.offer.offer_id for use in unpaid if use.claim is None}
        if not absent:
            break
        # Fewer promotions each time, so this ends; in the place of one that is out another may apply, or a claim.
        uses = [use for use in uses if use.offer.offer_id not in absent]
    _refuse_unless_claims_apply(order)
    if unpaid:
        raise exhausted(unpaid[0].coupon, unpaid[0].claim)
    return order


def price_again(*, order: Order, uses: Sequence[CouponUse], now: datetime) -> Quote:
    """Prices a locked order as it was placed, with the products and the shopper as they are now.

    What the lock promised stays promised: windows and hours are judged at the moment when the order was placed,
    and a coupon that was paused or ended since still applies.
    """
    cart = cart_of(
        items_on(order),
        shipping=order.shipping,
        channel=order.channel,
        region=order.region,
        buyer=buyer_of(order.shopper, now),
    )
    offers = [use.held_at(order.placed_at).offer for use in uses]
    return price_cart(cart, offers, order.placed_at)


def items_on(order: Order) -> list[PricedItem]:
    """Returns the lines of an order as they go into pricing, each under its number."""
    lines = order.lines.select_related("product", f"product__{CATEGORY_PATH}").order_by("number")
    return [PricedItem(str(line.number), line.product, line.quantity, line.unit_price) for line in lines]


def uses_on(order: Order, claims: Sequence[Claim]) -> list[CouponUse]:
    """Returns the coupons on an order: its claims, and the promotions that apply.

    Args:
        claims: what the order holds or has used.
    """
    applied = Q(pk__in=OrderLineDiscount.objects.filter(line__order=order, claim=None).values("coupon"))
    applied |= Q(pk__in=OrderShippingDiscount.objects.filter(order=order, claim=None).values("coupon"))
    applied |= Q(pk__in=OrderGift.objects.filter(order=order, claim=None).values("coupon"))
    promotions = Coupon.objects.filter(applied).prefetch_related(*PARTS_OF_OFFER).order_by("pk")
    return [
        *(CouponUse.of_claim(claim) for claim in claims),
        *(CouponUse.of_promotion(coupon) for coupon in promotions),
    ]


def _refuse_unless_claims_apply(order: PricedOrder) -> None:
    for outcome in order.quote.refused:
        if order.uses[outcome.offer_id].claim is not None:
            raise CouponRefused(claim=outcome.offer_id, reason=outcome.code, **outcome.data)


def _beyond_budget(order: PricedOrder, budgets: BudgetsSeen) -> list[CouponUse]:
    applied = order.applied
    beyond = budgets.cannot_pay([(use.coupon, outcome.amount) for use, outcome in applied])
    return [applied[position][0] for position in beyond]
