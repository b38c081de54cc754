"""The one promise that every benefit keeps, and what it is given to keep it."""

from dataclasses import dataclass
from typing import Protocol

from coupons.pricing.allocation import allocate
from coupons.pricing.cart import CartLine


@dataclass(frozen=True, slots=True)
class DiscountableLine:
    """A cart line and what it costs after everything applied so far, in minor units."""

    line: CartLine
    amount: int

    @property
    def room(self) -> int:
        """What may still be taken off before the floor price is reached."""
        return max(0, self.amount - self.line.floor_amount)


@dataclass(frozen=True, slots=True)
class Grant:
    """What a benefit takes off: one amount per line it was given, in their order."""

    line_amounts: tuple[int, ...]

    @property
    def amount(self) -> int:
        """The whole discount, in minor units."""
        return sum(self.line_amounts)


@dataclass(frozen=True, slots=True)
class EligiblePart:
    """The lines of an order that an offer covers, as they stand when it is its turn."""

    lines: tuple[DiscountableLine, ...]

    @property
    def amount(self) -> int:
        """What the lines cost now, in minor units."""
        return sum(line.amount for line in self.lines)

    @property
    def room(self) -> int:
        """What may still be taken off all lines together."""
        return sum(line.room for line in self.lines)

    def spread(self, amount: int) -> Grant:
        """Take ``amount``, or all the room there is if that is less, in proportion to the lines."""
        return Grant(
            line_amounts=allocate(
                min(amount, self.room),
                weights=[line.amount for line in self.lines],
                capacities=[line.room for line in self.lines],
            )
        )


class Benefit(Protocol):
    """What an offer gives, as a frozen value object."""

    def grant(self, part: EligiblePart) -> Grant:
        """Say what to take off which line; nothing is changed.

        Every line amount lies between 0 and the line's room. A grant of nothing means that the
        offer does not apply, so that no shopper spends a claim on it.
        """
        ...
