"""Pricing a shopper's cart, with every coupon of the wallet explained; changes nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from time import perf_counter
from uuid import UUID

from django.db.models import Q

from config.kernel.errors import NotFound
from config.kernel.money import format_money
from coupons.condition_words import scope_label
from coupons.enums import ClaimState, Handout, OrderState
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
from coupons.pricing import Applied, Cart, Offer, Outcome, Quote, RefusalCode, Refused, evaluate_each, price_cart
from coupons.pricing.combination import Combination, best_combination
from coupons.services.budgets import BudgetsSeen
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
    offers = [offer_of(claim) for claim in claims]
    picked = {str(key) for key in claim_ids or ()}

    coupons = {**promotions, **{str(claim.coupon.public_id): claim.coupon for claim in claims}}
    purse = _Purse(coupons)
    alone = evaluate_each(cart, [*offers, *automatic], now)
    out = {**purse.empty_for(alone), **_gone(claims, now)}
    pool = [offer for offer in (*offers, *automatic) if offer.offer_id not in out]

    best = None
    if shopper is not None:
        best = _best_that_is_paid(cart, pool, purse, now)
    if claim_ids is None and best is not None:
        picked = {offer.offer_id for offer in best.offers}
    chosen = [offer for offer in pool if offer.is_automatic or offer.offer_id in picked]
    while unpaid := purse.refuse((quote := price_cart(cart, chosen, now)).applied):
        # Fewer each time, so this ends; in the place of one that is out another may apply.
        chosen = [offer for offer in chosen if offer.offer_id not in unpaid]
        out.update(unpaid)
    names = _Names(coupons, priced)
    judged = _judge(offers, alone, picked, chosen, quote, out, purse, cart, now)
    return CartQuote(
        quote=quote,
        items=priced,
        candidates=[
            Candidate(claim, outcome, is_chosen, names.explain(outcome))
            for claim, (outcome, is_chosen) in zip(claims, judged, strict=True)
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


class _Purse:
    """Which coupons their budgets cannot pay; a look without a lock, as the order itself will have."""

    def __init__(self, coupons: Mapping[str, Coupon]) -> None:
        self._coupons = coupons
        self._budgets = BudgetsSeen.of(coupons.values())

    def refuse(self, applied: Iterable[Applied]) -> dict[str, Refused]:
        """Refuses, by `offer_id`, what budgets cannot pay beside what stands before it.

        Promotions come last and in the order of their keys, as on an order.
        """
        uses = [(self._coupons[each.coupon_id], each) for each in applied]
        uses.sort(key=lambda use: use[0].pk if use[0].handout == Handout.AUTOMATIC else 0)
        beyond = self._budgets.cannot_pay([(coupon, each.amount) for coupon, each in uses])
        return {each.offer_id: _refused_for_budget(each) for each in (uses[position][1] for position in beyond)}

    def empty_for(self, alone: Iterable[Outcome]) -> dict[str, Refused]:
        """Refuses, by `offer_id`, what takes money off that is all spent, so that nothing is searched with it."""
        return {
            each.offer_id: _refused_for_budget(each)
            for each in alone
            if isinstance(each, Applied)
            and each.amount
            and self._budgets.cannot_pay([(self._coupons[each.coupon_id], 1)])
        }


def _best_that_is_paid(cart: Cart, pool: Sequence[Offer], purse: _Purse, now: datetime) -> Combination:
    """The best combination of what budgets can pay.

    Of several that share too small a budget the first ones stay, though another choice might be a little better.
    """
    while True:
        best = best_combination(cart, pool, now, time_budget=SEARCH_LASTS, clock=perf_counter)
        unpaid = purse.refuse(best.quote.applied)
        if not unpaid:
            return best
        pool = [offer for offer in pool if offer.offer_id not in unpaid]


def _refused_for_budget(applied: Applied) -> Refused:
    return Refused(applied.offer_id, applied.coupon_id, RefusalCode.BUDGET_EXHAUSTED)


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


def _judge(
    offers: Sequence[Offer],
    alone: Sequence[Outcome],
    picked: Collection[str],
    chosen: list[Offer],
    quote: Quote,
    out: Mapping[str, Refused],
    purse: _Purse,
    cart: Cart,
    now: datetime,
) -> Iterator[tuple[Outcome, bool]]:
    """Yields, for every offer, what it does or would do, and whether it was chosen."""
    in_quote = {outcome.offer_id: outcome for outcome in quote.outcomes}
    may_price = MAXIMUM_LINES_PRICED // max(1, len(cart.lines))
    for offer, by_itself in zip(offers, alone, strict=False):
        known = out.get(offer.offer_id) or in_quote.get(offer.offer_id)
        if known is not None:
            yield known, offer.offer_id in picked
        elif isinstance(by_itself, Applied) and may_price > 0:
            may_price -= 1
            outcome = _would_do(offer, chosen, cart, now)
            if isinstance(outcome, Applied):
                yield purse.refuse([*quote.applied, outcome]).get(offer.offer_id, outcome), False
            else:
                yield outcome, False
        else:
            # What does nothing alone does nothing beside others, for offers only ever lower prices.
            yield by_itself, False


def _would_do(offer: Offer, chosen: list[Offer], cart: Cart, now: datetime) -> Outcome:
    with_it = price_cart(cart, [*chosen, offer], now)
    # What the shopper chose stays: an offer that would push a chosen one out is the one in conflict.
    for outcome in with_it.refused:
        if outcome.data.get("conflicting_offer_id") == offer.offer_id:
            names = {"conflicting_offer_id": outcome.offer_id, "conflicting_coupon_id": outcome.coupon_id}
            return Refused(offer.offer_id, offer.coupon_id, outcome.code, {**outcome.data, **names})
    return with_it.outcomes[-1]


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
