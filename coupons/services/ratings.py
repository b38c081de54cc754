"""The one question after a coupon was used."""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError, transaction

from config.kernel.errors import Invalid
from config.kernel.locks import busy_when_locked
from coupons.enums import ClaimState
from coupons.errors import AlreadyRated, NotUsedYet
from coupons.models import Claim, ClaimRating
from coupons.models.rating import COMMENT_LENGTH, HIGHEST, LOWEST


def claim_rate(*, claim: Claim, score: int, comment: str = "", now: datetime) -> ClaimRating:
    """Keeps what the shopper thought of a used claim; the first answer counts.

    A refund afterwards does not take the answer back: the coupon was used when it was given.

    Args:
        claim: of whoever answers; who that is the caller has looked at.
        score: stars from 1 to 5.
        comment: at most 280 characters.

    Raises:
        Invalid: the score or the comment is not in these limits.
        NotUsedYet: the claim is not used.
        AlreadyRated: it was rated before.
        Busy: the database could not give a lock in time; nothing was changed.
    """
    if not LOWEST <= score <= HIGHEST:
        raise Invalid(parameter="score")
    if len(comment) > COMMENT_LENGTH:
        raise Invalid(parameter="comment")
    with busy_when_locked(), transaction.atomic():
        # A refund at the same moment comes before or after.
        current = Claim.objects.select_for_update().only("state").get(pk=claim.pk)
        if ClaimRating.objects.filter(claim=claim).exists():
            raise AlreadyRated(claim=str(claim.public_id))
        if current.state != ClaimState.REDEEMED:
            raise NotUsedYet(claim=str(claim.public_id), state=current.state)
        try:
            with transaction.atomic():
                return ClaimRating.objects.create(claim=claim, score=score, comment=comment, rated_at=now)
        except IntegrityError as error:
            raise AlreadyRated(claim=str(claim.public_id)) from error
