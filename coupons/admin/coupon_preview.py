"""A coupon's ticket as shoppers will see it, drawn while the marketer types."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import override
from django.views.decorators.http import require_POST

from coupons import wording
from coupons.models import Coupon


@require_POST
def preview_view(request: HttpRequest, model_admin: Any) -> HttpResponse:
    """Returns the tickets of the half-filled form in every language of the shop; saves nothing."""
    if not model_admin.has_view_or_change_permission(request) and not model_admin.has_add_permission(request):
        raise PermissionDenied
    stored = _stored_coupon(request)
    form = model_admin.get_form(request, stored, change=stored is not None)(request.POST, instance=stored)
    # Fills the instance with whatever is valid so far.
    form.is_valid()
    return render(request, "admin/coupons/coupon/tickets.html", {"tickets": tickets_of(form.instance)})


def tickets_of(coupon: Coupon) -> list[dict[str, Any]]:
    """Returns what a ticket says, once for each language."""
    tickets = []
    for language, name in settings.LANGUAGES:
        with override(language):
            tickets.append(
                {
                    "language": language,
                    "language_name": str(name),
                    "title": coupon.title,
                    "description": coupon.description,
                    "headline": wording.headline(coupon),
                    "threshold": wording.threshold_in_words(coupon),
                    "cap": wording.cap_in_words(coupon),
                    "validity": wording.validity_in_words(coupon),
                }
            )
    return tickets


def _stored_coupon(request: HttpRequest) -> Coupon | None:
    text = request.GET.get("id", "")
    return Coupon.objects.filter(pk=int(text)).first() if text.isdecimal() and len(text) < 19 else None
