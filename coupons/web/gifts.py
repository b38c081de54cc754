"""Giving a coupon to a friend: the giver's pages, and the page that its link opens."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID, uuid4

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from config.kernel.addresses import client_address
from config.kernel.clock import database_now
from config.kernel.errors import Busy, DomainError, NotFound
from config.kernel.idempotency import Answer, fingerprint
from coupons.errors import TooManyWrongCodes
from coupons.links import gift_link
from coupons.models import Claim
from coupons.selectors.gifts import gift_behind, gift_given, gifts_given, may_be_given
from coupons.selectors.holdings import claim_held
from coupons.services.code_guard import few_wrong_codes
from coupons.services.gifts import gift_accept, gift_cancel, gift_offer, gift_token
from coupons.web.claiming import click_once
from coupons.web.tickets import claim_tickets
from users.models import User
from users.web.people import shopper_of, to_sign_in

SHOWN_GIFTS = 50
MESSAGE_LENGTH = 140
TOKEN_LENGTH = 400
REFUSED = 409


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache
def offer(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Offers a claim as a gift; answers the link once, on the page that the form leads to."""
    giver, now = cast(User, request.user), database_now()
    claim = _claim_or_404(public_id, giver)
    message = request.POST.get("message", "").replace("\0", "").strip()[:MESSAGE_LENGTH]
    context: dict[str, Any] = {
        "now": now,
        "ticket": claim_tickets([claim], now=now)[0],
        "may_be_given": may_be_given(claim, now),
        "key": str(uuid4()),
        "message": message,
        "maximum_length": MESSAGE_LENGTH,
    }
    if request.method != "POST":
        return render(request, "coupons/gift_offer.html", context)

    def write() -> Answer:
        gift = gift_offer(claim=claim, giver=giver, message=message, now=now)
        return Answer(201, {"gift": str(gift.public_id)})

    try:
        answer = click_once(
            giver, request.POST.get("key", ""), fingerprint("gift", str(claim.public_id), message), write
        )
    except Busy:
        raise
    except DomainError as error:
        return render(request, "coupons/gift_offer.html", {**context, "refusal": error.sentence}, status=REFUSED)
    gift_id = answer.body["gift"]
    context["gift"] = gift_given(public_id=UUID(gift_id), shopper=giver, now=now)
    context["link"] = gift_link(gift_token(gift_id=gift_id))
    return render(request, "coupons/gift_link.html", context)


@require_safe
@login_required
@never_cache
def given(request: HttpRequest) -> HttpResponse:
    """What a shopper has given away, and what became of it."""
    now = database_now()
    newest = gifts_given(shopper=cast(User, request.user), now=now).order_by("-offered_at", "-pk")[:SHOWN_GIFTS]
    gifts = [(gift, gift.state_at(now)) for gift in newest]
    return render(request, "coupons/gifts.html", {"now": now, "gifts": gifts})


@require_POST
@login_required
def cancel(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Takes an offer back."""
    giver, now = cast(User, request.user), database_now()
    try:
        gift_cancel(gift=gift_given(public_id=public_id, shopper=giver, now=now), giver=giver, now=now)
    except Busy:
        raise
    except NotFound as error:
        raise Http404 from error
    except DomainError as error:
        messages.error(request, error.sentence)
    else:
        messages.success(request, _("You have it back: the coupon is in your wallet."))
    return redirect("coupons:gifts")


@require_safe
@never_cache
def receive(request: HttpRequest) -> HttpResponse:
    """Where a gift's link leads: a script shows the secret, which the address carries where no server sees it."""
    return render(request, "coupons/gift.html", {"asks_at_once": True})


@sensitive_post_parameters("token")
@require_POST
@never_cache
def look(request: HttpRequest) -> HttpResponse:
    """Shows what is behind a link, before anybody signs in."""
    token, now = _token_of(request), database_now()
    try:
        with few_wrong_codes(shopper=shopper_of(request), address=client_address(request)):
            gift = gift_behind(token=token, now=now)
    except DomainError as error:
        return _refused(request, error)
    context = {
        "now": now,
        "gift": gift,
        "ticket": claim_tickets([gift.claim], now=now)[0],
        "token": token,
        "is_own": request.user == gift.giver,
        "key": str(uuid4()),
    }
    return render(request, "coupons/gift.html", context)


@sensitive_post_parameters("token")
@require_POST
@never_cache
def accept(request: HttpRequest) -> HttpResponse:
    """Puts the gift into the wallet of whoever is signed in."""
    recipient = shopper_of(request)
    if recipient is None:
        return to_sign_in(request, back_to=reverse("coupons:gift"))
    token, now, address = _token_of(request), database_now(), client_address(request)

    def write() -> Answer:
        with few_wrong_codes(shopper=recipient, address=address):
            gift = gift_accept(token=token, recipient=recipient, now=now)
        return Answer(201, {"gift": str(gift.public_id)})

    try:
        click_once(recipient, request.POST.get("key", ""), fingerprint("accept gift", token), write)
    except Busy:
        raise
    except DomainError as error:
        return _refused(request, error)
    messages.success(request, _("It is yours! You find it in your wallet."))
    return redirect("coupons:wallet")


def _refused(request: HttpRequest, error: DomainError) -> HttpResponse:
    answer = render(request, "coupons/gift.html", {"refusal": error.sentence}, status=error.status)
    if isinstance(error, TooManyWrongCodes):
        answer["Retry-After"] = str(error.retry_after)
    return answer


def _token_of(request: HttpRequest) -> str:
    """Returns the secret that was sent; somebody may have pasted the whole link."""
    text = request.POST.get("token", "")[:TOKEN_LENGTH]
    return text.rpartition("#gift=")[2].strip()


def _claim_or_404(public_id: UUID, giver: User) -> Claim:
    try:
        return claim_held(public_id=public_id, shopper=giver)
    except NotFound as error:
        raise Http404 from error
