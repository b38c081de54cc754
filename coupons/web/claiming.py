"""One click, one claim: the claim services behind the idempotency of a page's form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple
from datetime import datetime

from django.utils.translation import gettext_lazy as _

from config.kernel.addresses import network_of
from config.kernel.errors import DomainError, IdempotencyInFlight, IdempotencyKeyMissing, IdempotencyKeyReused
from config.kernel.idempotency import Answer, fingerprint, run_once
from config.kernel.rate_limit import keep_rate
from coupons.codes import normalize_code
from coupons.counters import claim_counted
from coupons.enums import ClaimChannel
from coupons.fitting import ChosenTerms
from coupons.models import Claim, Coupon, Lottery, RedPacket
from coupons.services.claims import claim_create, claim_create_by_code
from coupons.services.code_guard import few_wrong_codes
from coupons.services.lotteries import lottery_enter
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
    *, shopper: User, coupon: Coupon, address: str, key: str, now: datetime, terms: ChosenTerms | None = None
) -> None:
    """Claims a coupon at most once under the key that the server put into the form.

    Args:
        address: where the shopper comes from; claims are counted by it too.

    Raises:
        Throttled, ClickInFlight, PageTooOld, Busy, and the errors of `claim_create`.
    """
    with claim_counted(channel=ClaimChannel.WEB, coupon=coupon.public_id) as attempt:
        answer = _once(
            shopper,
            address,
            key,
            fingerprint("claim", str(coupon.public_id), astuple(terms) if terms else None),
            lambda: claim_create(shopper=shopper, coupon=coupon, channel=ClaimChannel.WEB, now=now, terms=terms),
        )
        attempt.answered(status=answer.status, replayed=answer.replayed)


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

    with claim_counted(channel=ClaimChannel.CODE) as attempt:
        answer = _once(shopper, address, key, fingerprint("code", normalize_code(text)), claim)
        attempt.answered(status=answer.status, replayed=answer.replayed)


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
    return _answer_once(
        shopper, address, key, request_fingerprint, lambda: Answer(201, {"claim": str(claim().public_id)})
    )


def _answer_once(
    shopper: User, address: str, key: str, request_fingerprint: str, action: Callable[[], Answer]
) -> Answer:
    keep_rate("claims", {"shopper": shopper.pk, "address": network_of(address)})
    return click_once(shopper, key, request_fingerprint, action)


def click_once(shopper: User, key: str, request_fingerprint: str, action: Callable[[], Answer]) -> Answer:
    """Does at most once what a page's form asks for, under the key that the server put into it.

    Raises:
        ClickInFlight, PageTooOld, Busy, and the errors of the action.
    """
    try:
        return run_once(
            caller=f"user:{shopper.pk}",
            # Apart from the keys that the shopper's scripts send to the API.
            key=f"page:{key}" if key else None,
            request_fingerprint=request_fingerprint,
            action=action,
        )
    except IdempotencyInFlight as error:
        raise ClickInFlight from error
    except (IdempotencyKeyMissing, IdempotencyKeyReused) as error:
        raise PageTooOld from error
