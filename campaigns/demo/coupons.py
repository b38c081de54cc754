"""Makes the coupons of a plan, named after the shelves and products that they are for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet
from django.utils import translation

from campaigns.demo.offers import Offer, Texts
from config.kernel.money import format_money, round_to_minor
from coupons.codes import normalize_code
from coupons.enums import BenefitType, CodeKind, CouponStatus, ScopeMode
from coupons.models import (
    Budget,
    Category,
    Code,
    Coupon,
    Envelope,
    Product,
    ReleaseBatch,
    ScopeEntry,
    StockPolicy,
    Tier,
)

LANGUAGES = ("en", "zh-hans")
EVERYTHING = Texts("everything", "全场")


@dataclass(frozen=True, slots=True)
class Window:
    """When a campaign runs: `[starts_at, ends_at)`."""

    starts_at: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Goods:
    """What of the catalogue an offer is about; None where the catalogue has nothing, or the offer names nothing."""

    shelf: Category | None
    required: Category | None
    gift: Product | None


def make_coupon(
    offer: Offer, window: Window, shelves: Sequence[Category], *, budget_name: str, now: datetime
) -> Coupon:
    """Makes the draft of an offer with everything that belongs to it but its stock.

    Args:
        shelves: the best-selling categories; without any, what is for a shelf is for the whole shop.
        budget_name: of the budget that is made where the offer has one.
    """
    goods = _goods_of(offer, shelves)
    titles, descriptions = _texts(offer.title, offer, goods), _texts(offer.description, offer, goods)
    coupon = Coupon.objects.create(
        title_en=titles.en,
        title_zh=titles.zh,
        description_en=descriptions.en,
        description_zh=descriptions.zh,
        status=CouponStatus.DRAFT,
        **_benefit_of(offer, goods),
        minimum_spend=round_to_minor(offer.minimum_spend),
        claim_starts_at=window.starts_at,
        claim_ends_at=window.ends_at,
        usable_from=now + offer.usable_in if offer.usable_in else None,
        usable_days=offer.usable_days,
        usable_until=None if offer.usable_days else window.ends_at,
        **offer.fields,
    )
    for mode, category in ((ScopeMode.INCLUDE, goods.shelf), (ScopeMode.REQUIRE, goods.required)):
        if category is not None:
            ScopeEntry.objects.create(coupon=coupon, mode=mode, category=category)
    _make_parts(coupon, offer, budget_name)
    _make_stock_life(coupon, offer, now)
    if offer.code:
        _point_code(offer.code, coupon)
    return coupon


def can_be_made(offer: Offer) -> bool:
    """Tells whether the catalogue has what the offer cannot do without: something to give."""
    return offer.gift_shelf is None or _products().exists()


def _products() -> QuerySet[Product]:
    return Product.objects.filter(is_on_sale=True, price__gt=0)


def _benefit_of(offer: Offer, goods: Goods) -> dict[str, Any]:
    benefit_type = offer.benefit_type
    if benefit_type is None:
        benefit_type = BenefitType.AMOUNT_OFF if offer.percent_off is None else BenefitType.PERCENT_OFF
    return {
        "benefit_type": benefit_type,
        "amount_off": _minor(offer.amount_off),
        "percent_off": offer.percent_off,
        "discount_cap": _minor(offer.discount_cap),
        "gift_product": goods.gift,
        **{name: round_to_minor(amount) for name, amount in offer.amounts.items()},
    }


def _make_parts(coupon: Coupon, offer: Offer, budget_name: str) -> None:
    for step in offer.steps:
        Tier.objects.create(
            coupon=coupon,
            minimum_spend=_minor(step.spend),
            minimum_quantity=step.quantity,
            amount_off=_minor(step.amount_off),
            percent_off=step.percent_off,
        )
    if offer.limits is not None:
        Envelope.objects.create(
            coupon=coupon,
            amount_minimum=round_to_minor(offer.limits.amount_minimum),
            amount_maximum=round_to_minor(offer.limits.amount_maximum),
            amount_step=round_to_minor(offer.limits.amount_step),
            spend_maximum=round_to_minor(offer.limits.spend_maximum),
        )
    if offer.budget is not None:
        cap = round_to_minor(offer.budget)
        coupon.budgets.add(Budget.objects.get_or_create(name=budget_name, defaults={"cap": cap})[0])


def _make_stock_life(coupon: Coupon, offer: Offer, now: datetime) -> None:
    for after, quantity in offer.batches:
        ReleaseBatch.objects.create(coupon=coupon, opens_at=now + after, quantity=quantity)
    if offer.watch is not None:
        StockPolicy.objects.create(
            coupon=coupon, low_below=offer.watch.low_below, open_reserve=offer.watch.open_reserve
        )


def _goods_of(offer: Offer, shelves: Sequence[Category]) -> Goods:
    gift = None
    if offer.gift_shelf is not None:
        shelf = _shelf(shelves, offer.gift_shelf)
        products = _products().filter(category=shelf) if shelf else _products()
        gift = products.order_by("price", "pk").first() or _products().order_by("price", "pk").first()
    return Goods(_shelf(shelves, offer.shelf), _shelf(shelves, offer.required_shelf), gift)


def _shelf(shelves: Sequence[Category], position: int | None) -> Category | None:
    return shelves[position % len(shelves)] if position is not None and shelves else None


def _point_code(text: str, coupon: Coupon) -> None:
    """Makes the shared code, or lets the one that is printed everywhere open the new coupon."""
    code = Code.objects.filter(normal=normalize_code(text)).first()
    if code is None:
        Code.objects.create(text=text, coupon=coupon, kind=CodeKind.SHARED)
        return
    code.coupon = coupon
    code.save(update_fields=["coupon"])


def _texts(texts: Texts, offer: Offer, goods: Goods) -> Texts:
    amounts = {"amount_off": offer.amount_off or Decimal(0), "minimum_spend": offer.minimum_spend, **offer.amounts}
    filled = []
    for language, text, everything in zip(LANGUAGES, (texts.en, texts.zh), (EVERYTHING.en, EVERYTHING.zh), strict=True):
        with translation.override(language):
            filled.append(
                text.format(
                    shelf=goods.shelf.name if goods.shelf else everything,
                    required=goods.required.name if goods.required else everything,
                    gift=goods.gift.name if goods.gift else everything,
                    **{name: format_money(round_to_minor(amount)) for name, amount in amounts.items()},
                )
            )
    return Texts(*filled)


def _minor(amount: Decimal | None) -> int | None:
    return None if amount is None else round_to_minor(amount)
