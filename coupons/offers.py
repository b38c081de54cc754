"""From rows to the pricing engine: carts and offers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from config.kernel.errors import Invalid
from coupons.enums import BenefitType, ScopeMode
from coupons.errors import CartTooLarge, ProductUnknown
from coupons.models import Category, Claim, Coupon, Product
from coupons.pricing import (
    AmountOff,
    Benefit,
    Cart,
    CartLine,
    Condition,
    MinimumSpend,
    Offer,
    PercentOff,
    Phase,
    Scope,
    ThresholdBase,
)

MAXIMUM_LINES = 200
MAXIMUM_QUANTITY = 9_999
# A product counts for its category and for every category above it.
CATEGORY_PATH = "category__parent__parent__parent"


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
        Invalid: a quantity under 1, or a product twice.
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
    return priced


def cart_of(items: Iterable[PricedItem], *, shipping: int) -> Cart:
    """Returns the engine's cart."""
    return Cart(
        lines=tuple(
            CartLine(
                line_id=item.line_id,
                sku=item.product.sku,
                categories=_categories_of(item.product),
                unit_price=item.unit_price,
                quantity=item.quantity,
                floor_price=min(item.product.floor_price, item.unit_price),
            )
            for item in items
        ),
        shipping=shipping,
    )


def offer_of(claim: Claim) -> Offer:
    """Returns the engine's offer for a claim; its coupon's scope entries should be prefetched."""
    coupon = claim.coupon
    scope = _scope_of(coupon)
    narrow = bool(scope.include_skus or scope.include_categories)
    return Offer(
        offer_id=str(claim.public_id),
        coupon_id=str(coupon.public_id),
        benefit=_benefit_of(coupon),
        phase=Phase.PRODUCT if narrow else Phase.ORDER,
        conditions=_conditions_of(coupon),
        scope=scope,
        priority=coupon.priority,
        # Without a group of its own a coupon still counts once on an order, however many claims of it are held.
        stacking_group=coupon.stacking_group or f"coupon:{coupon.public_id}",
        exclusive=coupon.is_exclusive,
        threshold_base=ThresholdBase(coupon.threshold_base),
        usable_from=claim.usable_from,
        expires_at=claim.expires_at,
    )


def _benefit_of(coupon: Coupon) -> Benefit:
    match BenefitType(coupon.benefit_type):
        case BenefitType.AMOUNT_OFF:
            assert coupon.amount_off is not None
            return AmountOff(coupon.amount_off)
        case BenefitType.PERCENT_OFF:
            assert coupon.percent_off is not None
            return PercentOff(basis_points=int(coupon.percent_off * 100), cap=coupon.discount_cap)
        case unpriced:
            raise ValueError(f"no price for {unpriced}")


def _conditions_of(coupon: Coupon) -> tuple[Condition, ...]:
    return (MinimumSpend(coupon.minimum_spend),) if coupon.minimum_spend else ()


def _scope_of(coupon: Coupon) -> Scope:
    keys: dict[tuple[str, str], set[str]] = {}
    for entry in coupon.scope_entries.all():
        if entry.category is not None:
            keys.setdefault((entry.mode, "category"), set()).add(entry.category.key)
        elif entry.product is not None:
            keys.setdefault((entry.mode, "sku"), set()).add(entry.product.sku)
    return Scope(
        include_skus=frozenset(keys.get((ScopeMode.INCLUDE, "sku"), ())),
        include_categories=frozenset(keys.get((ScopeMode.INCLUDE, "category"), ())),
        exclude_skus=frozenset(keys.get((ScopeMode.EXCLUDE, "sku"), ())),
        exclude_categories=frozenset(keys.get((ScopeMode.EXCLUDE, "category"), ())),
    )


def _categories_of(product: Product) -> frozenset[str]:
    keys = set()
    category: Category | None = product.category
    while category is not None:
        keys.add(category.key)
        category = category.parent
    return frozenset(keys)
