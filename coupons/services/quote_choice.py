"""Choosing among the coupons of a wallet on one cart: what is paid for, what is best, what each would do."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from time import perf_counter

from coupons.enums import Handout
from coupons.models import Coupon
from coupons.pricing import Applied, Cart, Offer, Outcome, Quote, RefusalCode, Refused, evaluate_each, price_cart
from coupons.pricing.combination import Combination, best_combination
from coupons.services.budgets import BudgetsSeen

# Seconds that the search for the best combination may take; realistic wallets need a few milliseconds.
SEARCH_LASTS = 0.15
# What an unchosen claim would add is found by pricing the cart once more. Beyond so many lines priced for that, a
# claim is judged as if it were alone, so that no cart and wallet can keep a server busy.
MAXIMUM_LINES_PRICED = 3_000


class Purse:
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


class Choice:
    """The offers of a wallet and the promotions of the shop over one cart, as far as they can be used at all."""

    def __init__(
        self,
        *,
        cart: Cart,
        offers: Sequence[Offer],
        automatic: Sequence[Offer],
        gone: Mapping[str, Refused],
        purse: Purse,
        now: datetime,
    ) -> None:
        """Looks at every offer by itself.

        Args:
            offers: those of the wallet, to be chosen from.
            automatic: the promotions, which take part unasked.
            gone: offers that cannot be used whatever the cart, by `offer_id`.
            purse: which coupons are paid for.
        """
        self._cart, self._offers, self._purse, self._now = cart, offers, purse, now
        self._automatic = {offer.offer_id for offer in automatic}
        everything = [*offers, *automatic]
        self._alone = dict(
            zip((offer.offer_id for offer in everything), evaluate_each(cart, everything, now), strict=True)
        )
        self._out = {**purse.empty_for(self._alone.values()), **gone}
        self._pool = [offer for offer in everything if offer.offer_id not in self._out]
        self._chosen: list[Offer] = []

    def is_automatic(self, outcome: Outcome) -> bool:
        """Whether an outcome is that of a promotion."""
        return outcome.offer_id in self._automatic

    def best(self) -> Combination:
        """Returns the best combination of what budgets can pay.

        Of several that share too small a budget the first ones stay, though another choice might be a little better;
        the combination then does not count as proven.
        """
        pool, is_whole = self._pool, True
        while True:
            best = best_combination(self._cart, pool, self._now, time_budget=SEARCH_LASTS, clock=perf_counter)
            unpaid = self._purse.refuse(best.quote.applied)
            if not unpaid:
                return best if is_whole else replace(best, is_proven=False)
            pool, is_whole = [offer for offer in pool if offer.offer_id not in unpaid], False

    def settle(self, picked: Collection[str]) -> Quote:
        """Prices the cart with the picked offers and the promotions, as far as budgets can pay them."""
        self._chosen = [offer for offer in self._pool if offer.is_automatic or offer.offer_id in picked]
        while unpaid := self._purse.refuse((quote := price_cart(self._cart, self._chosen, self._now)).applied):
            # Fewer each time, so this ends; in the place of one that is out another may apply.
            self._chosen = [offer for offer in self._chosen if offer.offer_id not in unpaid]
            self._out.update(unpaid)
        return quote

    def judge(self, quote: Quote) -> Iterator[Outcome]:
        """Yields what every offer of the wallet does in the quote, or would do if it were chosen too."""
        in_quote = {outcome.offer_id: outcome for outcome in quote.outcomes}
        may_price = MAXIMUM_LINES_PRICED // max(1, len(self._cart.lines))
        for offer in self._offers:
            known = self._out.get(offer.offer_id) or in_quote.get(offer.offer_id)
            by_itself = self._alone[offer.offer_id]
            if known is not None:
                yield known
            elif isinstance(by_itself, Applied) and may_price > 0:
                may_price -= 1
                yield self._would_do(offer, quote)
            else:
                # What does nothing alone does nothing beside others, for offers only ever lower prices.
                yield by_itself

    def _would_do(self, offer: Offer, quote: Quote) -> Outcome:
        with_it = price_cart(self._cart, [*self._chosen, offer], self._now)
        # What the shopper chose stays: an offer that would push a chosen one out is the one in conflict.
        for refused in with_it.refused:
            if refused.data.get("conflicting_offer_id") == offer.offer_id:
                names = {"conflicting_offer_id": refused.offer_id, "conflicting_coupon_id": refused.coupon_id}
                return Refused(offer.offer_id, offer.coupon_id, refused.code, {**refused.data, **names})
        outcome = with_it.outcomes[-1]
        if isinstance(outcome, Refused):
            return outcome
        return self._purse.refuse([*quote.applied, outcome]).get(offer.offer_id, outcome)


def _refused_for_budget(applied: Applied) -> Refused:
    return Refused(applied.offer_id, applied.coupon_id, RefusalCode.BUDGET_EXHAUSTED)
