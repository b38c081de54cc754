"""Claiming without having signed in: a one-time code proves who it is, and the coupon goes into the wallet."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _

from config.kernel.addresses import client_address
from config.kernel.clock import database_now
from config.kernel.errors import Busy, DomainError, NotFound, Throttled
from coupons.errors import ChallengeFailed, ChallengeRequired
from coupons.models import Coupon
from coupons.selectors.coupon_page import coupon_shown
from coupons.services.proofs import challenge_for, one_time_code_holding, proof_demand
from coupons.web.claiming import claim_once
from coupons.web.coupon import queued_words
from coupons.web.tickets import coupon_ticket
from users.models import User
from users.web.one_time import OneTimeAddressView, OneTimeDigitsView, OneTimeFormView, code_of


class QuickClaim(OneTimeFormView):
    """Both pages are about one coupon that can be claimed as it stands."""

    coupon: Coupon

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        now = database_now()
        try:
            self.coupon = coupon_shown(public_id=kwargs["public_id"], shopper=None, now=now)
        except NotFound as error:
            raise Http404 from error
        if not coupon_ticket(self.coupon, now=now).can_claim:
            return redirect(self.coupon)
        return super().dispatch(request, *args, **kwargs)

    def get_code_url(self) -> str:
        return reverse("coupons:quick_claim_code", args=[self.coupon.public_id])

    def get_address_url(self) -> str:
        return reverse("coupons:quick_claim", args=[self.coupon.public_id])

    def get_success_url(self) -> str:
        return self.coupon.get_absolute_url()

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(heading=self.coupon.title, is_claim=True, **kwargs)


class QuickClaimView(QuickClaim, OneTimeAddressView):
    """Asks where to send the code."""


class QuickClaimCodeView(QuickClaim, OneTimeDigitsView):
    """Asks for the code, signs in and claims."""

    def form_valid(self, form: Any) -> HttpResponse:
        # Before the code is looked at: it is still good when the browser has to work once more.
        try:
            proof_demand(
                coupon=self.coupon,
                holder=self._holder(),
                proof=self.request.POST.get("proof", ""),
                now=database_now(),
            )
        except (ChallengeRequired, ChallengeFailed) as error:
            return self.refuse(form, error)
        return super().form_valid(form)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        challenge = None
        if self.coupon.needs_proof_of_work:
            challenge = json.dumps(challenge_for(coupon=self.coupon, holder=self._holder(), now=database_now()))
        return super().get_context_data(challenge=challenge, **kwargs)

    def _holder(self) -> str:
        public_id = code_of(self.request)
        # `dispatch` has let nobody in without one.
        assert public_id is not None
        return one_time_code_holding(public_id)

    def signed_in(self, user: User, public_id: UUID) -> HttpResponse:
        try:
            # A code is used once, so its id names this one attempt.
            place = claim_once(
                shopper=user,
                coupon=self.coupon,
                address=client_address(self.request),
                key=str(public_id),
                proof=None,
                now=database_now(),
            )
        except (Busy, Throttled):
            raise
        except DomainError as error:
            messages.error(self.request, error.sentence)
            return redirect(self.coupon)
        if place is not None:
            messages.info(self.request, queued_words(place))
            return redirect(self.coupon)
        messages.success(self.request, _("It is yours! You find it in your wallet."))
        return redirect("coupons:wallet")
