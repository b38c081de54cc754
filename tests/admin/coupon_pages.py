"""The pages of a coupon in the admin, and what a browser sends to them."""

from __future__ import annotations

from typing import Any

from django.contrib.messages import get_messages
from django.test import Client
from django.urls import reverse

from coupons.models import Coupon


def page_of(coupon: Coupon, action: str = "change") -> str:
    name = f"admin:coupons_coupon_{action}"
    return reverse(name, args=[coupon.pk])


def empty_rows(*prefixes: str) -> dict[str, Any]:
    """What a browser sends of tables without a row."""
    return {f"{prefix}-{name}": "0" for prefix in prefixes for name in ("TOTAL_FORMS", "INITIAL_FORMS")}


def rows(prefix: str, *entries: dict[str, Any], stored: int = 0) -> dict[str, Any]:
    """What a browser sends of a table of the page."""
    sent: dict[str, Any] = {f"{prefix}-TOTAL_FORMS": str(len(entries)), f"{prefix}-INITIAL_FORMS": str(stored)}
    for number, entry in enumerate(entries):
        sent |= {f"{prefix}-{number}-{name}": value for name, value in entry.items()}
    return sent


def new_coupon(**changes: Any) -> dict[str, Any]:
    """What a browser sends from the empty form, filled in for 20.00 off from 100.00 on."""
    return {
        "title_zh": "满百减廿",
        "title_en": "Twenty off",
        "description_zh": "",
        "description_en": "",
        "benefit_type": "amount_off",
        "amount_off": "20.00",
        "percent_off": "",
        "discount_cap": "",
        "application": "whole",
        "minimum_spend": "100",
        "minimum_quantity": "0",
        "threshold_base": "current",
        "stacking_group": "",
        "priority": "0",
        "refund_policy": "prorata",
        "stock_released": "500",
        "stock_reserve": "50",
        "audience": "everyone",
        "audience_tag": "",
        "limit_per_shopper": "1",
        "limit_per_shopper_per_day": "",
        "limit_per_day": "",
        "handout": "showcase",
        "claim_starts_at_0": "2026-11-01",
        "claim_starts_at_1": "",
        "claim_ends_at_0": "2026-11-30",
        "claim_ends_at_1": "",
        "usable_from_0": "",
        "usable_from_1": "",
        "usable_until_0": "",
        "usable_until_1": "",
        "usable_days": "14",
        **empty_rows("tiers", "envelope", "scope_entries", "release_batches", "stock_policy"),
        **changes,
    }


def post_new(client: Client, **changes: Any) -> Any:
    """Sends the form of a new coupon."""
    return client.post(reverse("admin:coupons_coupon_add"), new_coupon(**changes))


def errors_of(response: Any) -> dict[str, list[str]]:
    """What the page says, by field; rows of tables under `prefix-number-field`."""
    assert response.status_code == 200
    found: dict[str, list[str]] = dict(response.context["adminform"].form.errors)
    for inline in response.context["inline_admin_formsets"]:
        formset = inline.formset
        if formset.non_form_errors():
            found[formset.prefix] = formset.non_form_errors()
        for form in formset.forms:
            found |= {f"{form.prefix}-{name}": list(each) for name, each in form.errors.items()}
    return found


def shown_messages(response: Any) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]
