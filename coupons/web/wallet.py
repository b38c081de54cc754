"""The wallet: what a shopper holds, and the box for a code."""

from __future__ import annotations

from typing import Any, cast
from uuid import uuid4

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from django.views.decorators.vary import vary_on_headers

from config.kernel.addresses import client_address
from config.kernel.clock import database_now
from config.kernel.errors import Busy, DomainError, Throttled
from coupons.errors import TooManyWrongCodes
from coupons.selectors.wallet import TABS, wallet_claims, wallet_counts
from coupons.web.claiming import claim_code_once
from coupons.web.tickets import claim_tickets
from users.models import User
from users.web.people import shopper_of, to_sign_in, wants_fragment

PAGE_SIZE = 20
LAST_PAGE = 500
UNPROCESSABLE = 422
TAB_NAMES = {
    "usable": gettext_lazy("Usable"),
    "upcoming": gettext_lazy("Upcoming"),
    "used": gettext_lazy("Used"),
    "past": gettext_lazy("Past"),
}


@require_safe
@login_required
@never_cache
@vary_on_headers("HX-Request", "HX-Target")
def wallet(request: HttpRequest) -> HttpResponse:
    """One tab of the wallet; htmx gets the tab alone, or its next page."""
    asked = request.GET.get("tab", "")
    context = _wallet_context(
        cast(User, request.user), tab=asked if asked in TABS else TABS[0], page=_page_of(request.GET.get("page", ""))
    )
    if not wants_fragment(request):
        return render(request, "coupons/wallet.html", context)
    is_more = request.headers.get("HX-Target") == "more"
    template = "coupons/partials/more_claims.html" if is_more else "coupons/partials/wallet_tab.html"
    return render(request, template, {**context, "is_continuation": is_more})


@require_POST
def claim_code(request: HttpRequest) -> HttpResponse:
    """Turns a typed code into a claim."""
    shopper = shopper_of(request)
    if shopper is None:
        return to_sign_in(request, back_to=reverse("coupons:wallet"))
    text = request.POST.get("code", "")
    try:
        claim_code_once(
            shopper=shopper,
            text=text,
            address=client_address(request),
            key=request.POST.get("key", ""),
            now=database_now(),
        )
    except (Busy, Throttled):
        raise
    except TooManyWrongCodes as error:
        answer = _wrong_code(request, shopper, text, error, status=error.status)
        answer["Retry-After"] = str(error.retry_after)
        return answer
    except DomainError as error:
        return _wrong_code(request, shopper, text, error, status=UNPROCESSABLE)
    messages.success(request, _("The code is right: the coupon is in your wallet."))
    return redirect("coupons:wallet")


@require_safe
@never_cache
def code(request: HttpRequest) -> HttpResponse:
    """Where a printed QR code leads: a script fills in the code, which the address carries where no server sees it."""
    return render(request, "coupons/code.html", {"key": str(uuid4())})


def _wrong_code(request: HttpRequest, shopper: User, text: str, error: DomainError, *, status: int) -> HttpResponse:
    context = {**_wallet_context(shopper, tab=TABS[0], page=1), "code": text[:160], "code_error": error.sentence}
    return render(request, "coupons/wallet.html", context, status=status)


def _wallet_context(shopper: User, *, tab: str, page: int) -> dict[str, Any]:
    now = database_now()
    start = (page - 1) * PAGE_SIZE
    found = list(wallet_claims(shopper=shopper, tab=tab, now=now)[start : start + PAGE_SIZE + 1])
    counts = wallet_counts(shopper=shopper, now=now) if page == 1 else {}
    return {
        "now": now,
        "tab": tab,
        "tabs": [(name, TAB_NAMES[name], counts.get(name, 0)) for name in TABS],
        "tickets": claim_tickets(found[:PAGE_SIZE], now=now),
        "next_page": page + 1 if len(found) > PAGE_SIZE and page < LAST_PAGE else 0,
        "key": str(uuid4()),
    }


def _page_of(text: str) -> int:
    is_number = text.isascii() and text.isdigit() and len(text) <= 4
    return min(max(int(text), 1), LAST_PAGE) if is_number else 1
