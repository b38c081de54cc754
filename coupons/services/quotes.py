"""Pricing a shopper's cart, with every coupon of the wallet explained; changes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from config.kernel.errors import NotFound
from config.kernel.money import format_money
from coupons.enums import ClaimState
from coupons.explanations import explain
from coupons.models import Claim
from coupons.offers import CartItem, PricedItem, cart_of, claims_with_offers, offer_of, read_items
from coupons.pricing import Applied, Cart, Offer, Outcome, Quote, Refused, price_cart
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
class CartQuote:
    """A priced cart: the engine's quote with the products and claims behind it."""

    quote: Quote
    items: list[PricedItem]
    candidates: list[Candidate]


def quote_cart(
    *,
    shopper: User | None,
    items: Sequence[CartItem],
    claim_ids: Sequence[UUID] | None,
    shipping: int = 0,
    now: datetime,
) -> CartQuote:
    """Prices a cart and explains every coupon that the shopper could use on it.

    Args:
        shopper: whose wallet to look into; None prices without coupons.
        claim_ids: the chosen claims; None chooses all that apply together, in the engine's order.
        shipping: the shop's shipping fee in minor units.

    Raises:
        NotFound: a chosen claim is not the shopper's.
        ProductUnknown, CartTooLarge, Invalid: the cart is wrong.
    """
    priced = read_items(items)
    cart = cart_of(priced, shipping=shipping)
    claims = _wallet(shopper, now) if shopper is not None else []
    if claim_ids is not None:
        claims = _with_chosen(claims, claim_ids, shopper)
    offers = {claim.public_id: offer_of(claim) for claim in claims}
    chosen = [offers[key] for key in (offers if claim_ids is None else claim_ids)]
    quote = price_cart(cart, chosen, now)
    return CartQuote(quote, priced, _judge(claims, offers, chosen, quote, cart, now))


def _judge(
    claims: list[Claim], offers: dict[UUID, Offer], chosen: list[Offer], quote: Quote, cart: Cart, now: datetime
) -> list[Candidate]:
    in_quote = {outcome.offer_id: outcome for outcome in quote.outcomes}
    titles = {str(claim.coupon.public_id): claim.coupon.title for claim in claims}
    candidates = []
    for claim in claims:
        offer = offers[claim.public_id]
        outcome = in_quote.get(offer.offer_id)
        is_chosen = outcome is not None
        if outcome is None:
            outcome = _would_do(offer, chosen, cart, now)
        sentence = explain(outcome, money=format_money, coupon_name=lambda key: titles.get(key, ""))
        candidates.append(Candidate(claim, outcome, is_chosen, sentence))
    return candidates


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
