"""Giving a claim to another shopper through a link: offered, then accepted, taken back or expired."""

from __future__ import annotations

from base64 import urlsafe_b64encode
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import NoReturn
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils.crypto import salted_hmac

from config.kernel.clock import shop_date, start_of_shop_day
from config.kernel.crypto import token_checksum
from config.kernel.errors import NotFound
from config.kernel.locks import busy_when_locked
from coupons.enums import ClaimChannel, ClaimState, GiftState
from coupons.errors import GiftClosed, GiftInvalid, GiftLimitReached, GiftRefused
from coupons.models import Claim, ClaimEntry, Gift
from coupons.services.claim_refusals import refuse_unless_in_audience
from coupons.services.claim_states import claims_move, refusal_of
from users.models import User

BATCH_SIZE = 500
HASH_CONTEXT = "coupons.gift"


def gift_offer(*, claim: Claim, giver: User, message: str, now: datetime) -> Gift:
    """Offers a claim to whoever holds the link of the gift; meanwhile its giver cannot use it.

    Args:
        message: to the recipient, at most 140 characters.

    Returns:
        The open offer; `gift_token` gives the secret of its link, which is to be shown to the giver only.

    Raises:
        NotFound: the claim is not the giver's.
        ClaimNotUsable, ClaimLocked, AlreadyRedeemed: it is not available.
        GiftRefused: its coupon may not be given away, or not through yet another hand.
        GiftLimitReached: the giver has offered as many today as a shop day allows, whatever became of them.
    """
    with busy_when_locked(), transaction.atomic():
        _hold_giver(giver)
        return_overdue_gifts(claim_ids=[claim.public_id], now=now)
        claim = _lock_claim(claim, giver)
        if claim.state_at(now) != ClaimState.AVAILABLE:
            claim.state = claim.state_at(now)
            raise refusal_of(claim)
        _refuse_unless_giftable(claim)
        _refuse_beyond_limit(giver, now)
        gift = Gift(
            claim=claim,
            giver=giver,
            message=message,
            offered_at=now,
            expires_at=min(now + settings.GIFT_LASTS, claim.expires_at),
        )
        gift.checksum = token_checksum(gift_token(gift_id=gift.public_id))
        gift.save(force_insert=True)
        claims_move(
            claims=[claim],
            from_state=ClaimState.AVAILABLE,
            to_state=ClaimState.GIFTING,
            reason="offered",
            now=now,
            data=_trace(gift),
        )
        return gift


def gift_token(*, gift_id: UUID | str) -> str:
    """Returns the secret of a gift's link: 256 bits that only this installation can work out.

    It is a keyed hash of the gift's public id rather than a random number, so that the retry of an offer gets the same
    link although nothing but a checksum is stored. Only the giver may be shown it.
    """
    digest = salted_hmac(HASH_CONTEXT, str(gift_id), algorithm="sha256").digest()
    return urlsafe_b64encode(digest).decode().rstrip("=")


def gift_accept(*, token: str, recipient: User, now: datetime) -> Gift:
    """Gives the offered claim to the recipient as a new claim with the same coupon, terms and end.

    It counts against no limit of the coupon, since the claim that it comes from was counted, but the recipient must
    be among those whom the coupon is for.

    Raises:
        GiftInvalid: the secret opens no gift, or none that is still open; both read the same.
        GiftRefused: the recipient is the giver.
        NotEligible: the coupon is not meant for the recipient.
    """
    with busy_when_locked(), transaction.atomic():
        gift = (
            Gift.objects.select_for_update(of=("self",))
            .select_related("claim__coupon")
            .filter(checksum=token_checksum(token))
            .first()
        )
        if gift is None or gift.state != GiftState.OFFERED or gift.expires_at <= now:
            raise GiftInvalid
        if gift.giver_id == recipient.pk:
            raise GiftRefused(reason="own_gift")
        refuse_unless_in_audience(gift.claim.coupon, recipient, now)
        given = gift.claim
        claims_move(
            claims=[given],
            from_state=ClaimState.GIFTING,
            to_state=ClaimState.GIFTED,
            reason="accepted",
            now=now,
            data=_trace(gift),
        )
        received = Claim.objects.create(
            coupon=given.coupon,
            shopper=recipient,
            channel=ClaimChannel.GIFT,
            source=given,
            amount_off=given.amount_off,
            minimum_spend=given.minimum_spend,
            gift_depth=given.gift_depth + 1,
            claimed_at=now,
            usable_from=given.usable_from,
            expires_at=given.expires_at,
        )
        ClaimEntry.objects.create(
            claim=received,
            to_state=ClaimState.AVAILABLE,
            reason="received",
            data={**_trace(gift), "claim": str(given.public_id)},
            created_at=now,
        )
        gift.recipient, gift.received = recipient, received
        _close(gift, GiftState.ACCEPTED, now)
        return gift


