"""The waiting list of a sold-out coupon: its two buttons."""

from __future__ import annotations

from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from config.kernel.clock import database_now
from config.kernel.errors import Busy, DomainError, NotFound
from coupons.models import Coupon
from coupons.selectors.coupon_page import coupon_shown
from coupons.services.waiting import waiting_join, waiting_leave
from coupons.web.tickets import coupon_ticket
from users.models import User
from users.web.people import shopper_of, to_sign_in, wants_fragment

REFUSED = 409


@require_POST
def join(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Puts whoever is signed in at the end of the list, or says why not; pressing twice keeps the place."""
    shopper, now = shopper_of(request), database_now()
    coupon = _coupon_or_404(public_id, shopper)
    if shopper is None:
        return to_sign_in(request, back_to=coupon.get_absolute_url())
    refusal = ""
    try:
        waiting_join(coupon=coupon, shopper=shopper, now=now)
    except Busy:
        raise
    except DomainError as error:
        refusal = error.sentence
    return _answer(
        request, public_id, shopper, refusal, _("You are on the waiting list. We tell you when you get one.")
    )


@require_POST
def leave(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Takes whoever is signed in off the list."""
    shopper, now = shopper_of(request), database_now()
    coupon = _coupon_or_404(public_id, shopper)
    if shopper is None:
        return to_sign_in(request, back_to=coupon.get_absolute_url())
    waiting_leave(coupon=coupon, shopper=shopper, now=now)
    return _answer(request, public_id, shopper, "", _("You have left the waiting list."))


def _answer(request: HttpRequest, public_id: UUID, shopper: User, refusal: str, done: str) -> HttpResponse:
    coupon = _coupon_or_404(public_id, shopper)
    if wants_fragment(request):
        now = database_now()
        context = {
            "ticket": coupon_ticket(coupon, now=now),
            "refusal": refusal,
            "announcement": "" if refusal else done,
            "is_page": "on_page" in request.POST,
            "now": now,
        }
        status = REFUSED if refusal else 200
        return render(request, "coupons/partials/coupon_ticket.html", context, status=status)
    if refusal:
        messages.error(request, refusal)
    else:
        messages.success(request, done)
    return redirect(coupon)


def _coupon_or_404(public_id: UUID, shopper: User | None) -> Coupon:
    try:
        return coupon_shown(public_id=public_id, shopper=shopper, now=database_now())
    except NotFound as error:
        raise Http404 from error
