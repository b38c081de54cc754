"""From rows to the pricing engine: carts and offers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.conf import settings

from config.kernel.errors import Invalid
from config.kernel.money import MAXIMUM_MINOR
from coupons.enums import BenefitType, Handout, OrderState
from coupons.errors import CartTooLarge, ProductUnknown
from coupons.models import Category, Claim, Coupon, Order, Product
from coupons.pricing import Buyer, Cart, CartLine, Offer, ThresholdBase
from coupons.pricing.cart import UNKNOWN_BUYER
from coupons.terms import benefit_of, conditions_of, phase_of, scope_of
from users.models import Tag, User

MAXIMUM_LINES = 200
MAXIMUM_QUANTITY = 9_999
# A product counts for its category and for every category above it.
CATEGORY_PATH = "category__parent__parent__parent"
# What is read of a coupon besides its own columns.
PARTS_OF_OFFER = ("scope_entries__category", "scope_entries__product", "tiers", "gift_product")


@dataclass(frozen=True, slots=True)
class CartItem:
    """One product in a shopper's cart. `unit_price` in minor units; None means the catalogue's price."""

    sku: str
    quantity: int
    unit_price: int | None = None


@dataclass(frozen=True, slots=True)
class PricedItem:
    """A cart item with its product, as it goes into pricing under `line_id`."""

    line_id: str
    product: Product
    quantity: int
    unit_price: int


def read_items(items: Sequence[CartItem]) -> list[PricedItem]:
    """Finds the products of a cart; one query.

    Raises:
        ProductUnknown: a SKU is not on sale.
        CartTooLarge: more lines or units than a cart can have.
        Invalid: a quantity under 1, a product twice, or more money than there is.
    """
    if len(items) > MAXIMUM_LINES:
        raise CartTooLarge(parameter="lines", limit=MAXIMUM_LINES)
    products = Product.objects.select_related(CATEGORY_PATH).in_bulk([item.sku for item in items], field_name="sku")
    if len({item.sku for item in items}) != len(items):
        raise Invalid(parameter="lines")
    priced = []
    for number, item in enumerate(items):
        product = products.get(item.sku)
        if product is None or not (product.is_on_sale or item.unit_price is not None):
            raise ProductUnknown(parameter=f"lines[{number}].sku", sku=item.sku)
        if item.quantity < 1:
            raise Invalid(parameter=f"lines[{number}].quantity")
        if item.quantity > MAXIMUM_QUANTITY:
            raise CartTooLarge(parameter=f"lines[{number}].quantity", limit=MAXIMUM_QUANTITY)
        unit_price = product.price if item.unit_price is None else item.unit_price
        priced.append(PricedItem(str(number), product, item.quantity, unit_price))
    if sum(item.unit_price * item.quantity for item in priced) > MAXIMUM_MINOR:
        raise Invalid(parameter="lines")
    return priced


def cart_of(
    items: Iterable[PricedItem],
    *,
    shipping: int,
    channel: str = "",
    region: str = "",
    buyer: Buyer = UNKNOWN_BUYER,
) -> Cart:
    """Returns the engine's cart.

    Args:
        shipping: the shop's shipping fee in minor units.
        channel: where the order is placed, such as `web`; upper or lower case is the same.
        region: where it goes.
        buyer: facts of the shopper, from `buyer_of`.
    """
    return Cart(
        lines=tuple(
            CartLine(
                line_id=item.line_id,
                sku=item.product.sku,
                categories=_categories_of(item.product),
                unit_price=item.unit_price,
                quantity=item.quantity,
                floor_price=min(item.product.floor_price, item.unit_price),
                tax_rate=int(item.product.tax_rate * 100),
            )
            for item in items
        ),
        shipping=shipping,
        shipping_tax_rate=settings.SHOP_SHIPPING_TAX,
        prices_include_tax=settings.SHOP_PRICES_INCLUDE_TAX,
        buyer=buyer,
        channel=channel.strip().casefold(),
        region=region.strip().casefold(),
    )


def buyer_of(shopper: User | None, now: datetime) -> Buyer:
    """Returns what conditions may know of a shopper; two queries, none for a visitor.

    Orders that were paid and not given back count; the one being placed does not yet.
    """
    if shopper is None:
        return UNKNOWN_BUYER
    return Buyer(
        order_count=Order.objects.filter(shopper=shopper, state=OrderState.REDEEMED).count(),
        registered_at=shopper.joined_at,
        tags=frozenset(Tag.objects.active(now).filter(shopper=shopper).values_list("name", flat=True)),
    )


def claims_with_offers() -> tuple[str, ...]:
    """Returns what to prefetch for claims so that `offer_of` needs no further query."""
    return tuple(f"coupon__{part}" for part in PARTS_OF_OFFER)


def offer_of(claim: Claim) -> Offer:
    """Returns the engine's offer for a claim; `claims_with_offers` should be prefetched."""
    coupon = claim.coupon_as_held
    offer = _offer(coupon, offer_id=str(claim.public_id))
    # Without a group of its own a coupon still counts once on an order, however many claims of it are held; of
    # cash a shopper may spend several shares.
    is_cash = coupon.benefit_type == BenefitType.CASH
    group = coupon.stacking_group or ("" if is_cash else f"coupon:{coupon.public_id}")
    return replace(offer, stacking_group=group, usable_from=claim.usable_from, expires_at=claim.expires_at)


def offer_of_promotion(coupon: Coupon) -> Offer:
    """Returns the engine's offer for a coupon that applies by itself, as long as it is handed out."""
    offer = _offer(coupon, offer_id=f"promotion:{coupon.public_id}")
    return replace(
        offer,
        is_automatic=True,
        stacking_group=coupon.stacking_group,
        usable_from=coupon.claim_starts_at,
        expires_at=coupon.claim_ends_at,
    )


def automatic_promotions(now: datetime) -> list[Coupon]:
    """Returns the coupons that apply by themselves at this moment, ready for `offer_of_promotion`."""
    coupons = Coupon.objects.live(now).filter(handout=Handout.AUTOMATIC)
    return list(coupons.prefetch_related(*PARTS_OF_OFFER).order_by("pk"))


def _offer(coupon: Coupon, *, offer_id: str) -> Offer:
    scope = scope_of(coupon)
    return Offer(
        offer_id=offer_id,
        coupon_id=str(coupon.public_id),
        benefit=benefit_of(coupon),
        phase=phase_of(coupon, scope),
        conditions=conditions_of(coupon),
        scope=scope,
        priority=coupon.priority,
        exclusive=coupon.is_exclusive,
        threshold_base=ThresholdBase(coupon.threshold_base),
        consumes_units=coupon.consumes_units,
    )


def _categories_of(product: Product) -> frozenset[str]:
    keys = set()
    category: Category | None = product.category
    while category is not None:
        keys.add(category.key)
        category = category.parent
    return frozenset(keys)
