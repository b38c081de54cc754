"""The plain claim in one call of the database; all others go the long way of `coupons.services.claim_writing`."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import connection

from config.kernel.clock import shop_date
from config.kernel.idempotency import Answer, Attempt, as_json
from config.kernel.locks import busy_when_locked, lock_number
from coupons.enums import AudienceKind, ClaimChannel, CouponState, Handout
from coupons.holdouts import is_held_out
from coupons.models import Claim, Coupon
from coupons.selectors.shelf import shelf
from coupons.services.stock_heat import note_crowd
from users.models import User

GRANT = """
    SELECT outcome, claim_id, the_ordinal FROM coupons_grant_at_once(
        %s, %s::text::xid, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s::smallint, %s::jsonb
    )
"""
NO_ATTEMPT: tuple[Any, ...] = (None,) * 6


def plain_claim(*, shopper: User, coupon: Coupon, channel: ClaimChannel, now: datetime) -> Claim | None:
    """Returns the claim that `grant_at_once` would write, unsaved; None where something has to be asked first.

    Args:
        coupon: as `coupons.selectors.shelf` knows it.
    """
    if (
        connection.vendor != "postgresql"
        or vars(coupon).get("version") is None
        or vars(coupon)["has_envelope"]
        or not shopper.is_active
        or coupon.handout != Handout.SHOWCASE
        or coupon.audience != AudienceKind.EVERYONE
        or is_held_out(coupon, shopper.pk)
        or coupon.state(now) != CouponState.LIVE
    ):
        return None
    usable_from, expires_at = coupon.usable_window(now)
    if expires_at <= max(usable_from, now):
        return None
    return Claim(
        coupon=coupon,
        shopper=shopper,
        channel=channel,
        claimed_at=now,
        usable_from=usable_from,
        expires_at=expires_at,
    )


def grant_at_once(claim: Claim, *, attempt: Attempt | None = None, answer: Answer | None = None) -> bool:
    """Writes a plain claim with its ledger entry, counters and stock, and the record of its answer: all or nothing.

    Nothing is said of why not: the long way finds out, and waits where there is something to wait for.

    Args:
        claim: from `plain_claim`; gets its primary key and ordinal.
        attempt, answer: under which key it is made and what it is answered; both or none.

    Raises:
        Busy: the database cannot take it now.
    """
    record: tuple[Any, ...] = NO_ATTEMPT
    if attempt is not None and answer is not None:
        lock = lock_number(attempt.lock_name)
        record = (attempt.caller, attempt.key, lock, attempt.fingerprint, answer.status, as_json(answer.body))
    with busy_when_locked(), connection.cursor() as cursor:
        cursor.execute(
            GRANT,
            [
                claim.coupon_id,
                vars(claim.coupon)["version"],
                claim.shopper_id,
                claim.public_id,
                claim.channel,
                claim.claimed_at,
                claim.usable_from,
                claim.expires_at,
                shop_date(claim.claimed_at),
                *record,
            ],
        )
        outcome, claim.pk, claim.ordinal = cursor.fetchone()
    match outcome:
        case "crowded":
            note_crowd(claim.coupon_id)
        case "changed":
            shelf.forget(claim.coupon.public_id)
    if claim.pk is None:
        return False
    claim._state.adding, claim._state.db = False, connection.alias
    return True