def gift_cancel(*, gift: Gift, giver: User, now: datetime) -> Gift:
    """Takes an offer back; its claim can be used again, unless it has expired meanwhile.

    Raises:
        NotFound: the gift is not the giver's.
        GiftClosed: it was accepted, taken back or expired before.
    """
    with busy_when_locked(), transaction.atomic():
        locked = Gift.objects.select_for_update(of=("self",)).select_related("claim").filter(pk=gift.pk, giver=giver)
        gift = locked.first() or _nothing()
        if gift.state != GiftState.OFFERED:
            raise GiftClosed(state=gift.state)
        _give_back(gift, GiftState.CANCELLED, now)
        return gift


def expire_gifts(
    *, now: datetime, batch_size: int = BATCH_SIZE, progressed: Callable[[int], object] = lambda _gifts: None
) -> int:
    """Gives claims back whose offer nobody accepted in time; returns how many.

    One that is being accepted or taken back at the same moment is passed over: whoever moves it first wins.

    Args:
        progressed: called with the number of gifts after each batch.
    """
    expired = 0
    while batch := _expire_batch(now, batch_size):
        expired += batch
        progressed(batch)
    return expired


def return_overdue_gifts(*, claim_ids: Sequence[UUID], now: datetime) -> None:
    """Gives those of these claims back whose offer has ended, before any job has run; call it in a transaction."""
    overdue = Gift.objects.past_expiry(now).filter(claim__public_id__in=claim_ids)
    for gift in overdue.select_for_update(of=("self",)).select_related("claim").order_by("pk"):
        _give_back(gift, GiftState.EXPIRED, now)


def _expire_batch(now: datetime, batch_size: int) -> int:
    with busy_when_locked(), transaction.atomic():
        overdue = Gift.objects.past_expiry(now).select_for_update(skip_locked=True, of=("self",))
        gifts = list(overdue.select_related("claim").order_by("expires_at", "pk")[:batch_size])
        for gift in gifts:
            _give_back(gift, GiftState.EXPIRED, now)
        return len(gifts)


def _hold_giver(giver: User) -> None:
    """Lets one offer of a giver through at a time, so that nobody counts past another's offer."""
    User.objects.select_for_update(no_key=True).get(pk=giver.pk)


def _lock_claim(claim: Claim, giver: User) -> Claim:
    locked = Claim.objects.select_for_update(of=("self",)).select_related("coupon")
    return locked.filter(pk=claim.pk, shopper=giver).first() or _nothing()


def _nothing() -> NoReturn:
    raise NotFound


def _refuse_unless_giftable(claim: Claim) -> None:
    if not claim.coupon.is_giftable:
        raise GiftRefused(reason="not_giftable")
    if claim.gift_depth >= settings.GIFT_CHAIN_DEPTH:
        raise GiftRefused(reason="too_many_hands")


def _refuse_beyond_limit(giver: User, now: datetime) -> None:
    today = shop_date(now)
    if giver.gifts_given.filter(offered_at__gte=start_of_shop_day(today)).count() >= settings.GIFTS_PER_DAY:
        raise GiftLimitReached(limit=settings.GIFTS_PER_DAY, resets_at=start_of_shop_day(today + timedelta(days=1)))


def _give_back(gift: Gift, state: GiftState, now: datetime) -> None:
    claim = gift.claim
    claims_move(
        claims=[claim],
        from_state=ClaimState.GIFTING,
        to_state=ClaimState.AVAILABLE,
        reason="gift_cancelled" if state == GiftState.CANCELLED else "gift_expired",
        now=now,
        data=_trace(gift),
    )
    if claim.expires_at <= now:
        claims_move(
            claims=[claim], from_state=ClaimState.AVAILABLE, to_state=ClaimState.EXPIRED, reason="expired", now=now
        )
    _close(gift, state, now)


def _close(gift: Gift, state: GiftState, now: datetime) -> None:
    gift.state, gift.closed_at = state, now
    gift.save(update_fields=["state", "recipient", "received", "closed_at"])


def _trace(gift: Gift) -> dict[str, str]:
    return {"gift": str(gift.public_id)}
