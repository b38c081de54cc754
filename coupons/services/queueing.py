"""Taking a place in the queue of a coupon, and how it stands. The places are served by `coupons.services.granting`."""

from __future__ import annotations

import json
from contextlib import nullcontext, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, transaction

from config.kernel.api.problems import json_value
from config.kernel.clock import recent_database_now, shop_date, start_of_shop_day
from config.kernel.counters import QUEUE_FULL, busy, count, idempotency
from config.kernel.errors import Busy, DomainError, IdempotencyKeyReused, NotFound
from config.kernel.idempotency import KEPT_FOR, Attempt, answer_known
from coupons.enums import ClaimChannel, CouponState, CouponStatus, Handout, TicketState
from coupons.errors import (
    ChallengeFailed,
    ChallengeRequired,
    Ended,
    LimitReached,
    NotEligible,
    NotStarted,
    Paused,
    SoldOut,
    TermsNeeded,
    TicketLost,
)
from coupons.gate import GateAway, is_configured
from coupons.models import Claim, ClaimTicket, Coupon
from coupons.queue import Place, Queue, key_give_back, key_take, parse_ticket_id, ticket_id_of
from coupons.selectors.queued import coupon_public_id, ticket_answered
from coupons.selectors.shelf import shelf
from coupons.services.claims import claim_create
from coupons.services.gate import turn_without_gate
from coupons.services.proofs import proof_demand, shopper_holding
from users.models import User

# Coupons whose public id a process remembers.
KNOWN_IDS = 10_000
# How often whoever waits should look: every second at the head of the queue, less often further back.
PLACES_PER_SECOND = 5_000
LONGEST_PAUSE_SECONDS = 10
# A full queue needs this long to become noticeably shorter, in seconds.
FULL_RETRY_SECONDS = 5

