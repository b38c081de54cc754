"""The one promise that every benefit keeps, and what it is given to keep it."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from coupons.pricing.allocation import split
from coupons.pricing.cart import CartLine
from coupons.pricing.scope import Scope


class DiscountableLine(NamedTuple):
    """A cart line as an offer finds it when it is its turn.

    Attributes:
        line: the line of the cart.
        amount: what it costs after everything applied so far, in minor units.
        units: how many units cost that; an offer that consumes units sees the free ones only.
        free_units: units that no offer has used up yet.
        free_amount: what these cost, in minor units.
        is_counted: False for a line that only a benefit's ``get_scope`` reaches.
    """

    line: CartLine
    amount: int
    units: int
    free_units: int
    free_amount: int
    is_counted: bool = True

    @property
    def room(self) -> int:
        """What may still be taken off before the floor price is reached."""
        return max(0, self.amount - self.line.floor_price * self.units)

    @property
    def list_amount(self) -> int:
        """What the units cost before any offer, in minor units."""
        return self.line.unit_price * self.units


@dataclass(frozen=True, slots=True)
class Gift:
    """Units of a product that the shop adds for nothing."""

    sku: str
    quantity: int


class UsedUnits(NamedTuple):
    """Free units of a line that a grant uses up, and what they cost before it, in minor units."""

    units: int
    amount: int


NO_UNITS = UsedUnits(0, 0)


@dataclass(frozen=True, slots=True)
class Grant:
    """What a benefit gives.

    Attributes:
        line_amounts: what is taken off each line of the part, in its order.
        shipping_amount: what is taken off the shipping fee.
        gifts: what is added for nothing.
        used_units: per line of the part, for a benefit that works on single units; empty otherwise.
    """

    line_amounts: tuple[int, ...]
    shipping_amount: int = 0
    gifts: tuple[Gift, ...] = ()
    used_units: tuple[UsedUnits, ...] = ()

    @property
    def amount(self) -> int:
        """The whole discount, in minor units."""
        return sum(self.line_amounts) + self.shipping_amount

    @property
    def is_nothing(self) -> bool:
        """Whether a shopper would have nothing from it."""
        return not (self.gifts or self.shipping_amount or any(self.line_amounts))


@dataclass(frozen=True, slots=True)
class EligiblePart:
    """The lines of an order that an offer covers, as they stand when it is its turn.

    Attributes:
        lines: the covered lines.
        base_amount: what they cost on the offer's threshold base, in minor units.
        shipping: what is left of the shipping fee.
    """

    lines: tuple[DiscountableLine, ...]
    base_amount: int
    shipping: int

    @property
    def amount(self) -> int:
        """What the lines cost now, in minor units."""
        return sum([line.amount for line in self.lines])

    @property
    def list_amount(self) -> int:
        """What the lines cost before any offer, in minor units."""
        return sum([line.list_amount for line in self.lines])

    @property
    def quantity(self) -> int:
        """How many units there are."""
        return sum([line.units for line in self.lines])

    @property
    def room(self) -> int:
        """What may still be taken off all lines together."""
        return sum([line.room for line in self.lines])

    def spread(self, amount: int) -> Grant:
        """Take ``amount``, or all the room there is if that is less, in proportion to the lines."""
        return spread(amount, [line.amount for line in self.lines], [line.room for line in self.lines])

    def nothing(self) -> Grant:
        """A grant without effect."""
        return Grant((0,) * len(self.lines))


def spread(amount: int, weights: list[int], rooms: list[int]) -> Grant:
    """Take ``amount``, or all the room there is if that is less, in proportion to ``weights``."""
    return Grant(split(min(amount, sum(rooms)), weights, rooms))


def at_most(cap: int | None, amounts: Iterable[int]) -> tuple[int, ...]:
    """Reduce amounts in proportion until their sum is ``cap`` or less; None is no cap."""
    amounts = list(amounts)
    if cap is None or sum(amounts) <= cap:
        return tuple(amounts)
    return split(cap, amounts, amounts)


class Benefit(Protocol):
    """What an offer gives, as a frozen value object."""

    def grant(self, part: EligiblePart) -> Grant:
        """Say what to take off; nothing is changed.

        Every line amount lies between 0 and the line's room, and what is taken off shipping between
        0 and the fee. A grant of nothing means that the offer does not apply, so that no shopper
        spends a claim on it.
        """
        ...


class ReachingBenefit:
    """A benefit that may discount products beyond the offer's scope: those in ``get_scope``."""

    __slots__ = ()

    get_scope: Scope | None
