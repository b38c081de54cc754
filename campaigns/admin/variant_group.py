"""Variant groups: coupons that compete for one place, and how often each is drawn."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from campaigns.models import VariantArm, VariantGroup
from campaigns.selectors.variant_figures import VariantFigures, segment_shares, variant_figures
from config.kernel.admin_history import HistoryModelAdmin
from config.kernel.admin_standing import StandingCouponForm
from config.kernel.admin_tools import DistinctRowsFormSet, ShopTabularInline


class VariantArmFormSet(DistinctRowsFormSet):
    distinct_by = ("coupon",)


class VariantArmInline(ShopTabularInline):
    """The coupons of the group; their shares are the nightly run's."""

    model = VariantArm
    # Another coupon would go on with the share that this one has earned.
    form = StandingCouponForm
    formset = VariantArmFormSet
    autocomplete_fields = ("coupon",)
    fields = ("coupon", "show_share")
    readonly_fields = ("show_share",)
    verbose_name_plural = _("Coupons that compete")

    def get_queryset(self, request: HttpRequest) -> QuerySet[VariantArm]:
        return super().get_queryset(request).select_related("coupon")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _may(request, "view") or _may(request, "change")

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _may(request, "change") if obj else _may(request, "add")

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _may(request, "change")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return _may(request, "change")

    @display(description=_("drawn for"))
    def show_share(self, arm: VariantArm) -> str:
        return _percent(arm.share)


@admin.register(VariantGroup)
class VariantGroupAdmin(HistoryModelAdmin):
    """Made and switched on or off here. What has been decided stays, so that a group is never deleted."""

    class Media:
        css = {"all": ["analytics/charts.css"]}

    inlines = (VariantArmInline,)
    list_display = ("name", "key", "is_active", "show_link")
    list_filter = ("is_active",)
    search_fields = ("name", "key")
    prepopulated_fields = {"key": ("name",)}
    readonly_fields = ("show_link", "show_figures")

    def get_fieldsets(self, request: HttpRequest, obj: VariantGroup | None = None) -> list[tuple[Any, dict[str, Any]]]:
        standing = [] if obj is None else [(_("What came of it"), {"fields": ["show_link", "show_figures"]})]
        return [
            (None, {"fields": ["name", "key", "is_active"]}),
            (_("What counts"), {"fields": ["margin_percent", "full_margin"]}),
            *standing,
        ]

    def get_prepopulated_fields(self, request: HttpRequest, obj: VariantGroup | None = None) -> dict[str, Any]:
        return {} if obj else dict(self.prepopulated_fields)

    def has_delete_permission(self, request: HttpRequest, obj: VariantGroup | None = None) -> bool:
        return False

    @display(description=_("link for shoppers"))
    def show_link(self, group: VariantGroup) -> SafeString:
        path = reverse("offers:offer", args=[group.key])
        return format_html('<a class="underline" href="{}">{}{}</a>', path, settings.SHOP_URL, path)

    @display(description=_("by coupon"))
    def show_figures(self, group: VariantGroup) -> str:
        figures = variant_figures([group.pk])
        rows = [
            (arm.coupon.title, figures.get((group.pk, arm.coupon_id), VariantFigures()))
            for arm in group.arms.select_related("coupon").order_by("pk")
        ]
        segments = [(name, [_percent(share) for share in shares]) for name, shares in segment_shares(group).items()]
        return render_to_string("admin/campaigns/variantgroup/figures.html", {"rows": rows, "segments": segments})


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{share:.1%}"


def _may(request: HttpRequest, verb: str) -> bool:
    user: Any = request.user
    return user.has_perm(f"campaigns.{verb}_variantgroup")
