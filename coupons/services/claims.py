"""Handing out: the ways by which a coupon becomes a shopper's claim."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from config.kernel.errors import DomainError
from config.kernel.idempotency import Answer, Attempt, answer_known, run_once
from coupons.codes import normalize_code
from coupons.enums import ClaimChannel, CouponState
from coupons.errors import CodeInvalid
from coupons.fitting import ChosenTerms
from coupons.models import Claim, Code, Coupon
from coupons.selectors.shelf import shelf
from coupons.services.claim_writing import grant_step_by_step
from coupons.services.gate import Passage, gate_enter
from coupons.services.grant_at_once import grant_at_once, plain_claim
from coupons.services.proofs import proof_demand, shopper_holding
from users.models import User


def claim_create(
    *, shopper: User, coupon: Coupon, channel: ClaimChannel, now: datetime, terms: ChosenTerms | None = None
) -> Claim:
    """Hands one claim of a coupon to a shopper.

    A hot coupon's gate is asked first: it refuses what the database would refuse. The rest is one short transaction;
    after its commit the claim survives any crash. Faces wrap it in `config.kernel.idempotency.run_once`. Locks are
    taken in the order shopper, day, stock.

    Args:
        coupon: which one; its state is read anew inside the transaction.
        now: the database's time.
        terms: what the shopper chose, for a coupon with an envelope and no other.

    Raises:
        TermsNeeded, TermsFixed, OutsideLimits: the terms do not fit the coupon.
        NotStarted, Ended, Paused: the coupon is not open.
        NotEligible: the coupon is not meant for this shopper, or only with a code.
        LimitReached: this shopper's or this day's limit is used up.
        SoldOut: no stock is left.
        ClaimInFlight: claims of this shopper that are being worked on fill the limit.
        Busy: the database could not give a lock in time, or too many ask it at once; nothing was changed.
    """
    known = shelf.get(coupon.public_id)
    with _passage(shopper, known, now, terms) as passage:
        claim = _plain_claim(shopper, known, channel, now, terms, passage)
        if claim is not None and grant_at_once(claim):
            passage.granted(claim)
            return claim
        return grant_step_by_step(
            shopper=shopper, coupon_id=known.pk, channel=channel, now=now, passage=passage, terms=terms
        )


def claim_create_once(
    *,
    attempt: Attempt,
    shopper: User,
    coupon: Coupon,
    channel: ClaimChannel,
    now: datetime,
    answer: Callable[[Claim], Answer],
    proof: str | None = None,
    terms: ChosenTerms | None = None,
) -> Answer:
    """Hands one claim of a coupon to a shopper, at most once under the key of an attempt.

    Args:
        answer: what a claim is answered; may be asked about a claim that is not written yet, and more than once.
        proof: what was worked out for a coupon that asks for it, empty for nothing; None asks for nothing. It is
            looked at before the gate, where it would hold a place, and before the database.
        The others as for `claim_create`.

    Raises:
        The errors of `claim_create`, of `coupons.services.proofs.proof_demand` and of
        `config.kernel.idempotency.run_once`.
    """
    known = shelf.get(coupon.public_id)
    try:
        if proof is not None:
            proof_demand(coupon=known, holder=shopper_holding(shopper), proof=proof, now=now)
        passage = _passage(shopper, known, now, terms)
    except DomainError:
        # Whoever retries a claim that was made hears of it, also when everything is gone meanwhile, or the solution is
        # used up.
        answered = answer_known(attempt)
        if answered is None:
            raise
        return answered
    with passage:
        claim = _plain_claim(shopper, known, channel, now, terms, passage)
        if claim is not None:
            answered = answer(claim)
            if grant_at_once(claim, attempt=attempt, answer=answered):
                passage.granted(claim)
                return answered

        def claim_the_long_way() -> Answer:
            return answer(
                grant_step_by_step(
                    shopper=shopper, coupon_id=known.pk, channel=channel, now=now, passage=passage, terms=terms
                )
            )

        return run_once(attempt=attempt, action=claim_the_long_way)


def claim_create_by_code(*, shopper: User, text: str, channel: ClaimChannel, now: datetime) -> Claim:
    """Turns a code into a claim of its coupon.

    Raises:
        CodeInvalid: there is no such code, it is used up, or its coupon was never published; all read the same.
        The errors of `claim_create`, when the code is right.
    """
    normal = normalize_code(text)
    code = Code.objects.filter(normal=normal).select_related("coupon").first() if normal else None
    # A used-up code is as wrong as an unknown one, whatever else its coupon would say.
    if code is None or code.is_used_up or code.coupon.state(now) == CouponState.DRAFT:
        raise CodeInvalid
    return grant_step_by_step(
        shopper=shopper, coupon_id=code.coupon_id, channel=channel, now=now, passage=Passage(), code=code
    )


def claim_create_by_lot(*, shopper: User, coupon: Coupon, now: datetime) -> Claim:
    """Hands a coupon to the winner of a lottery.

    Neither the claim window nor whom the coupon is meant for is asked again: both were when the shopper entered.

    Raises:
        The errors of `claim_create` besides; the claim counts like any other.
    """
    return grant_step_by_step(
        shopper=shopper, coupon_id=coupon.pk, channel=ClaimChannel.LOTTERY, now=now, passage=Passage()
    )


def claim_create_for_waiting(*, shopper: User, coupon: Coupon, now: datetime) -> Claim:
    """Hands a claim to the shopper whose turn on the waiting list it is; `coupons.services.waiting` knows whose.

    Raises:
        The errors of `claim_create`.
    """
    return grant_step_by_step(
        shopper=shopper, coupon_id=coupon.pk, channel=ClaimChannel.WAITING_LIST, now=now, passage=Passage()
    )


def _passage(shopper: User, coupon: Coupon, now: datetime, terms: ChosenTerms | None) -> Passage:
    return Passage() if terms is not None else gate_enter(coupon=coupon, shopper=shopper, now=now)


def _plain_claim(
    shopper: User, coupon: Coupon, channel: ClaimChannel, now: datetime, terms: ChosenTerms | None, passage: Passage
) -> Claim | None:
    # The long way looks at the stock, which is the word that the gate wants.
    if terms is not None or passage.is_word_wanted:
        return None
    return plain_claim(shopper=shopper, coupon=coupon, channel=channel, now=now)
