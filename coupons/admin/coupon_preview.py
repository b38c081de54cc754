"""A coupon's ticket as shoppers will see it, drawn while the marketer types."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.text import capfirst
from django.utils.translation import override
from django.views.decorators.http import require_POST

from coupons import wording
from coupons.admin.coupon_inlines import EnvelopeForm, TierForm
from coupons.condition_words import conditions_in_words
from coupons.enums import BenefitType
from coupons.models import Coupon, Tier
from coupons.selectors.coupon_figures import coupon_is_claimed

# More tiers than anybody writes.
MOST_ROWS = 20


@require_POST
def preview_view(request: HttpRequest, model_admin: Any) -> HttpResponse:
    """Returns the tickets of the half-filled form in every language of the shop; saves nothing."""
    if not model_admin.has_view_or_change_permission(request) and not model_admin.has_add_permission(request):
        raise PermissionDenied
    stored = _stored_coupon(request)
    form = model_admin.get_form(request, stored, change=stored is not None)(request.POST, instance=stored)
    # Fills the instance with whatever is valid so far.
    form.is_valid()
    coupon = form.instance
    # A form just opened may have no kind chosen yet.
    coupon.benefit_type = coupon.benefit_type or BenefitType.AMOUNT_OFF
    if stored is None or not coupon_is_claimed(stored):
        _read_rows(request, coupon)
    return render(request, "admin/coupons/coupon/tickets.html", {"tickets": tickets_of(coupon)})


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
                    "benefit": wording.benefit_in_words(coupon),
                    "conditions": [capfirst(sentence) for sentence in conditions_in_words(coupon)],
                    "validity": wording.validity_in_words(coupon),
                }
            )
    return tickets


def _read_rows(request: HttpRequest, coupon: Coupon) -> None:
    """Gives an unsaved coupon the tiers and limits of the half-filled page, as far as their rows are valid."""
    tiers = [row.instance for row in _rows(request, TierForm, "tiers")]
    envelopes = [row.instance for row in _rows(request, EnvelopeForm, "envelope")]
    # Django asks the database for the rows of a coupon unless they were read already, and has none of a new coupon.
    coupon.pk = coupon.pk or 0
    coupon._prefetched_objects_cache = {"tiers": sorted(tiers, key=_minimum)}  # type: ignore[attr-defined]
    coupon._state.fields_cache["envelope"] = envelopes[0] if envelopes else None


def _rows(request: HttpRequest, form_class: type[ModelForm], prefix: str) -> list[ModelForm]:
    count = request.POST.get(f"{prefix}-TOTAL_FORMS", "")
    numbers = range(min(int(count), MOST_ROWS)) if count.isdecimal() and len(count) < len(str(MOST_ROWS)) + 1 else ()
    forms = [form_class(request.POST, prefix=f"{prefix}-{number}") for number in numbers]
    return [
        form
        for number, form in zip(numbers, forms, strict=True)
        if f"{prefix}-{number}-DELETE" not in request.POST and form.has_changed() and form.is_valid()
    ]


def _minimum(tier: Tier) -> int:
    return tier.minimum_spend or tier.minimum_quantity or 0


def _stored_coupon(request: HttpRequest) -> Coupon | None:
    text = request.GET.get("id", "")
    return Coupon.objects.filter(pk=int(text)).first() if text.isdecimal() and len(text) < 19 else None
