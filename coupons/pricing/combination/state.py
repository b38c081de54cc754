"""An order while the search tries offers on it."""

from copy import copy
from dataclasses import dataclass, field
from datetime import datetime

from coupons.pricing.allocation import split
from coupons.pricing.benefits import ShippingOff
from coupons.pricing.benefits.base import Grant
from coupons.pricing.combination.most import most_of_shipping, most_of_sums, most_of_units
from coupons.pricing.combination.terms import Terms
from coupons.pricing.combination.whole import whole_amount
from coupons.pricing.offer import Phase
from coupons.pricing.running_order import RunningOrder
from coupons.pricing.selection import weigh
from coupons.pricing.tax import tax_of


@dataclass(frozen=True, slots=True)
class Scene:
    """What is the same for all states of one search.

    Attributes:
        now: the moment of the quote.
        atoms: positions of the lines that every offer sees alike.
        uses_units: whether any offer may use up units.
        has_floors: whether any line has a floor price.
    """

    now: datetime
    atoms: list[list[int]]
    uses_units: bool
    has_floors: bool


@dataclass(slots=True)
class State:
    """What was decided so far and what the order costs with it. States are never changed, only followed.

    Attributes:
        scene: what they share.
        order: the amounts.
        phase: the running one.
        chosen: the offers that were chosen and apply.
        groups: the stacking groups that are taken.
        is_past_item_prices: whether it is settled which exclusive coupon takes the order, if any.
        sums: what every atom costs now.
        phase_sums: what every atom cost when the phase began.
        rooms: what may be taken off every atom.
    """

    scene: Scene
    order: RunningOrder
    phase: Phase
    chosen: tuple[Terms, ...] = ()
    groups: frozenset[str] = frozenset()
    is_past_item_prices: bool = False
    sums: list[int] = field(default_factory=list)
    phase_sums: list[int] = field(default_factory=list)
    rooms: list[int] = field(default_factory=list)

    @classmethod
    def at_list_price(cls, scene: Scene, order: RunningOrder) -> "State":
        """Before any offer."""
        state = cls(scene, order, Phase.ITEM_PRICE)
        state._sum_up()
        state.phase_sums = state.sums
        return state

    def payable(self) -> int:
        """What is to be paid if nothing more is applied, in minor units."""
        cart, order = self.order.cart, self.order
        payable = sum(order.amounts) + order.shipping
        if cart.prices_include_tax:
            return payable
        tax = tax_of(order.shipping, cart.shipping_tax_rate, included=False)
        taxed = zip(order.amounts, cart.lines, strict=True)
        return payable + tax + sum([tax_of(amount, line.tax_rate, included=False) for amount, line in taxed])

    def in_phase(self, phase: Phase) -> "State":
        """The same when this phase begins; itself where it runs already."""
        if phase is self.phase:
            return self
        state = copy(self)
        state.order = copy(self.order)
        state.order.start_phase()
        state.phase = phase
        state.phase_sums = self.sums
        return state

    def after(self, terms: Terms) -> "State | None":
        """What follows when the offer is applied, or None when it cannot be."""
        if self.scene.uses_units:
            order = self._after_anything(terms)
        elif terms.sees_sums:
            order = self._after_sums(terms)
        elif isinstance(terms.offer.benefit, ShippingOff):
            order = self._after_shipping(terms)
        else:
            order = self._after_anything(terms)
        if order is None:
            return None
        state = copy(self)
        state.order = order
        if terms.is_choice:
            state.chosen = (*self.chosen, terms)
        if terms.offer.stacking_group:
            state.groups = self.groups | {terms.offer.stacking_group}
        if order.amounts is not self.order.amounts:
            state._sum_up()
        return state

    def _after_sums(self, terms: Terms) -> RunningOrder | None:
        base = self._base(terms, self.phase_sums)
        if base < terms.required_amount:
            return None
        amounts, positions = self.order.amounts, terms.positions
        weights = [amounts[i] for i in positions]
        now = sum(weights)
        amount = whole_amount(terms.offer.benefit, now=now, listed=terms.listed, base=base, units=terms.units)
        rooms = weights
        if terms.floors:
            rooms = [max(0, weight - floor) for weight, floor in zip(weights, terms.floors, strict=True)]
        amount = min(amount, sum(rooms))
        if not amount:
            return None
        order = copy(self.order)
        order.amounts = list(amounts)
        for i, part in zip(positions, split(amount, weights, rooms), strict=True):
            order.amounts[i] -= part
        return order

    def _after_shipping(self, terms: Terms) -> RunningOrder | None:
        amount = most_of_shipping(terms.offer, self.order.shipping)
        if self._base(terms, self.phase_sums) < terms.required_amount or not amount:
            return None
        order = copy(self.order)
        order.shipping -= amount
        return order

    def _after_anything(self, terms: Terms) -> RunningOrder | None:
        grant = weigh(terms.offer, self.order, self.scene.now)
        if not isinstance(grant, Grant):
            return None
        order = copy(self.order)
        order.amounts = list(order.amounts)
        if self.scene.uses_units:
            order.used_units = list(order.used_units)
            order.used_amounts = list(order.used_amounts)
            order.phase_used_amounts = list(order.phase_used_amounts)
        order.take(terms.offer, grant)
        return order

    def most(self, terms: Terms) -> int | None:
        """The most that the offer can take off the lines in any state that follows; None if it cannot apply."""
        base = self._base(terms, self.phase_sums if terms.offer.phase is self.phase else self.sums)
        if base < terms.required_amount:
            return None
        if not terms.sees_sums:
            return most_of_units(terms.offer, self.order)
        sums, rooms = self.sums, self.rooms
        now = sum([sums[atom] for atom in terms.atoms])
        most = most_of_sums(terms.offer, now=now, listed=terms.listed, base=base, units=terms.units)
        return min(most, sum([rooms[atom] for atom in terms.atoms]))

    def most_of_shipping(self, terms: Terms) -> int:
        """The same for what it can take off shipping."""
        return 0 if terms.sees_sums else most_of_shipping(terms.offer, self.order.shipping)

    def _base(self, terms: Terms, sums: list[int]) -> int:
        if terms.is_initial:
            return terms.listed
        return sum([sums[atom] for atom in terms.atoms])

    def _sum_up(self) -> None:
        amounts = self.order.amounts
        self.sums = [sum([amounts[i] for i in positions]) for positions in self.scene.atoms]
        self.rooms = self.sums
        # An offer that sees some units of a line only has room that the line as a whole may lack.
        if self.scene.has_floors and not self.scene.uses_units:
            lines = self.order.lines
            self.rooms = [
                sum([max(0, amounts[i] - lines[i].floor_amount) for i in positions]) for positions in self.scene.atoms
            ]
