"""What the wallet says about giving away."""

from __future__ import annotations

from datetime import datetime

from django import template

from coupons.models import Claim
from coupons.selectors import gifts

register = template.Library()


@register.filter
def may_be_given(claim: Claim, now: datetime) -> bool:
    """Tells whether a claim in the wallet gets a button that gives it away."""
    return gifts.may_be_given(claim, now)
