"""The tax in a price, or on top of it."""

from coupons.pricing.whole_numbers import WHOLE_IN_BASIS_POINTS, divide_half_up


def tax_of(payable: int, rate: int, *, included: bool) -> int:
    """The tax on what is paid, half a unit rounded up, once.

    Args:
        payable: after all discounts, in minor units.
        rate: in basis points.
        included: whether ``payable`` contains the tax already.
    """
    return divide_half_up(payable * rate, WHOLE_IN_BASIS_POINTS + (rate if included else 0))
