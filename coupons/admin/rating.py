"""Ratings as shoppers gave them: looked at, never edited."""

from __future__ import annotations

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter
from unfold.decorators import display

from config.kernel.admin_filters import ShopDaysFilter
from config.kernel.admin_tools import LargeTableMixin, ReadOnlyMixin, ShopModelAdmin
from coupons.admin.shopper_search import ShopperSearchMixin
from coupons.models import ClaimRating
from coupons.models.rating import HIGHEST

SEALED = tuple(f"claim__shopper__{field}" for field in ("name", "email", "phone", "birthday"))


@admin.register(ClaimRating)
class ClaimRatingAdmin(ReadOnlyMixin, ShopperSearchMixin, LargeTableMixin, ShopModelAdmin):
    """What shoppers thought of the coupons they used."""

    shopper_path = "claim__shopper"
    list_display = ("show_coupon", "show_score", "comment", "show_shopper", "rated_at")
    list_filter = (
        ("score", ChoicesDropdownFilter),
        ("claim__coupon", AutocompleteSelectFilter),
        ("rated_at", ShopDaysFilter),
    )
    list_filter_submit = True
    ordering = ("-id",)
    fields = ("claim", "score", "comment", "rated_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ClaimRating]:
        return super().get_queryset(request).select_related("claim__coupon", "claim__shopper").defer(*SEALED)

    def public_id_path(self) -> str:
        return "claim__public_id"

    @display(description=_("coupon"))
    def show_coupon(self, rating: ClaimRating) -> str:
        return rating.claim.coupon.title

    @display(description=_("stars"), ordering="score")
    def show_score(self, rating: ClaimRating) -> str:
        return "★" * rating.score + "☆" * (HIGHEST - rating.score)

    @display(description=_("shopper"))
    def show_shopper(self, rating: ClaimRating) -> str:
        return str(rating.claim.shopper)
