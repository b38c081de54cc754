"""“How was this coupon?”: asked in the wallet, of a coupon that was used."""

from __future__ import annotations

from typing import Any, cast
from uuid import UUID

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from config.kernel.clock import database_now
from config.kernel.errors import Busy, DomainError, NotFound
from coupons.enums import ClaimState
from coupons.models import Claim
from coupons.models.rating import COMMENT_LENGTH
from coupons.selectors.holdings import claim_held
from coupons.selectors.ratings import rating_of
from coupons.services.ratings import claim_rate
from coupons.web.tickets import claim_tickets
from users.models import User

SCORES = [
    (5, gettext_lazy("Very good")),
    (4, gettext_lazy("Good")),
    (3, gettext_lazy("So-so")),
    (2, gettext_lazy("Bad")),
    (1, gettext_lazy("Very bad")),
]
UNPROCESSABLE = 422
REFUSED = 409


class RatingForm(forms.Form):
    """One question, and room for a few words."""

    score = forms.TypedChoiceField(
        choices=SCORES, coerce=int, error_messages={"required": gettext_lazy("Choose how many stars.")}
    )
    comment = forms.CharField(required=False, max_length=COMMENT_LENGTH)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache
def rate(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """Asks, keeps the answer and says thank you."""
    now = database_now()
    claim = _claim_or_404(public_id, cast(User, request.user))
    rating = rating_of(claim)
    form = RatingForm(request.POST if request.method == "POST" else None)
    context: dict[str, Any] = {
        "now": now,
        "ticket": claim_tickets([claim], now=now)[0],
        "form": form,
        "scores": [(str(score), label) for score, label in SCORES],
        "maximum_length": COMMENT_LENGTH,
        "rating": rating,
        "can_be_rated": rating is None and claim.state == ClaimState.REDEEMED,
    }
    if request.method != "POST":
        return render(request, "coupons/rating.html", context)
    if not form.is_valid():
        return render(request, "coupons/rating.html", context, status=UNPROCESSABLE)
    try:
        claim_rate(claim=claim, score=form.cleaned_data["score"], comment=form.cleaned_data["comment"], now=now)
    except Busy:
        raise
    except DomainError as error:
        return render(request, "coupons/rating.html", {**context, "refusal": error.sentence}, status=REFUSED)
    messages.success(request, _("Thank you! Your answer helps us to choose better coupons."))
    return redirect(f"{reverse('coupons:wallet')}?tab=used")


def _claim_or_404(public_id: UUID, shopper: User) -> Claim:
    try:
        return claim_held(public_id=public_id, shopper=shopper)
    except NotFound as error:
        raise Http404 from error
