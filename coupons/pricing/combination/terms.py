"""An offer as the search sees it: everything that is the same in every state is computed once."""

from collections.abc import Hashable, Iterable, Sequence, Set
from datetime import datetime
from typing import NamedTuple

from coupons.pricing.benefits import AmountOff, GiftItem, PercentOff, ShippingOff, Tiered
from coupons.pricing.cart import Cart
from coupons.pricing.combination.whole import looks_at_sums_only
from coupons.pricing.conditions import Condition, MinimumSpend
from coupons.pricing.offer import Offer, ThresholdBase
from coupons.pricing.running_order import RunningOrder
from coupons.pricing.selection import order_of_application
from coupons.pricing.whole_numbers import WHOLE_IN_BASIS_POINTS


class Covered(NamedTuple):
    """The lines that a scope covers, and what they are before any offer.

    Attributes:
        positions: of the lines.
        listed: what they cost.
        units: how many units they are.
        floors: the least that each of them may cost; empty where nothing has a floor.
    """

    positions: list[int]
    listed: int
    units: int
    floors: list[int]

    @classmethod
    def of(cls, positions: list[int], order: RunningOrder) -> "Covered":
        """Sum up these lines."""
        lines = [order.lines[i] for i in positions]
        floors = [line.floor_amount for line in lines] if any(line.floor_price for line in lines) else []
        return cls(positions, sum([line.amount for line in lines]), sum([line.quantity for line in lines]), floors)


def terms_of(offers: Iterable[Offer], order: RunningOrder, required: Set[str]) -> list["Terms"]:
    """The offers as terms, in their order."""
    covered: dict[int, Covered] = {}
    terms = []
    for offer in offers:
        positions = order.covered_by(offer)
        # The order keeps one list per scope.
        if id(positions) not in covered:
            covered[id(positions)] = Covered.of(positions, order)
        terms.append(Terms(offer, covered[id(positions)], is_required=offer.offer_id in required))
    return terms


class Terms:
    """One offer on one cart.

    Attributes:
        offer: what it stands for.
        is_choice: whether a shopper decides about it; False for an automatic promotion.
        is_required: whether every set must contain it.
        expires_at: never as the last moment there is.
        positions: of the lines in its scope.
        atoms: which groups of lines, told apart by no offer, these are.
        listed, units: what these cost before any offer, how many they are.
        required_amount: what they must cost on the threshold base.
        is_initial: whether the threshold base are list prices.
        sees_sums: whether sums over its lines tell what it takes.
        is_smooth: whether it takes off each of its lines in proportion to what the line costs.
        share: no more than this of what its lines cost, if it is.
        slack: by how much rounding may take more than that.
        can_matter_without_money: whether it may change what others take though it takes nothing.
    """

    __slots__ = (
        "atoms",
        "can_matter_without_money",
        "expires_at",
        "floors",
        "is_choice",
        "is_initial",
        "is_required",
        "is_smooth",
        "listed",
        "offer",
        "positions",
        "required_amount",
        "sees_sums",
        "share",
        "slack",
        "units",
    )

    def __init__(self, offer: Offer, covered: "Covered", *, is_required: bool) -> None:
        self.offer = offer
        self.is_required = is_required
        self.is_choice = not offer.is_automatic
        self.expires_at = order_of_application(offer)[2]
        self.positions = covered.positions
        self.listed, self.units, self.floors = covered.listed, covered.units, covered.floors
        self.required_amount = max([_minimum(condition) for condition in offer.conditions], default=0)
        self.is_initial = offer.threshold_base is ThresholdBase.INITIAL
        self.sees_sums = looks_at_sums_only(offer.benefit)
        self.is_smooth = False
        self.share = 1.0
        self.slack = 0.0
        self.atoms: list[int] = []
        self.can_matter_without_money = offer.consumes_units
        self._describe_smoothly()

    def _describe_smoothly(self) -> None:
        benefit = self.offer.benefit
        if self.floors or self.offer.consumes_units or not self.sees_sums:
            return
        self.is_smooth = True
        if isinstance(benefit, PercentOff) and not benefit.of_list_price:
            self.share = benefit.basis_points / WHOLE_IN_BASIS_POINTS
            self.slack = 0.5
        elif isinstance(benefit, Tiered):
            shares = [tier.basis_points for tier in benefit.tiers if tier.basis_points is not None]
            if len(shares) == len(benefit.tiers):
                self.share = max(shares) / WHOLE_IN_BASIS_POINTS
                self.slack = 0.5

    def without_names(self) -> Hashable:
        """Equal for offers that differ in their names and expiry at most."""
        offer = self.offer
        return (
            offer.benefit,
            offer.phase,
            offer.conditions,
            id(self.positions),
            offer.exclusive,
            offer.threshold_base,
            offer.consumes_units,
        )


def _minimum(condition: Condition) -> int:
    return condition.amount if isinstance(condition, MinimumSpend) else 0


def uses_units(offer: Offer) -> bool:
    """Whether it may use up units, so that others see fewer of them."""
    benefit = offer.benefit
    is_known = looks_at_sums_only(benefit) or isinstance(benefit, AmountOff | PercentOff | GiftItem | ShippingOff)
    return offer.consumes_units or not is_known


def is_usable(offer: Offer, order: RunningOrder, now: datetime) -> bool:
    """Whether there is any state in which the offer might apply."""
    if offer.expires_at is not None and now >= offer.expires_at:
        return False
    if offer.usable_from is not None and now < offer.usable_from:
        return False
    if not order.covered_by(offer):
        return False
    if not offer.conditions:
        return True
    # Amounts and free units only fall from here on, and nothing else that conditions look at changes.
    facts = order.facts(offer, now)
    return all(condition.check(facts) is None for condition in offer.conditions)


def divide_into_atoms(cart: Cart, terms: Sequence[Terms]) -> list[list[int]]:
    """Group the lines that every offer, and the tax on top of prices, sees alike; fill in ``Terms.atoms``."""
    scopes = {id(one.positions): one.positions for one in terms}
    covering: list[list[int]] = [[] for _ in cart.lines]
    for scope, positions in scopes.items():
        for i in positions:
            covering[i].append(scope)
    atoms: dict[tuple[int, tuple[int, ...]], list[int]] = {}
    for i, line in enumerate(cart.lines):
        rate = 0 if cart.prices_include_tax else line.tax_rate
        atoms.setdefault((rate, tuple(covering[i])), []).append(i)
    atom_of = {i: number for number, positions in enumerate(atoms.values()) for i in positions}
    of_scope = {scope: sorted({atom_of[i] for i in positions}) for scope, positions in scopes.items()}
    for one in terms:
        one.atoms = of_scope[id(one.positions)]
    return list(atoms.values())


def measure_slack(cart: Cart, terms: Sequence[Terms], atoms: Sequence[Sequence[int]]) -> None:
    """Add to every smooth offer what spreading whole units over lines may move between atoms.

    Of ``n`` lines that share a sum by largest remainder, those rounded up get at most ``n / 4`` more than
    their exact share. That matters only where something later tells these lines apart.
    """
    rates = [0 if cart.prices_include_tax else cart.lines[positions[0]].tax_rate for positions in atoms]
    later: list[frozenset[int]] = []
    for one in reversed(terms):
        if not one.is_smooth:
            continue
        scope = frozenset(one.atoms)
        tells_apart = any(not (scope <= other or scope.isdisjoint(other)) for other in later)
        if tells_apart or len({rates[atom] for atom in scope}) > 1:
            one.slack += len(one.positions) / 4
        if scope not in later:
            later.append(scope)
