"""Pricing a shopper's cart, with every coupon of the wallet explained; changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Q

from config.kernel.errors import NotFound
from config.kernel.money import format_money
from coupons.condition_words import scope_label
from coupons.enums import ClaimState, OrderState
from coupons.explanations import explain
from coupons.models import Claim, Coupon
from coupons.offers import (
    CartItem,
    PricedItem,
    automatic_promotions,
    buyer_of,
    cart_of,
    claims_with_offers,
    offer_of,
    offer_of_promotion,
    read_items,
)
from coupons.pricing import Applied, Outcome, Quote, RefusalCode, Refused
from coupons.pricing.combination import Combination
from coupons.services.quote_choice import Choice, Purse
from users.models import User

# A wallet above this is judged only by the claims that end first; pricing stays quick for everybody.
MAXIMUM_JUDGED = 200


@dataclass(frozen=True, slots=True)
class Candidate:
    """A claim of the wallet and what it does on this cart.

    `outcome` of a chosen claim is what it does in the quote; of another one, what it would do if it were
    chosen too.
    """

    claim: Claim
    outcome: Outcome
    is_chosen: bool
    sentence: str

    @property
    def status(self) -> str:
        """`applied`, `available` (would apply if chosen) or `refused`."""
        if not isinstance(self.outcome, Applied):
            return "refused"
        return "applied" if self.is_chosen else "available"


@dataclass(frozen=True, slots=True)
class Promotion:
    """An automatic promotion that applies to this cart."""

    coupon: Coupon
    outcome: Applied


@dataclass(frozen=True, slots=True)
class CartQuote:
    """A priced cart: the engine's quote with the products, claims and promotions behind it.

    `best` is the combination with the least to pay; None for a cart that is priced without a wallet. `gift_names`
    are those of the gifts, by sku.
    """

    quote: Quote
    items: list[PricedItem]
    candidates: list[Candidate]
    promotions: list[Promotion]
    best: Combination | None
    gift_names: dict[str, str]

    @property
    def is_best(self) -> bool:
        """Whether nothing cheaper than what was chosen is known."""
        return self.best is None or self.quote.payable <= self.best.quote.payable


def quote_cart(
    *,
    shopper: User | None,
    items: Sequence[CartItem],
    claim_ids: Sequence[UUID] | None,
    shipping: int = 0,
    channel: str = "",
    region: str = "",
    now: datetime,
) -> CartQuote:
    """Prices a cart and explains every coupon that the shopper could use on it.

    Args:
        shopper: whose wallet to look into; None prices without coupons.
        claim_ids: the chosen claims; None chooses the best combination of the wallet.
        shipping: the shop's shipping fee in minor units.
        channel: where the shopper buys, as the shop calls it.
        region: where the order goes, as the shop calls it.

    Raises:
        NotFound: a chosen claim is not the shopper's.
        ProductUnknown, CartTooLarge, Invalid: the cart is wrong.
    """
    priced = read_items(items)
    cart = cart_of(priced, shipping=shipping, channel=channel, region=region, buyer=buyer_of(shopper, now))
    promotions = {str(coupon.public_id): coupon for coupon in automatic_promotions(now)}
    claims = _wallet(shopper, now) if shopper is not None else []
    if claim_ids is not None:
        claims = _with_chosen(claims, claim_ids, shopper)

    coupons = {**promotions, **{str(claim.coupon.public_id): claim.coupon for claim in claims}}
    choice = Choice(
        cart=cart,
        offers=[offer_of(claim) for claim in claims],
        automatic=[offer_of_promotion(coupon) for coupon in promotions.values()],
        gone=_gone(claims, now),
        purse=Purse(coupons),
        now=now,
    )
    best = choice.best() if shopper is not None else None
    if claim_ids is not None:
        picked = {str(key) for key in claim_ids}
    else:
        picked = {offer.offer_id for offer in best.offers} if best is not None else set()
    quote = choice.settle(picked)
    names = _Names(coupons, priced)
    return CartQuote(
        quote=quote,
        items=priced,
        candidates=[
            Candidate(claim, outcome, str(claim.public_id) in picked, names.explain(outcome))
            for claim, outcome in zip(claims, choice.judge(quote), strict=True)
        ],
        promotions=[
            Promotion(promotions[outcome.coupon_id], outcome)
            for outcome in quote.applied
            if choice.is_automatic(outcome)
        ],
        best=best,
        gift_names=names.gifts,
    )


class _Names:
    """What the sentences of a quote call coupons, the products that they count, gifts and what is bought."""

    def __init__(self, coupons: dict[str, Coupon], items: list[PricedItem]) -> None:
        self._coupons = coupons
        products = (coupon.gift_product for coupon in coupons.values())
        self.gifts = {product.sku: product.name for product in products if product is not None}
        self._products = {**self.gifts, **{item.product.sku: item.product.name for item in items}}

    def explain(self, outcome: Outcome) -> str:
        return explain(
            outcome,
            money=format_money,
            coupon_name=lambda coupon_id: self._coupons[coupon_id].title,
            products_name=lambda coupon_id: scope_label(self._coupons[coupon_id]),
            product_name=lambda sku: self._products[sku],
        )


def _gone(claims: Iterable[Claim], now: datetime) -> dict[str, Refused]:
    """Refuses, by `offer_id`, claims that were chosen although they are used, held or given away."""
    return {
        str(claim.public_id): Refused(
            str(claim.public_id),
            str(claim.coupon.public_id),
            RefusalCode.CLAIM_NOT_USABLE,
            {"state": claim.state},
        )
        for claim in claims
        # Of an expired one the engine says since when.
        if claim.state not in (ClaimState.AVAILABLE, ClaimState.EXPIRED) and not _is_held_too_long(claim, now)
    }


def _is_held_too_long(claim: Claim, now: datetime) -> bool:
    """Whether an unpaid order holds it whose time is over; whoever needs it next releases it."""
    return claim.state == ClaimState.LOCKED and claim.order is not None and claim.order.is_overdue(now)


def _wallet(shopper: User, now: datetime) -> list[Claim]:
    is_held_too_long = Q(state=ClaimState.LOCKED, order__state=OrderState.LOCKED, order__lock_expires_at__lte=now)
    return list(
        Claim.objects.of(shopper.pk)
        .filter(Q(state=ClaimState.AVAILABLE) | is_held_too_long, expires_at__gt=now)
        .select_related("coupon", "order")
        .prefetch_related(*claims_with_offers())
        .order_by("expires_at", "pk")[:MAXIMUM_JUDGED]
    )


def _with_chosen(claims: list[Claim], claim_ids: Sequence[UUID], shopper: User | None) -> list[Claim]:
    known = {claim.public_id for claim in claims}
    missing = [key for key in claim_ids if key not in known]
    if missing:
        # Chosen, but not usable: named in the answer with the reason if it is the shopper's at all.
        found = list(
            Claim.objects.filter(public_id__in=missing, shopper=shopper)
            .select_related("coupon", "order")
            .prefetch_related(*claims_with_offers())
        )
        if len(found) != len(set(missing)):
            raise NotFound
        claims = [*claims, *found]
    return claims
