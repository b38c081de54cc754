"""The sliders with which a shopper fits a coupon to taste, and the curve beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.conf import settings

from config.kernel.money import exponent
from coupons.errors import OutsideLimits
from coupons.fitting import ChosenTerms, least_spend
from coupons.models import Coupon, Envelope

# The drawing of the curve, in its own units.
WIDTH, HEIGHT = 300, 120


@dataclass(frozen=True, slots=True)
class FitForm:
    """What the sliders of an envelope start from; amounts in minor units."""

    envelope: Envelope
    start: ChosenTerms
    currency: str
    decimals: int
    width: int = WIDTH
    height: int = HEIGHT

    @property
    def spend_minimum(self) -> int:
        """The smallest minimum spend that any choice allows."""
        envelope = self.envelope
        return least_spend(envelope, amount_off=envelope.amount_minimum, days=envelope.days_minimum)


def fit_form(coupon: Coupon) -> FitForm:
    """Returns the sliders of a coupon with an envelope: in the middle of its amounts and days, on the curve."""
    envelope = coupon.envelope
    steps = (envelope.amount_maximum - envelope.amount_minimum) // envelope.amount_step
    amount = envelope.amount_minimum + steps // 2 * envelope.amount_step
    days = (envelope.days_minimum + envelope.days_maximum) // 2
    start = ChosenTerms(amount, least_spend(envelope, amount_off=amount, days=days), days)
    return FitForm(envelope=envelope, start=start, currency=settings.SHOP_CURRENCY, decimals=exponent())


def chosen_terms(posted: Mapping[str, str]) -> ChosenTerms | None:
    """Returns what was chosen, None where nothing was posted.

    Raises:
        OutsideLimits: a figure is missing or no whole number.
    """
    if "amount_off" not in posted:
        return None
    return ChosenTerms(*(_whole(posted, name) for name in ("amount_off", "minimum_spend", "days")))


def _whole(posted: Mapping[str, str], name: str) -> int:
    text = posted.get(name, "")
    # No figure of a coupon has more digits; a longer one is not worth the work of reading it.
    if not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise OutsideLimits(parameter=name)
    return int(text)
