"""Which parts of the coupon form are shown for which kind of benefit."""

from __future__ import annotations

from collections.abc import Iterable

from coupons.enums import BenefitType
from coupons.models.coupon_checks import figures_of


def benefits_with(figure: str) -> list[BenefitType]:
    """Returns the kinds of benefit that read a figure."""
    return [benefit for benefit in BenefitType if figure in figures_of(benefit)]


def shown_for(benefits: Iterable[BenefitType]) -> str:
    """Returns the expression by which the page shows something for some kinds of benefit only.

    Where the kind is fixed it is no field, and what does not belong to it is not on the page.
    """
    chosen = " || ".join(f"benefit_type == '{benefit}'" for benefit in benefits)
    return f"typeof benefit_type === 'undefined' || {chosen}"
