"""The search for the best combination: asked for it, and held against the pricing of all subsets."""

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from itertools import combinations

from coupons.pricing import Cart, Offer, price_cart
from coupons.pricing.combination import Combination, best_combination
from coupons.pricing.selection import order_of_application
from tests.coupons.pricing.builders import NOW

Rank = tuple[int, int, list[datetime], list[str]]


def best(priced_cart: Cart, *offers: Offer, required: Collection[str] = ()) -> Combination:
    return best_combination(priced_cart, offers, NOW, required=required)


def names(found: Combination) -> set[str]:
    return {chosen.offer_id for chosen in found.offers}


def rank(payable: int, chosen: Sequence[Offer]) -> Rank:
    return (
        payable,
        len(chosen),
        sorted(order_of_application(one)[2] for one in chosen),
        sorted(one.offer_id for one in chosen),
    )


def legal_sets(priced_cart: Cart, offers: Sequence[Offer]) -> Iterator[Rank]:
    """Every legal set, by pricing all subsets: what the search must be equal to."""
    promotions = [one for one in offers if one.is_automatic]
    choices = [one for one in offers if not one.is_automatic]
    for count in range(len(choices) + 1):
        for chosen in combinations(choices, count):
            priced = price_cart(priced_cart, [*promotions, *chosen], NOW)
            applied = {outcome.offer_id for outcome in priced.applied}
            if applied.issuperset(one.offer_id for one in chosen):
                yield rank(priced.payable, chosen)


def assert_is_best(priced_cart: Cart, offers: Sequence[Offer]) -> None:
    found = best_combination(priced_cart, offers, NOW)

    assert rank(found.quote.payable, found.offers) == min(legal_sets(priced_cart, offers))
    assert found.is_proven
    assert found.gap == 0
