"""The one question that every condition answers, and the facts it may look at."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from coupons.pricing.cart import Cart, CartLine
from coupons.pricing.refusal import Unmet


@dataclass(frozen=True, slots=True)
class ConditionFacts:
    """What a condition may judge by.

    Attributes:
        eligible_lines: the lines that the offer's scope covers; with free units only, for an offer that
            consumes units.
        eligible_amount: what they cost on the offer's threshold base, in minor units.
        eligible_quantity: how many units they are.
        cart: everything that is bought, by whom and where.
        now: the moment of the quote.
    """

    eligible_lines: tuple[CartLine, ...]
    eligible_amount: int
    eligible_quantity: int
    cart: Cart
    now: datetime


class Condition(Protocol):
    """Something that must hold for an offer to apply, as a frozen value object."""

    def check(self, facts: ConditionFacts) -> Unmet | None:
        """Return None when met, otherwise the reason with what is missing."""
        ...
