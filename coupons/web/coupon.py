"""One coupon: everything about it, and the button that claims it."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from config.kernel.addresses import client_address
from config.kernel.clock import database_now
from config.kernel.errors import Busy, DomainError, NotFound, Throttled
from coupons.enums import TicketState
from coupons.models import Coupon
from coupons.selectors.coupon_page import coupon_shown
from coupons.selectors.queued import ticket_refused_lately
from coupons.services.queueing import Ticket, refusal_of_answer, ticket_read
from coupons.web.claiming import claim_once
from coupons.web.conditions import terms_of
from coupons.web.fitting import chosen_terms, fit_form
from coupons.web.tickets import CouponTicket, coupon_ticket
from users.forms import OneTimeAddressForm
from users.models import User
from users.services.views import coupon_view_note
from users.web.people import shopper_of, to_sign_in, wants_fragment

REFUSED = 409


@require_safe
@never_cache
@vary_on_headers("HX-Request")
def coupon(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """A coupon with all its conditions; htmx gets the ticket alone, such as when its time has come."""
    now = database_now()
    shopper = shopper_of(request)
    found = _coupon_or_404(public_id, shopper, now)
    if wants_fragment(request):
        return _ticket(request, found, now, is_page="on_page" in request.GET)
    # What a browser fetches on the chance that somebody will look has not been looked at.
    if shopper is not None and request.method == "GET" and "prefetch" not in request.headers.get("Sec-Purpose", ""):
        coupon_view_note(shopper=shopper, coupon=found.public_id, now=now)
    ticket = coupon_ticket(found, now=now, shopper=shopper)
    context = {
        "now": now,
        "ticket": ticket,
        "terms": terms_of(found),
        "is_page": True,
        "quick": OneTimeAddressForm() if ticket.can_claim and shopper is None else None,
        "refusal": _refusal_unseen(ticket, shopper, now),
        "fit": fit_form(found) if ticket.standing == "fit" else None,
    }
    return render(request, "coupons/coupon.html", context)


@require_POST
def claim(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Claims the coupon for whoever is signed in, or says precisely why not."""
    shopper = shopper_of(request)
    now = database_now()
    wanted = _coupon_or_404(public_id, shopper, now)
    if shopper is None:
        return to_sign_in(request, back_to=wanted.get_absolute_url())
    refusal, place = "", None
    try:
        terms = chosen_terms(request.POST)
        place = claim_once(
            shopper=shopper,
            coupon=wanted,
            address=client_address(request),
            key=request.POST.get("key", ""),
            proof=request.POST.get("proof", ""),
            now=now,
            terms=terms,
        )
    except (Busy, Throttled):
        raise
    except DomainError as error:
        refusal = error.sentence
    if wants_fragment(request):
        fresh = _coupon_or_404(public_id, shopper, now)
        return _ticket(request, fresh, now, refusal=refusal, is_page="on_page" in request.POST, place=place)
    if refusal:
        messages.error(request, refusal)
    elif place is not None:
        messages.info(request, queued_words(place))
    else:
        messages.success(request, _("It is yours! You find it in your wallet."))
    return redirect(wanted)


@require_safe
@never_cache
def queue(request: HttpRequest, public_id: UUID, ticket: UUID) -> HttpResponse:
    """How a place in the queue stands: htmx asks again and again, and gets the coupon's ticket with the answer."""
    shopper = shopper_of(request)
    now = database_now()
    found = _coupon_or_404(public_id, shopper, now)
    if shopper is None or not wants_fragment(request):
        return redirect(found)
    is_page = "on_page" in request.GET
    try:
        place = ticket_read(ticket=ticket, shopper=shopper)
    except NotFound as error:
        raise Http404 from error
    except Busy:
        # The page keeps what it shows, and asks again.
        return HttpResponse(status=204)
    if place.state == TicketState.WAITING:
        context = {"coupon": found, "place": place, "is_page": is_page}
        return render(request, "coupons/partials/queue_place.html", context)
    refusal = place.refusal.sentence if place.refusal is not None else ""
    response = _ticket(request, found, now, refusal=refusal, is_page=is_page, is_answer=True)
    response["HX-Retarget"] = f"#coupon-{public_id}"
    return response


def queued_words(place: Ticket) -> str:
    """Returns what a shopper is told who has taken a place in a queue."""
    return _("You are number %(position)s in the queue. Nothing is claimed yet.") % {"position": place.position}


def _refusal_unseen(ticket: CouponTicket, shopper: User | None, now: datetime) -> str:
    """Returns why a place in the queue came to nothing, for a shopper who comes back after the answer."""
    if shopper is None or not ticket.coupon.is_queued or ticket.standing in ("queued", "open", "claimed"):
        return ""
    refused = ticket_refused_lately(coupon=ticket.coupon, shopper=shopper, now=now)
    return "" if refused is None else refusal_of_answer(refused).sentence


def _ticket(
    request: HttpRequest,
    found: Coupon,
    now: datetime,
    *,
    refusal: str = "",
    is_page: bool = False,
    is_answer: bool = False,
    place: Ticket | None = None,
) -> HttpResponse:
    context = {
        "ticket": coupon_ticket(found, now=now, shopper=shopper_of(request), place=place),
        "refusal": refusal,
        "announcement": queued_words(place) if place is not None else "",
        "is_page": is_page,
        "is_answer": is_answer or request.method == "POST",
        "now": now,
    }
    # What became of a place was asked for, and told: only a click is refused.
    status = REFUSED if refusal and request.method == "POST" else 200
    return render(request, "coupons/partials/coupon_ticket.html", context, status=status)


def _coupon_or_404(public_id: UUID, shopper: User | None, now: datetime) -> Coupon:
    try:
        return coupon_shown(public_id=public_id, shopper=shopper, now=now)
    except NotFound as error:
        raise Http404 from error
