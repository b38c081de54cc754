"""The cart and the pages of orders; the cart itself speaks only to the public API."""

from __future__ import annotations

from typing import cast
from uuid import UUID

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from config.kernel.clock import database_now
from config.kernel.errors import NotFound
from config.kernel.money import to_decimal
from coupons.selectors.holdings import coupons_on, order_placed
from users.models import User


@require_safe
@login_required
@never_cache
def cart(request: HttpRequest) -> HttpResponse:
    """The frame of the cart; `static/js/cart.js` fills it from the API."""
    context = {
        "currency": settings.SHOP_CURRENCY,
        "chosen": request.GET.get("use", "")[:36],
        "delivery_fee": str(to_decimal(settings.DEMO_SHIPPING_FEE)),
    }
    return render(request, "coupons/cart.html", context)


@require_safe
@login_required
@never_cache
def order(request: HttpRequest, public_id: UUID) -> HttpResponse:
    """A shopper's own order, line by line."""
    try:
        found = order_placed(public_id=public_id, shopper=cast(User, request.user))
    except NotFound as error:
        raise Http404 from error
    context = {"order": found, "coupons": [each for each in coupons_on(found) if each.amount], "now": database_now()}
    return render(request, "coupons/order.html", context)
