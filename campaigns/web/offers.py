"""The link of a variant group: leads each shopper to one of its coupons."""

from __future__ import annotations

from typing import cast

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from campaigns.errors import NothingToOffer
from campaigns.selectors.variant_groups import variant_group_known
from campaigns.services.variants import variant_decide
from config.kernel.clock import database_now
from config.kernel.errors import NotFound
from users.models import User


@require_GET
@login_required
@never_cache
def offer(request: HttpRequest, key: str) -> HttpResponse:
    """Leads to the coupon that was drawn for this shopper today."""
    try:
        group = variant_group_known(key=key)
        decision = variant_decide(group=group, shopper=cast(User, request.user), now=database_now())
    except (NotFound, NothingToOffer) as refusal:
        raise Http404 from refusal
    return redirect(decision.coupon.get_absolute_url())
