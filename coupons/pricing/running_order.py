"""An order's amounts while offers are applied to it one after another."""

from dataclasses import dataclass, field
from datetime import datetime
from itertools import repeat

from coupons.pricing.allocation import split
from coupons.pricing.benefits.base import NO_UNITS, DiscountableLine, EligiblePart, Grant, UsedUnits
from coupons.pricing.cart import Cart, CartLine
from coupons.pricing.conditions.base import ConditionFacts
from coupons.pricing.offer import Offer, ThresholdBase
from coupons.pricing.quote import Applied, LineDiscount
from coupons.pricing.scope import EVERYTHING, Scope


class BrokenBenefitError(Exception):
    """A benefit took less than nothing, or more than there is room for."""


@dataclass(slots=True)
class RunningOrder:
    """The only changing thing in the engine; it never leaves it.

    Every line has free and used units. A line's amount lies on both; within each it lies evenly.

    Attributes:
        cart: its lines stand in the order that decides ties.
        amounts: what each line costs now.
        shipping: what is left of the shipping fee.
        phase_amounts: what each line cost when the running phase began.
        used_units: how many units of each line are used up.
        used_amounts: what these cost now.
        phase_used_amounts: what those that are used up now cost when the running phase began.
    """

    cart: Cart
    amounts: list[int]
    shipping: int
    phase_amounts: list[int]
    used_units: list[int]
    used_amounts: list[int]
    phase_used_amounts: list[int]
    # Shared by all copies of one order: which lines a scope covers never changes.
    _positions: dict[Scope, list[int]] = field(default_factory=dict)

    @classmethod
    def at_list_price(cls, cart: Cart) -> "RunningOrder":
        """An order before any offer."""
        amounts = [line.amount for line in cart.lines]
        none = [0] * len(amounts)
        return cls(cart, amounts, cart.shipping, list(amounts), none, list(none), list(none))

    @property
    def lines(self) -> tuple[CartLine, ...]:
        """In the order that decides ties."""
        return self.cart.lines

    def start_phase(self) -> None:
        """From here on, thresholds look at the amounts as they are now."""
        self.phase_amounts = list(self.amounts)
        self.phase_used_amounts = list(self.used_amounts)

    def snapshot(self) -> "RunningOrder":
        """A copy that stays as it is while this order goes on; its phase begins now."""
        return RunningOrder(
            self.cart,
            list(self.amounts),
            self.shipping,
            list(self.amounts),
            list(self.used_units),
            list(self.used_amounts),
            list(self.used_amounts),
            self._positions,
        )

    def covered_by(self, offer: Offer) -> list[int]:
        """Positions of the lines in the offer's scope."""
        return self._in(offer.scope)

    def reached_by(self, offer: Offer) -> list[int]:
        """Positions of the lines that its benefit is given: those, and the ones in its ``get_scope``."""
        covered, get_scope = self._in(offer.scope), offer.get_scope
        return covered if get_scope is None else sorted({*covered, *self._in(get_scope)})

    def _in(self, scope: Scope) -> list[int]:
        positions = self._positions.get(scope)
        if positions is None:
            lines = enumerate(self.cart.lines)
            positions = [i for i, line in lines if scope is EVERYTHING or scope.covers(line)]
            self._positions[scope] = positions
        return positions

    def facts(self, offer: Offer, now: datetime) -> ConditionFacts:
        """What the offer's conditions may look at."""
        lines = self.cart.lines
        positions = self.covered_by(offer)
        if offer.consumes_units:
            positions = [i for i in positions if self._free_units(i)]
            quantity = sum([self._free_units(i) for i in positions])
        else:
            quantity = sum([lines[i].quantity for i in positions])
        return ConditionFacts(
            eligible_lines=tuple([lines[i] for i in positions]),
            eligible_amount=self.base_amount(offer),
            eligible_quantity=quantity,
            cart=self.cart,
            now=now,
        )

    def base_amount(self, offer: Offer) -> int:
        """What the offer's scope costs on its threshold base, in minor units."""
        lines, positions = self.cart.lines, self.covered_by(offer)
        is_initial = offer.threshold_base is ThresholdBase.INITIAL
        if offer.consumes_units:
            if is_initial:
                return sum([lines[i].unit_price * self._free_units(i) for i in positions])
            return sum([self.phase_amounts[i] - self.phase_used_amounts[i] for i in positions])
        if is_initial:
            return sum([lines[i].amount for i in positions])
        return sum([self.phase_amounts[i] for i in positions])

    def part(self, offer: Offer) -> EligiblePart:
        """The lines that the offer reaches as they stand now."""
        reached = self.reached_by(offer)
        lines, amounts, used_units, used_amounts = self.cart.lines, self.amounts, self.used_units, self.used_amounts
        discountable = [
            DiscountableLine(
                lines[i],
                amounts[i],
                lines[i].quantity,
                lines[i].quantity - used_units[i],
                amounts[i] - used_amounts[i],
            )
            for i in reached
        ]
        if offer.consumes_units:
            discountable = [line._replace(amount=line.free_amount, units=line.free_units) for line in discountable]
        if offer.get_scope is not None:
            covered = set(self.covered_by(offer))
            discountable = [
                line._replace(is_counted=i in covered) for i, line in zip(reached, discountable, strict=True)
            ]
        return EligiblePart(tuple(discountable), self.base_amount(offer), self.shipping)

    def take(self, offer: Offer, grant: Grant) -> Applied:
        """Take a grant for the offer off the lines that it reaches, and off shipping.

        Raises:
            BrokenBenefitError: when the grant does not fit; nothing is taken then.
        """
        positions = self.reached_by(offer)
        used = grant.used_units
        if offer.consumes_units and not used:
            used = tuple(UsedUnits(self._free_units(i), self.amounts[i] - self.used_amounts[i]) for i in positions)
        if not self._fits(grant, used, positions):
            raise BrokenBenefitError(f"{offer.benefit!r} granted {grant!r}")
        lines, discounts = self.cart.lines, []
        for i, amount, (units, units_amount) in zip(
            positions, grant.line_amounts, used or repeat(NO_UNITS), strict=bool(used)
        ):
            if units:
                self._use_units(i, units, units_amount, amount)
            elif amount and self.used_units[i]:
                self.used_amounts[i] -= self._share_of_used_units(i, amount)
            if amount:
                self.amounts[i] -= amount
                discounts.append(LineDiscount(lines[i].line_id, amount))
        self.shipping -= grant.shipping_amount
        return Applied(
            offer_id=offer.offer_id,
            coupon_id=offer.coupon_id,
            amount=grant.amount,
            lines=tuple(discounts),
            shipping_amount=grant.shipping_amount,
            gifts=grant.gifts,
        )

    def _free_units(self, i: int) -> int:
        return self.cart.lines[i].quantity - self.used_units[i]

    def _fits(self, grant: Grant, used: tuple[UsedUnits, ...], positions: list[int]) -> bool:
        if len(grant.line_amounts) != len(positions) or not 0 <= grant.shipping_amount <= self.shipping:
            return False
        lines, amounts = self.cart.lines, self.amounts
        if not used:
            for i, amount in zip(positions, grant.line_amounts, strict=True):
                if amount and not 0 < amount <= amounts[i] - lines[i].floor_price * lines[i].quantity:
                    return False
            return True
        return len(used) == len(positions) and all(
            self._fits_units(i, amount, units)
            for i, amount, units in zip(positions, grant.line_amounts, used, strict=True)
        )

    def _fits_units(self, i: int, amount: int, used: UsedUnits) -> bool:
        if used.units > self._free_units(i) or used.amount > self.amounts[i] - self.used_amounts[i]:
            return False
        return not amount or 0 < amount <= used.amount - self.cart.lines[i].floor_price * used.units

    def _use_units(self, i: int, units: int, units_amount: int, discount: int) -> None:
        free_units = self._free_units(i)
        phase_free_amount = self.phase_amounts[i] - self.phase_used_amounts[i]
        # Rounded in favour of what is left, so that no threshold is missed by a fraction.
        self.phase_used_amounts[i] += phase_free_amount * units // free_units
        self.used_units[i] += units
        self.used_amounts[i] += units_amount - discount

    def _share_of_used_units(self, i: int, discount: int) -> int:
        """The part of a line's discount that lies on its used units; each part keeps its floor."""
        floor_price, used_units = self.cart.lines[i].floor_price, self.used_units[i]
        used_amount = self.used_amounts[i]
        free_amount = self.amounts[i] - used_amount
        rooms = (
            max(0, free_amount - floor_price * self._free_units(i)),
            max(0, used_amount - floor_price * used_units),
        )
        return split(discount, (free_amount, used_amount), rooms)[1]
