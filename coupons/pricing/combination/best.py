"""Finding the best legal combination. ``docs/pricing.md`` says what is best and what is legal."""

from collections.abc import Callable, Collection, Hashable, Iterable
from dataclasses import dataclass
from datetime import datetime

from coupons.pricing.cart import Cart
from coupons.pricing.combination.search import Search
from coupons.pricing.combination.state import Scene, State
from coupons.pricing.combination.terms import Terms, divide_into_atoms, is_usable, measure_slack, terms_of, uses_units
from coupons.pricing.engine import price_cart, sorted_by_sku
from coupons.pricing.offer import Offer
from coupons.pricing.quote import Quote
from coupons.pricing.running_order import RunningOrder
from coupons.pricing.selection import order_of_application

# A second or two at worst; wallets as shoppers fill them take some dozens.
MAXIMUM_NODES = 5_000
# The search goes one call deeper for every offer that it takes.
MAXIMUM_OFFERS = 500


@dataclass(frozen=True, slots=True)
class Combination:
    """A legal set of offers and what the cart costs with it.

    Attributes:
        quote: the cart with the automatic promotions and the chosen offers; all of these apply.
        offers: the chosen offers in the order of application.
        is_proven: whether it is known to be the best of all.
        gap: no legal set costs less than ``quote.payable - gap``, in minor units; 0 where nothing is cheaper.
    """

    quote: Quote
    offers: tuple[Offer, ...]
    is_proven: bool
    gap: int


class RequiredOffersError(Exception):
    """No legal set with all required offers was found; ``quote`` prices them together and holds the reasons."""

    def __init__(self, quote: Quote) -> None:
        super().__init__("no legal combination holds all required offers")
        self.quote = quote


def best_combination(
    cart: Cart,
    offers: Iterable[Offer],
    now: datetime,
    *,
    required: Collection[str] = (),
    time_budget: float | None = None,
    clock: Callable[[], float] | None = None,
    maximum_nodes: int = MAXIMUM_NODES,
) -> Combination:
    """Find the legal set of offers with the least to pay.

    A set is legal when each of its offers applies as ``price_cart`` prices it together with the automatic
    promotions, which take part without being chosen. Of equal sets the one with fewer offers is better, then
    the one whose offers expire first, then the one whose ``offer_id`` come first.

    Pure, and exact unless a limit ends the search: then the best set found so far is returned, with how much
    cheaper another could be at most.

    Args:
        cart: lines and shipping fee in minor units.
        offers: in any order; of two with one ``offer_id`` the first stands.
        now: the moment of the quote, aware.
        required: ids of offers that the set must contain.
        time_budget: seconds of ``clock`` after which the search ends.
        clock: tells seconds; needed with ``time_budget`` only.
        maximum_nodes: how many states are looked at before the search ends.

    Raises:
        RequiredOffersError: when no legal set with all required offers was found.
        ValueError: on a naive ``now``, more than ``MAXIMUM_OFFERS``, a required id that no offer has, or a time
            budget without a clock.
    """
    if now.utcoffset() is None:
        raise ValueError("now must be aware of its time zone")
    pool = tuple({offer.offer_id: offer for offer in reversed(tuple(offers))}.values())
    if len(pool) > MAXIMUM_OFFERS:
        raise ValueError(f"at most {MAXIMUM_OFFERS} offers can be combined, not {len(pool)}")
    unknown = set(required) - {offer.offer_id for offer in pool if not offer.is_automatic}
    if unknown:
        raise ValueError(f"required offers are not among the offers: {sorted(unknown)}")

    should_stop = _limit(time_budget, clock, maximum_nodes)
    promotions = [offer for offer in pool if offer.is_automatic]
    order = RunningOrder.at_list_price(sorted_by_sku(cart))
    usable = [offer for offer in pool if is_usable(offer, order, now)]
    search = _prepare(order, usable, now, set(required), should_stop)
    if set(required) <= {offer.offer_id for offer in usable}:
        search.run()
    if search.best is None:
        raise RequiredOffersError(
            price_cart(cart, [*promotions, *(offer for offer in pool if offer.offer_id in required)], now)
        )
    chosen = tuple(terms.offer for terms in search.best.chosen)
    quote = price_cart(cart, [*promotions, *chosen], now)
    applied = {outcome.offer_id for outcome in quote.applied}
    if quote.payable != search.best.rank[0] or not applied.issuperset(offer.offer_id for offer in chosen):
        raise RuntimeError("the search and the engine disagree about a cart")
    gap = 0 if search.open_bound is None else max(0, quote.payable - search.open_bound)
    return Combination(quote, chosen, is_proven=search.open_bound is None, gap=gap)


def _limit(time_budget: float | None, clock: Callable[[], float] | None, maximum_nodes: int) -> Callable[[int], bool]:
    if time_budget is None:
        return lambda nodes: nodes >= maximum_nodes
    if clock is None:
        raise ValueError("a time budget needs a clock")
    end = clock() + time_budget
    return lambda nodes: nodes >= maximum_nodes or clock() >= end


def _prepare(
    order: RunningOrder, usable: Iterable[Offer], now: datetime, required: set[str], should_stop: Callable[[int], bool]
) -> Search:
    ranked = sorted(usable, key=order_of_application)
    terms = _without_twins(terms_of(ranked, order, required))
    _mark_blockers(terms)
    atoms = divide_into_atoms(order.cart, terms)
    measure_slack(order.cart, terms, atoms)
    scene = Scene(
        now=now,
        atoms=atoms,
        uses_units=any(uses_units(one.offer) for one in terms),
        has_floors=any(line.floor_price for line in order.lines),
    )
    return Search(State.at_list_price(scene, order), terms, should_stop)


def _without_twins(terms: list[Terms]) -> list[Terms]:
    """Drop every later offer of a group that another one can stand in for, since it comes in the same place.

    Between the two there are only offers of the same group, of which one at most applies.
    """
    kept: list[Terms] = []
    group = ""
    seen: dict[Hashable, Terms] = {}
    for one in terms:
        if one.offer.stacking_group != group or not one.is_choice:
            group, seen = one.offer.stacking_group, {}
        if group and one.is_choice and not one.is_required:
            stand_in = seen.setdefault(one.without_names(), one)
            if stand_in is not one and _expires_no_later(stand_in, one):
                continue
        kept.append(one)
    return kept


def _expires_no_later(one: Terms, other: Terms) -> bool:
    return (one.expires_at, one.offer.offer_id) <= (other.expires_at, other.offer.offer_id)


def _mark_blockers(terms: Iterable[Terms]) -> None:
    """An offer that takes nothing may still keep an automatic promotion away, and so let another apply."""
    promotions = [one.offer for one in terms if not one.is_choice]
    groups = {offer.stacking_group for offer in promotions if offer.stacking_group}
    for one in terms:
        keeps_away = one.offer.must_be_alone and any(offer.is_coupon for offer in promotions)
        if one.offer.stacking_group in groups or keeps_away:
            one.can_matter_without_money = True
