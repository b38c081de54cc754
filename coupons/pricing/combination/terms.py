"""An offer as the search sees it: everything that is the same in every state is computed once."""

from collections.abc import Sequence
from datetime import datetime

from coupons.pricing.benefits import AmountOff, Cash, GiftItem, PercentOff, ShippingOff
from coupons.pricing.cart import Cart
from coupons.pricing.combination.whole import looks_at_sums_only
from coupons.pricing.conditions import Condition, MinimumSpend
from coupons.pricing.offer import Offer, ThresholdBase
from coupons.pricing.running_order import RunningOrder
from coupons.pricing.selection import order_of_application
from coupons.pricing.whole_numbers import WHOLE_IN_BASIS_POINTS, share_of


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
        is_smooth: whether it is, but for rounding, a monotone function of its lines' amounts.
        share, most_off: such a function takes this share of what its lines cost, at most that much.
        slack: by how much rounding may take more than the function.
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
        "most_off",
        "offer",
        "positions",
        "required_amount",
        "sees_sums",
        "share",
        "slack",
        "units",
    )

    def __init__(self, offer: Offer, order: RunningOrder, *, is_required: bool) -> None:
        lines = order.lines
        self.offer = offer
        self.is_required = is_required
        self.is_choice = not offer.is_automatic
        self.expires_at = order_of_application(offer)[2]
        self.positions = order.covered_by(offer)
        self.listed = sum([lines[i].amount for i in self.positions])
        self.units = sum([lines[i].quantity for i in self.positions])
        floors = [lines[i].floor_amount for i in self.positions]
        self.floors = floors if any(floors) else []
        self.required_amount = max([_minimum(condition) for condition in offer.conditions], default=0)
        self.is_initial = offer.threshold_base is ThresholdBase.INITIAL
        self.sees_sums = looks_at_sums_only(offer.benefit)
        self.is_smooth = False
        self.share, self.most_off = 1.0, 0
        self.slack = 0.0
        self.atoms: list[int] = []
        self.can_matter_without_money = offer.consumes_units
        self._describe_smoothly()

    def _describe_smoothly(self) -> None:
        benefit = self.offer.benefit
        if self.floors or self.offer.consumes_units or not self.sees_sums:
            return
        if isinstance(benefit, AmountOff | Cash):
            self.is_smooth, self.most_off = True, benefit.amount
        elif isinstance(benefit, PercentOff):
            self.is_smooth = True
            self.most_off = share_of(self.listed, benefit.basis_points)
            if benefit.cap is not None:
                self.most_off = min(self.most_off, benefit.cap)
            if not benefit.of_list_price:
                self.share = benefit.basis_points / WHOLE_IN_BASIS_POINTS
                self.slack = 0.5

    def has_same_terms_as(self, other: "Terms") -> bool:
        """Whether the two differ in their names and expiry at most."""
        return _terms_of(self.offer) == _terms_of(other.offer)


def _terms_of(offer: Offer) -> tuple[object, ...]:
    return (
        offer.benefit,
        offer.phase,
        offer.conditions,
        offer.scope,
        offer.stacking_group,
        offer.exclusive,
        offer.threshold_base,
        offer.is_automatic,
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
    covering: list[list[int]] = [[] for _ in cart.lines]
    numbers: dict[tuple[int, ...], int] = {}
    for one in terms:
        number = numbers.setdefault(tuple(one.positions), len(numbers))
        for i in one.positions:
            if not covering[i] or covering[i][-1] != number:
                covering[i].append(number)
    atoms: dict[tuple[int, tuple[int, ...]], list[int]] = {}
    for i, line in enumerate(cart.lines):
        rate = 0 if cart.prices_include_tax else line.tax_rate
        atoms.setdefault((rate, tuple(dict.fromkeys(covering[i]))), []).append(i)
    atom_of = {i: number for number, positions in enumerate(atoms.values()) for i in positions}
    of_scope: dict[tuple[int, ...], list[int]] = {}
    for one in terms:
        key = tuple(one.positions)
        if key not in of_scope:
            of_scope[key] = sorted({atom_of[i] for i in one.positions})
        one.atoms = of_scope[key]
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
