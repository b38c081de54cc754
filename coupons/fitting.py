"""A coupon that its shopper fits to taste, within the limits of its envelope."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from decimal import ROUND_CEILING, Decimal

from coupons.errors import OutsideLimits
from coupons.models import Envelope


@dataclass(frozen=True, slots=True)
class ChosenTerms:
    """What a shopper chose: the amount off and the minimum spend in minor units, and how many days it is usable."""

    amount_off: int
    minimum_spend: int
    days: int

    @property
    def lasts(self) -> timedelta:
        """How long a claim with these terms can be used."""
        return timedelta(days=self.days)


def factor(envelope: Envelope, *, days: int) -> Decimal:
    """Returns how many times the amount has to be spent for a validity of so many days.

    It lies on the straight line from the shortest validity to the longest.
    """
    shortest, longest = Decimal(envelope.factor_shortest), Decimal(envelope.factor_longest)
    span = envelope.days_maximum - envelope.days_minimum
    if not span:
        return shortest
    return shortest + (longest - shortest) * (days - envelope.days_minimum) / span


def least_spend(envelope: Envelope, *, amount_off: int, days: int) -> int:
    """Returns the smallest minimum spend that earns an amount off for so many days, in minor units.

    A whole number of steps, at least the factor times the amount, and never beyond the envelope's largest.
    """
    exact = factor(envelope, days=days) * amount_off
    steps = (exact / envelope.amount_step).to_integral_value(rounding=ROUND_CEILING)
    return min(int(steps) * envelope.amount_step, envelope.spend_maximum)


def refuse_outside(envelope: Envelope, terms: ChosenTerms) -> None:
    """Lets only terms within the envelope pass.

    Raises:
        OutsideLimits: naming the first figure that is not within them, and the limits.
    """
    _refuse_amount_outside("amount_off", terms.amount_off, envelope.amount_minimum, envelope.amount_maximum)
    if (terms.amount_off - envelope.amount_minimum) % envelope.amount_step:
        raise OutsideLimits(parameter="amount_off", step_amount=envelope.amount_step)
    if not envelope.days_minimum <= terms.days <= envelope.days_maximum:
        raise OutsideLimits(parameter="days", least=envelope.days_minimum, most=envelope.days_maximum)
    least = least_spend(envelope, amount_off=terms.amount_off, days=terms.days)
    _refuse_amount_outside("minimum_spend", terms.minimum_spend, least, envelope.spend_maximum)


def _refuse_amount_outside(parameter: str, value: int, least: int, most: int) -> None:
    if not least <= value <= most:
        raise OutsideLimits(parameter=parameter, least_amount=least, most_amount=most)
