"""Coupons whose claims have to be worked for: a hot drop asks every browser for a proof of work."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.conf import settings

from config.kernel.proof_of_work import Challenge, Verdict, challenge_make, count_lately, proof_use
from coupons.errors import ChallengeFailed, ChallengeRequired
from coupons.models import Coupon
from users.models import User

# Seconds over which the challenges of a coupon are counted.
WINDOW = 10
# A phone still finds the number within about a second.
MOST_DOUBLINGS = 2


def shopper_holding(shopper: User) -> str:
    """Returns whom a challenge is for when a signed-in shopper claims."""
    return f"shopper {shopper.public_id}"


def one_time_code_holding(public_id: UUID) -> str:
    """Returns whom a challenge is for when a stranger claims with a one-time code."""
    return f"one-time code {public_id}"


def challenge_for(*, coupon: Coupon, holder: str, now: datetime) -> Challenge:
    """Returns a fresh challenge for one holder's claim of one coupon.

    The more of them a coupon gives out within ten seconds, the harder they are: twice as hard from
    `PROOF_OF_WORK_CALM` on, up to four times. Somebody may heat a coupon up by asking for many; that costs the others
    a second, and nobody a claim.

    Args:
        holder: see `shopper_holding` and `one_time_code_holding`.
        now: the database's time.
    """
    heat = count_lately(str(coupon.public_id), window=WINDOW) // settings.PROOF_OF_WORK_CALM
    maxnumber = settings.PROOF_OF_WORK_NUMBERS << min(MOST_DOUBLINGS, heat)
    return challenge_make(bound_to=_bound_to(coupon, holder), maxnumber=maxnumber, now=now)


def proof_demand(*, coupon: Coupon, holder: str, proof: str, now: datetime) -> None:
    """Lets a claim pass whose browser has worked for it; every try uses its solution up, whatever comes of it.

    A coupon without the switch asks for nothing, and looks at nothing.

    Args:
        proof: what was sent; empty for none.
        now: the database's time.

    Raises:
        ChallengeRequired: there is no proof.
        ChallengeFailed: it is wrong, expired, used already, or not for this coupon and this holder.
    """
    if not coupon.needs_proof_of_work:
        return
    verdict = proof_use(proof, bound_to=_bound_to(coupon, holder), now=now)
    if verdict is Verdict.GOOD:
        return
    challenge = challenge_for(coupon=coupon, holder=holder, now=now)
    if verdict is Verdict.MISSING:
        raise ChallengeRequired(challenge=challenge)
    raise ChallengeFailed(reason=verdict.value, challenge=challenge)


def _bound_to(coupon: Coupon, holder: str) -> str:
    return f"claim of {coupon.public_id} by {holder}"
