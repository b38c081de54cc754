"""One click, one claim: the claim services behind the idempotency of a page's form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple
from datetime import datetime

from django.utils.translation import gettext_lazy as _

from config.kernel.errors import DomainError, IdempotencyInFlight, IdempotencyKeyMissing, IdempotencyKeyReused
from config.kernel.idempotency import Answer, fingerprint, run_once
from coupons.codes import normalize_code
from coupons.enums import ClaimChannel
from coupons.fitting import ChosenTerms
from coupons.models import Claim, Coupon
from coupons.services.claims import claim_create, claim_create_by_code
from users.models import User


class ClickInFlight(DomainError):
    """The same click is being worked on; a page without scripts sends a double click twice."""

    code = "click_in_flight"
    message = _("Your first click is being worked on. Look into your wallet in a moment.")


class PageTooOld(DomainError):
    """The form is not one that this page made for one attempt."""

    code = "page_too_old"
    message = _("The page has become too old for this. Load it again.")


def claim_once(*, shopper: User, coupon: Coupon, key: str, now: datetime, terms: ChosenTerms | None = None) -> None:
    """Claims a coupon at most once under the key that the server put into the form.

    Raises:
        ClickInFlight, PageTooOld, Busy, and the errors of `claim_create`.
    """
    _once(
        shopper,
        key,
        fingerprint("claim", str(coupon.public_id), astuple(terms) if terms else None),
        lambda: claim_create(shopper=shopper, coupon=coupon, channel=ClaimChannel.WEB, now=now, terms=terms),
    )


def claim_code_once(*, shopper: User, text: str, key: str, now: datetime) -> None:
    """Turns a typed code into a claim at most once under the form's key.

    Raises:
        ClickInFlight, PageTooOld, Busy, and the errors of `claim_create_by_code`.
    """
    _once(
        shopper,
        key,
        fingerprint("code", normalize_code(text)),
        lambda: claim_create_by_code(shopper=shopper, text=text, channel=ClaimChannel.CODE, now=now),
    )


def _once(shopper: User, key: str, request_fingerprint: str, claim: Callable[[], Claim]) -> None:
    try:
        run_once(
            caller=f"user:{shopper.pk}",
            # Apart from the keys that the shopper's scripts send to the API.
            key=f"page:{key}" if key else None,
            request_fingerprint=request_fingerprint,
            action=lambda: Answer(201, {"claim": str(claim().public_id)}),
        )
    except IdempotencyInFlight as error:
        raise ClickInFlight from error
    except (IdempotencyKeyMissing, IdempotencyKeyReused) as error:
        raise PageTooOld from error
