"""One click, one claim: the claim services behind the idempotency of a page's form."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import astuple
from datetime import datetime

from django.utils.translation import gettext_lazy as _

from config.kernel.addresses import network_of
from config.kernel.errors import DomainError, IdempotencyInFlight, IdempotencyKeyMissing, IdempotencyKeyReused
from config.kernel.idempotency import Answer, Attempt, fingerprint, run_once
from config.kernel.rate_limit import keep_rate
from coupons.codes import normalize_code
from coupons.counters import CountedTry, claim_counted
from coupons.enums import ClaimChannel, TicketState
from coupons.fitting import ChosenTerms
from coupons.models import Claim, Coupon, Lottery, RedPacket
from coupons.services.claims import claim_create_by_code, claim_create_once
from coupons.services.code_guard import few_wrong_codes
from coupons.services.lotteries import lottery_enter
from coupons.services.queueing import Ticket, claim_without_queue, queued_coupon, ticket_take
from coupons.services.red_packets import red_packet_grab
from users.models import User


class ClickInFlight(DomainError):
    """The same click is being worked on; a page without scripts sends a double click twice."""

    code = "click_in_flight"
    message = _("Your first click is being worked on. Look into your wallet in a moment.")


class PageTooOld(DomainError):
    """The form is not one that this page made for one attempt."""

    code = "page_too_old"
    message = _("The page has become too old for this. Load it again.")


def claim_once(
    *,
    shopper: User,
    coupon: Coupon,
    address: str,
    key: str,
    proof: str | None,
    now: datetime,
    terms: ChosenTerms | None = None,
) -> Ticket | None:
    """Claims a coupon at most once under the key that the server put into the form.

    Args:
        address: where the shopper comes from; claims are counted by it too.
        proof: what the browser worked out, empty for nothing; None where that was asked for before.

    Returns:
        The place in the queue of a coupon in queued mode, while it waits; None when the claim is made.

    Raises:
        Throttled, ClickInFlight, PageTooOld, Busy, and the errors of `claim_create_once` and `ticket_take`.
    """
    with claim_counted(channel=ClaimChannel.WEB, coupon=coupon.public_id) as counted:
        _count(shopper, address)
        return _claim_or_queue(counted, shopper, coupon, key, proof, now, terms)


def _claim_or_queue(
    counted: CountedTry,
    shopper: User,
    coupon: Coupon,
    key: str,
    proof: str | None,
    now: datetime,
    terms: ChosenTerms | None,
) -> Ticket | None:
    request_fingerprint = fingerprint("claim", str(coupon.public_id), astuple(terms) if terms else None)
    queued = queued_coupon(public_id=coupon.public_id) if coupon.is_queued and terms is None else None
    with _as_a_click():
        attempt = _attempt(shopper, key, request_fingerprint)
        if queued is None:
            answer = claim_create_once(
                attempt=attempt,
                shopper=shopper,
                coupon=coupon,
                channel=ClaimChannel.WEB,
                now=now,
                answer=_answer_of_claim,
                proof=proof,
                terms=terms,
            )
            counted.answered(status=answer.status, replayed=answer.replayed)
            return None
        ticket = _ticket_once(queued, shopper, attempt, proof)
        if ticket is not None:
            counted.answered(status=202, replayed=ticket.is_repeated)
            return ticket if ticket.state == TicketState.WAITING else None

        def claim() -> Answer:
            return _answer_of_claim(
                claim_without_queue(coupon=queued, shopper=shopper, attempt=attempt, channel=ClaimChannel.WEB, now=now)
            )

        answer = run_once(attempt=attempt, action=claim)
        counted.answered(status=answer.status, replayed=answer.replayed)
    return None


def _ticket_once(queued: Coupon, shopper: User, attempt: Attempt, proof: str | None) -> Ticket | None:
    ticket = ticket_take(coupon=queued, shopper=shopper, attempt=attempt, proof=proof)
    if ticket is not None and ticket.refusal is not None:
        raise ticket.refusal
    return ticket


def claim_code_once(*, shopper: User, text: str, address: str, key: str, now: datetime) -> None:
    """Turns a typed code into a claim at most once under the form's key.

    Args:
        address: where the shopper comes from; wrong codes are counted by it too.

    Raises:
        Throttled, ClickInFlight, PageTooOld, Busy, TooManyWrongCodes, and the errors of `claim_create_by_code`.
    """

    def claim() -> Claim:
        with few_wrong_codes(shopper=shopper, address=address):
            return claim_create_by_code(shopper=shopper, text=text, channel=ClaimChannel.CODE, now=now)

    with claim_counted(channel=ClaimChannel.CODE) as counted:
        answer = _once(shopper, address, key, fingerprint("code", normalize_code(text)), claim)
        counted.answered(status=answer.status, replayed=answer.replayed)


def grab_once(*, shopper: User, packet: RedPacket, address: str, key: str, now: datetime) -> None:
    """Grabs a share of a red packet at most once under the form's key.

    Args:
        address: where the shopper comes from; grabs are counted by it too.

    Raises:
        Throttled, ClickInFlight, PageTooOld, Busy, and the errors of `red_packet_grab`.
    """

    def grab() -> Claim:
        share = red_packet_grab(packet=packet, shopper=shopper, now=now)
        assert share.claim is not None
        return share.claim

    _once(shopper, address, key, fingerprint("red packet", str(packet.public_id)), grab)


def enter_once(*, shopper: User, lottery: Lottery, address: str, key: str, now: datetime) -> None:
    """Enters a lottery at most once under the form's key; counted like a claim.

    Raises:
        Throttled, ClickInFlight, PageTooOld, Busy, and the errors of `lottery_enter`.
    """

    def enter() -> Answer:
        entry = lottery_enter(lottery=lottery, shopper=shopper, now=now)
        return Answer(201, {"ticket": str(entry.ticket)})

    _answer_once(shopper, address, key, fingerprint("lottery", str(lottery.public_id)), enter)


def _once(shopper: User, address: str, key: str, request_fingerprint: str, claim: Callable[[], Claim]) -> Answer:
    return _answer_once(shopper, address, key, request_fingerprint, lambda: _answer_of_claim(claim()))


def _answer_of_claim(claim: Claim) -> Answer:
    return Answer(201, {"claim": str(claim.public_id)})


def _answer_once(
    shopper: User, address: str, key: str, request_fingerprint: str, action: Callable[[], Answer]
) -> Answer:
    _count(shopper, address)
    return click_once(shopper, key, request_fingerprint, action)


def _count(shopper: User, address: str) -> None:
    keep_rate("claims", {"shopper": shopper.pk, "address": network_of(address)})


def click_once(shopper: User, key: str, request_fingerprint: str, action: Callable[[], Answer]) -> Answer:
    """Does at most once what a page's form asks for, under the key that the server put into it.

    Raises:
        ClickInFlight, PageTooOld, Busy, and the errors of the action.
    """
    with _as_a_click():
        return run_once(attempt=_attempt(shopper, key, request_fingerprint), action=action)


def _attempt(shopper: User, key: str, request_fingerprint: str) -> Attempt:
    return Attempt.of(
        caller=f"user:{shopper.pk}",
        # Apart from the keys that the shopper's scripts send to the API.
        key=f"page:{key}" if key else None,
        fingerprint=request_fingerprint,
    )


@contextmanager
def _as_a_click() -> Iterator[None]:
    try:
        yield
    except IdempotencyInFlight as error:
        raise ClickInFlight from error
    except (IdempotencyKeyMissing, IdempotencyKeyReused) as error:
        raise PageTooOld from error
