"""What shoppers thought of the coupons they used."""

from __future__ import annotations

from coupons.models import Claim, ClaimRating


def rating_of(claim: Claim) -> ClaimRating | None:
    """Returns a claim's rating; None while there is none."""
    return ClaimRating.objects.filter(claim=claim).select_related("claim").first()
