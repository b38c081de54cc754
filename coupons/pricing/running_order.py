"""An order's amounts while offers are applied to it one after another."""

from dataclasses import dataclass
from datetime import datetime

from coupons.pricing.benefits.base import DiscountableLine, EligiblePart, Grant
from coupons.pricing.cart import CartLine
from coupons.pricing.conditions.base import ConditionFacts
from coupons.pricing.offer import Offer, ThresholdBase
from coupons.pricing.quote import Applied, LineDiscount


class BrokenBenefitError(Exception):
    """A benefit took less than nothing, or more than a line has room for."""


@dataclass(slots=True)
class RunningOrder:
    """The only changing thing in the engine; it never leaves ``price_cart``.

    Attributes:
        lines: in the order that decides ties.
        amounts: what each line costs now.
        phase_amounts: what each line cost when the running phase began.
    """

    lines: tuple[CartLine, ...]
    amounts: list[int]
    phase_amounts: list[int]

    @classmethod
    def at_list_price(cls, lines: tuple[CartLine, ...]) -> "RunningOrder":
        """An order before any offer."""
        amounts = [line.amount for line in lines]
        return cls(lines=lines, amounts=amounts, phase_amounts=list(amounts))

    def start_phase(self) -> None:
        """From here on, thresholds look at the amounts as they are now."""
        self.phase_amounts = list(self.amounts)

    def snapshot(self) -> "RunningOrder":
        """A copy that stays as it is while this order goes on; its phase begins now."""
        return RunningOrder(self.lines, list(self.amounts), list(self.amounts))

    def covered_by(self, offer: Offer) -> list[int]:
        """Positions of the lines in the offer's scope."""
        return [i for i, line in enumerate(self.lines) if offer.scope.covers(line)]

    def facts(self, offer: Offer, positions: list[int], now: datetime) -> ConditionFacts:
        """What the offer's conditions may look at."""
        lines = tuple(self.lines[i] for i in positions)
        if offer.threshold_base is ThresholdBase.INITIAL:
            eligible_amount = sum(line.amount for line in lines)
        else:
            eligible_amount = sum(self.phase_amounts[i] for i in positions)
        return ConditionFacts(eligible_lines=lines, eligible_amount=eligible_amount, now=now)

    def part(self, positions: list[int]) -> EligiblePart:
        """The lines at these positions as they stand now."""
        return EligiblePart(tuple(DiscountableLine(self.lines[i], self.amounts[i]) for i in positions))

    def take(self, offer: Offer, grant: Grant) -> Applied:
        """Take a grant for the offer off the lines in its scope.

        Raises:
            BrokenBenefitError: when the grant does not fit the lines; nothing is taken then.
        """
        positions = self.covered_by(offer)
        part = self.part(positions)
        if len(grant.line_amounts) != len(positions) or not all(
            0 <= amount <= line.room for amount, line in zip(grant.line_amounts, part.lines, strict=True)
        ):
            raise BrokenBenefitError(f"{offer.benefit!r} granted {grant.line_amounts!r}")
        for i, amount in zip(positions, grant.line_amounts, strict=True):
            self.amounts[i] -= amount
        return Applied(
            offer_id=offer.offer_id,
            coupon_id=offer.coupon_id,
            amount=grant.amount,
            lines=tuple(
                LineDiscount(self.lines[i].line_id, amount)
                for i, amount in zip(positions, grant.line_amounts, strict=True)
                if amount
            ),
        )
