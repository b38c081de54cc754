"""Claiming without having signed in: a one-time code proves who it is, and the coupon goes into the wallet."""

from __future__ import annotations

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
from coupons.models import Coupon
from coupons.selectors.coupon_page import coupon_shown
from coupons.web.claiming import claim_once
from coupons.web.coupon import queued_words
from coupons.web.tickets import coupon_ticket
from users.models import User
from users.web.one_time import OneTimeAddressView, OneTimeDigitsView, OneTimeFormView


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

    def signed_in(self, user: User, public_id: UUID) -> HttpResponse:
        try:
            # A code is used once, so its id names this one attempt.
            place = claim_once(
                shopper=user,
                coupon=self.coupon,
                address=client_address(self.request),
                key=str(public_id),
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
