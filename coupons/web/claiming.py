"""One click, one claim: the claim services behind the idempotency of a page's form."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from config.kernel.idempotency import Answer, fingerprint, run_once
from coupons.codes import normalize_code
from coupons.enums import ClaimChannel
from coupons.models import Claim, Coupon
from coupons.services.claims import claim_create, claim_create_by_code
from users.models import User


def claim_once(*, shopper: User, coupon: Coupon, key: str, now: datetime) -> None:
    """Claims a coupon at most once under the key that the server put into the form.

    Raises:
        The errors of `claim_create` and `run_once`.
    """
    _once(
        shopper,
        key,
        fingerprint("claim", str(coupon.public_id)),
        lambda: claim_create(shopper=shopper, coupon=coupon, channel=ClaimChannel.WEB, now=now),
    )


def claim_code_once(*, shopper: User, text: str, key: str, now: datetime) -> None:
    """Turns a typed code into a claim at most once under the form's key.

    Raises:
        The errors of `claim_create_by_code` and `run_once`.
    """
    _once(
        shopper,
        key,
        fingerprint("code", normalize_code(text)),
        lambda: claim_create_by_code(shopper=shopper, text=text, channel=ClaimChannel.CODE, now=now),
    )


def _once(shopper: User, key: str, request_fingerprint: str, claim: Callable[[], Claim]) -> None:
    run_once(
        # Apart from the keys that the shopper's scripts send to the API.
        caller=f"user:{shopper.pk}",
        key=f"page:{key}" if key else None,
        request_fingerprint=request_fingerprint,
        action=lambda: Answer(201, {"claim": str(claim().public_id)}),
    )
