"""The showcase: what there is to claim, with filter, search and sort."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe
from django.views.decorators.vary import vary_on_headers

from config.kernel.clock import database_now
from coupons.enums import BenefitType
from coupons.models import Category
from coupons.selectors.showcase import SORTS, showcase_categories, showcase_coupons
from coupons.web.tickets import coupon_tickets
from users.web.people import shopper_of, wants_fragment

PAGE_SIZE = 12
LAST_PAGE = 200
MAXIMUM_QUERY = 100
SORT_NAMES = {
    "recommended": _("Recommended"),
    "ending": _("Ending soon"),
    "newest": _("Newest"),
    "discount": _("Biggest discount"),
}


@dataclass(frozen=True, slots=True)
class Wish:
    """What a visitor wants to see; anything unreadable in the address counts as not asked for."""

    query: str
    category_key: str
    benefit_type: str
    sort: str
    page: int

    @property
    def is_narrow(self) -> bool:
        return bool(self.query or self.category_key or self.benefit_type)

    def address(self, *, page: int = 1) -> str:
        """Returns the shortest address that asks for this."""
        asked = {
            "q": self.query,
            "category": self.category_key,
            "benefit": self.benefit_type,
            "sort": "" if self.sort == SORTS[0] else self.sort,
            "page": "" if page == 1 else str(page),
        }
        text = urlencode({name: value for name, value in asked.items() if value})
        return reverse("coupons:showcase") + (f"?{text}" if text else "")


@require_safe
@vary_on_headers("HX-Request", "HX-Target")
def showcase(request: HttpRequest) -> HttpResponse:
    """Live and scheduled coupons; htmx gets the list alone, or its next page."""
    now = database_now()
    categories = list(showcase_categories(now=now))
    wish = _read_wish(request, categories)
    shopper = shopper_of(request)
    coupons = showcase_coupons(
        now=now,
        shopper=shopper,
        category_key=wish.category_key,
        benefit_type=wish.benefit_type,
        query=wish.query,
        sort=wish.sort,
    )
    start = (wish.page - 1) * PAGE_SIZE
    # One more than shown tells whether there is a next page.
    found = list(coupons[start : start + PAGE_SIZE + 1])
    context = {
        "now": now,
        "wish": wish,
        "tickets": coupon_tickets(found[:PAGE_SIZE], now=now, shopper=shopper),
        "next_address": wish.address(page=wish.page + 1) if len(found) > PAGE_SIZE and wish.page < LAST_PAGE else "",
    }
    if wants_fragment(request) and request.headers.get("HX-Target") == "more":
        return render(request, "coupons/partials/more_tickets.html", {**context, "is_continuation": True})
    context["count"] = coupons.count()
    if wants_fragment(request):
        return _results(request, wish, context)
    return render(request, "coupons/showcase.html", {**context, **_filters(categories)})


def _results(request: HttpRequest, wish: Wish, context: dict[str, Any]) -> HttpResponse:
    response = render(request, "coupons/partials/results.html", {**context, "is_fragment": True})
    # Letters typed one by one are one step back, a chosen filter is a step of its own.
    is_typing = request.headers.get("HX-Trigger-Name") == "q"
    response["HX-Replace-Url" if is_typing else "HX-Push-Url"] = wish.address()
    return response


def _filters(categories: list[Category]) -> dict[str, Any]:
    return {
        "categories": categories,
        "benefit_types": BenefitType.choices,
        "sorts": [(sort, SORT_NAMES[sort]) for sort in SORTS],
    }


def _read_wish(request: HttpRequest, categories: list[Category]) -> Wish:
    asked = request.GET
    category, benefit, sort = asked.get("category", ""), asked.get("benefit", ""), asked.get("sort", "")
    page = asked.get("page", "1")
    is_page = page.isascii() and page.isdigit() and len(page) <= 4
    return Wish(
        query=" ".join(asked.get("q", "").replace("\0", " ").split())[:MAXIMUM_QUERY],
        category_key=category if category in {each.key for each in categories} else "",
        benefit_type=benefit if benefit in BenefitType.values else "",
        sort=sort if sort in SORTS else SORTS[0],
        page=min(max(int(page), 1), LAST_PAGE) if is_page else 1,
    )