REFUSALS: dict[str, type[DomainError]] = {
    refusal.code: refusal for refusal in (Ended, LimitReached, NotEligible, NotStarted, Paused, SoldOut, TermsNeeded)
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """A place in a queue, as its holder sees it.

    Attributes:
        coupon: its public id.
        position: from 1, while it waits.
        retry_after: after how many seconds it is worth another look, while it waits.
        claim: what it was answered with, where that was asked for.
        refusal: why there is no claim.
        is_repeated: whether the same request came before.
    """

    id: UUID
    coupon: UUID
    state: TicketState
    position: int | None = None
    retry_after: int | None = None
    claim: Claim | None = None
    refusal: DomainError | None = None
    is_repeated: bool = False


def queued_coupon(*, public_id: UUID) -> Coupon | None:
    """Returns a coupon in queued mode, as it was within the last second; None for any other, and for none.

    One whose terms its shoppers choose has no queue, whatever its switch says. It is to be read only.
    """
    if not is_configured():
        return None
    try:
        coupon = shelf.get(public_id)
    except NotFound:
        return None
    beside = vars(coupon)
    if (
        not coupon.is_queued
        or coupon.status == CouponStatus.DRAFT
        or coupon.handout != Handout.SHOWCASE
        or beside["has_envelope"]
    ):
        return None
    # Each time it was read anew, so that the granter finds a queue that Redis has forgotten.
    if "is_announced" not in beside["written"]:
        # While Redis is away nobody can take a place; announced again before anybody can.
        with suppress(GateAway):
            Queue(public_id).announce()
            beside["written"]["is_announced"] = True
    return coupon


def ticket_take(*, coupon: Coupon, shopper: User, attempt: Attempt, proof: str | None = None) -> Ticket | None:
    """Takes a place in the queue of a coupon, without the database.

    The same caller and key is the same place, with its claim once it has one. A shopper who waits already and may have
    no more is shown that place.

    Args:
        coupon: from `queued_coupon`.
        attempt: under which key.
        proof: what was worked out for a coupon that asks for it, empty for nothing; None asks for nothing.

    Returns:
        None when there is no queue at the moment: Redis is away, and the claim is made at once or not at all. Its
        proof was looked at.

    Raises:
        IdempotencyKeyReused: as for every write.
        NotStarted, Ended, Paused, SoldOut, LimitReached: as the database would say.
        ChallengeRequired, ChallengeFailed: the coupon asks for a proof, and the same request did not come before.
        Busy: too many wait already.
    """
    now = recent_database_now()
    ticket = ticket_id_of(caller=attempt.caller, key=attempt.key, coupon_id=coupon.pk, shopper_id=shopper.pk)
    state = coupon.state(now)
    unproven: DomainError | None = None
    try:
        if proof is not None:
            proof_demand(coupon=coupon, holder=shopper_holding(shopper), proof=proof, now=now)
    except (ChallengeRequired, ChallengeFailed) as refusal:
        unproven = refusal
    try:
        known = key_take(caller=attempt.caller, key=attempt.key, fingerprint=attempt.fingerprint)
        if known not in (None, attempt.fingerprint):
            count(idempotency, "reused")
            raise IdempotencyKeyReused
        place = Queue(coupon.public_id).accept(
            ticket=ticket,
            shopper=shopper.pk,
            is_open=unproven is None and state == CouponState.LIVE and shopper.is_active,
            limit=coupon.limit_per_shopper,
            now=now,
            day=shop_date(now),
        )
        if place.outcome == "first":
            Queue(coupon.public_id).announce()
    except GateAway:
        # What was claimed without a queue before is answered as it was.
        if unproven is not None and answer_known(attempt) is None:
            raise unproven from None
        return None
    if place.ticket is not None:
        is_repeated = place.outcome == "known"
        if is_repeated:
            count(idempotency, "replayed")
        ticket_now = _ticket_of(place, place.ticket, coupon.public_id)
        if ticket_now.state == TicketState.GRANTED and (answered := ticket_answered(ticket=place.ticket)) is not None:
            ticket_now = ticket_of_answer(answered)
        return replace(ticket_now, is_repeated=is_repeated)
    # Whoever got one and asks again after the queue has forgotten it: the same request is the same ticket.
    if (place.claimed or unproven is not None) and (answered := ticket_answered(ticket=ticket)) is not None:
        count(idempotency, "replayed")
        return replace(ticket_of_answer(answered), is_repeated=True)
    if known is None:
        with suppress(GateAway):
            key_give_back(caller=attempt.caller, key=attempt.key)
    if place.outcome == "full":
        count(busy, QUEUE_FULL)
    raise unproven or _refusal_of(place, coupon, state, now)


def ticket_read(*, ticket: UUID, shopper: User | None) -> Ticket:
    """Returns how a ticket stands.

    Args:
        shopper: whose it has to be; None for the shop, which sees everybody's.

    Raises:
        NotFound: there is none, or it is not this shopper's.
        Busy: Redis is away, and it had not been answered.
    """
    parsed = parse_ticket_id(ticket)
    if parsed is None or (shopper is not None and not parsed.is_of(shopper.pk)):
        raise NotFound
    public_id = _public_id_of(parsed.coupon_id)
    if public_id is None:
        raise NotFound
    place, is_away = None, not is_configured()
    try:
        if not is_away:
            place = Queue(public_id).look(ticket, shopper=None if shopper is None else shopper.pk)
    except GateAway:
        is_away = True
    if place is not None and place.state != TicketState.GRANTED:
        return _ticket_of(place, ticket, public_id)
    answered = ticket_answered(ticket=ticket, shopper=shopper)
    if answered is not None:
        return ticket_of_answer(answered)
    if is_away:
        raise Busy
    return Ticket(id=ticket, coupon=public_id, state=TicketState.LOST, refusal=TicketLost())


def ticket_waiting(*, coupon: Coupon, shopper: User) -> Ticket | None:
    """Returns the place that a shopper has in a coupon's queue; None while Redis is away too."""
    if not is_configured():
        return None
    try:
        place = Queue(coupon.public_id).waiting_of(shopper.pk)
    except GateAway:
        return None
    return None if place is None or place.ticket is None else _ticket_of(place, place.ticket, coupon.public_id)


def claim_without_queue(
    *, coupon: Coupon, shopper: User, attempt: Attempt, channel: ClaimChannel, now: datetime
) -> Claim:
    """Claims at once what is queued for otherwise: Redis is away. Call it inside `run_once`.

    The ticket of the same request is answered with the claim, in one transaction: if it waits in a queue that comes
    back, nobody is granted a second one for it.

    Raises:
        The errors of `coupons.services.claims.claim_create`.
        Busy: too many ask the database at once, or a granter has just answered the ticket.
    """
    # Read with its stock, as a claim takes it.
    coupon = Coupon.objects.select_related("stock").get(pk=coupon.pk)
    ticket = ticket_id_of(caller=attempt.caller, key=attempt.key, coupon_id=coupon.pk, shopper_id=shopper.pk)
    if (answered := ticket_answered(ticket=ticket)) is not None:
        if answered.claim is not None:
            return answered.claim
        raise refusal_of_answer(answered)
    # A hot coupon's claim waits for its turn by itself.
    with transaction.atomic(), turn_without_gate() if coupon.stock.bucket_count == 1 else nullcontext():
        claim = claim_create(shopper=shopper, coupon=coupon, channel=channel, now=now)
        try:
            ClaimTicket.objects.create(
                pk=ticket, coupon=coupon, shopper=shopper, claim=claim, arrival=0, answered_at=now
            )
        except IntegrityError as error:
            raise Busy from error
    return claim


def ticket_of_answer(answered: ClaimTicket) -> Ticket:
    """Returns the ticket that an answer in the database belongs to."""
    return Ticket(
        id=answered.pk,
        coupon=answered.coupon.public_id,
        state=TicketState.REFUSED if answered.claim is None else TicketState.GRANTED,
        claim=answered.claim,
        refusal=refusal_of_answer(answered) if answered.claim is None else None,
    )


def refusal_of_answer(answered: ClaimTicket) -> DomainError:
    """Returns the refusal that a ticket was answered with."""
    return REFUSALS[answered.code](**answered.data)


def refusal_data(refusal: DomainError) -> dict[str, object]:
    """Returns what belongs to a refusal, as the API writes it."""
    return {name: json_value(name, value) for name, value in refusal.data.items()}


def tickets_delete_old(*, now: datetime) -> int:
    """Deletes answers that nobody asks for any more; returns how many."""
    return ClaimTicket.objects.answered_before(now - KEPT_FOR).delete()[0]


def _ticket_of(place: Place, ticket: UUID, coupon: UUID) -> Ticket:
    state = TicketState(place.state)
    is_waiting = state == TicketState.WAITING
    pause = min(LONGEST_PAUSE_SECONDS, -(-place.position // PLACES_PER_SECOND))
    return Ticket(
        id=ticket,
        coupon=coupon,
        state=state,
        position=place.position if is_waiting else None,
        retry_after=pause if is_waiting else None,
        refusal=REFUSALS[place.code](**json.loads(place.data)) if state == TicketState.REFUSED else None,
    )


def _refusal_of(place: Place, coupon: Coupon, state: CouponState, now: datetime) -> DomainError:
    match place.outcome:
        case "full":
            return Busy(retry_after=FULL_RETRY_SECONDS)
        case "closed":
            return _refusal_in(coupon, state)
        case "not_started":
            return NotStarted(starts_at=place.opens_at)
        case "sold_out":
            return SoldOut()
        case "shopper":
            return LimitReached(limit=place.number, scope="shopper")
        case scope:
            tomorrow = start_of_shop_day(shop_date(now) + timedelta(days=1))
            return LimitReached(limit=place.number, scope=scope, resets_at=tomorrow)


def _refusal_in(coupon: Coupon, state: CouponState) -> DomainError:
    match state:
        case CouponState.LIVE:
            return NotEligible(reason="account_closed")
        case CouponState.SCHEDULED:
            return NotStarted(starts_at=coupon.claim_starts_at)
        case CouponState.PAUSED:
            return Paused()
        case _:
            return Ended()


_public_ids: dict[int, UUID] = {}


def _public_id_of(coupon_id: int) -> UUID | None:
    known = _public_ids.get(coupon_id)
    if known is None:
        known = coupon_public_id(pk=coupon_id)
        if known is not None:
            if len(_public_ids) >= KNOWN_IDS:
                _public_ids.clear()
            _public_ids[coupon_id] = known
    return known
