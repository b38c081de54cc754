"""Pricing a shopper's cart, with every coupon of the wallet explained; changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from time import perf_counter
from uuid import UUID

from config.kernel.errors import NotFound
from config.kernel.money import format_money
from coupons.condition_words import scope_label
from coupons.enums import ClaimState
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
from coupons.pricing import Applied, Cart, Offer, Outcome, Quote, Refused, evaluate_each, price_cart
from coupons.pricing.combination import Combination, best_combination
from users.models import User

# A wallet above this is judged only by the claims that end first; pricing stays quick for everybody.
MAXIMUM_JUDGED = 200
# Seconds that the search for the best combination may take; realistic wallets need a few milliseconds.
SEARCH_LASTS = 0.15
# What an unchosen claim would add is found by pricing the cart once more. Beyond so many lines priced for that, a
# claim is judged as if it were alone, so that no cart and wallet can keep a server busy.
MAXIMUM_LINES_PRICED = 3_000


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
    automatic = [offer_of_promotion(coupon) for coupon in promotions.values()]
    claims = _wallet(shopper, now) if shopper is not None else []
    if claim_ids is not None:
        claims = _with_chosen(claims, claim_ids, shopper)
    offers = {claim.public_id: offer_of(claim) for claim in claims}

    best = None
    if shopper is not None:
        pool = [*offers.values(), *automatic]
        best = best_combination(cart, pool, now, time_budget=SEARCH_LASTS, clock=perf_counter)
    if claim_ids is not None:
        chosen = [*(offers[key] for key in claim_ids), *automatic]
    else:
        chosen = [*(best.offers if best else ()), *automatic]
    quote = price_cart(cart, chosen, now)
    names = _Names({**promotions, **{str(claim.coupon.public_id): claim.coupon for claim in claims}}, priced)
    return CartQuote(
        quote=quote,
        items=priced,
        candidates=[
            Candidate(claim, outcome, is_chosen, names.explain(outcome))
            for claim, (outcome, is_chosen) in zip(
                claims, _judge(list(offers.values()), chosen, quote, cart, now), strict=True
            )
        ],
        promotions=[
            Promotion(promotions[outcome.coupon_id], outcome)
            for outcome in quote.applied
            if outcome.offer_id in {offer.offer_id for offer in automatic}
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


def _judge(
    offers: list[Offer], chosen: list[Offer], quote: Quote, cart: Cart, now: datetime
) -> Iterator[tuple[Outcome, bool]]:
    """Yields, for every offer, what it does or would do, and whether it was chosen."""
    in_quote = {outcome.offer_id: outcome for outcome in quote.outcomes}
    may_price = MAXIMUM_LINES_PRICED // max(1, len(cart.lines))
    for offer, alone in zip(offers, evaluate_each(cart, offers, now), strict=True):
        if offer.offer_id in in_quote:
            yield in_quote[offer.offer_id], True
        elif isinstance(alone, Applied) and may_price > 0:
            may_price -= 1
            yield _would_do(offer, chosen, cart, now), False
        else:
            # What does nothing alone does nothing beside others, for offers only ever lower prices.
            yield alone, False


def _would_do(offer: Offer, chosen: list[Offer], cart: Cart, now: datetime) -> Outcome:
    with_it = price_cart(cart, [*chosen, offer], now)
    # What the shopper chose stays: an offer that would push a chosen one out is the one in conflict.
    for outcome in with_it.refused:
        if outcome.data.get("conflicting_offer_id") == offer.offer_id:
            names = {"conflicting_offer_id": outcome.offer_id, "conflicting_coupon_id": outcome.coupon_id}
            return Refused(offer.offer_id, offer.coupon_id, outcome.code, {**outcome.data, **names})
    return with_it.outcomes[-1]


def _wallet(shopper: User, now: datetime) -> list[Claim]:
    return list(
        Claim.objects.of(shopper.pk)
        .filter(state=ClaimState.AVAILABLE, expires_at__gt=now)
        .select_related("coupon")
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
            .select_related("coupon")
            .prefetch_related(*claims_with_offers())
        )
        if len(found) != len(set(missing)):
            raise NotFound
        claims = [*claims, *found]
    return claims
