"""Rows on a coupon's page that let its stock look after itself: release batches and the policy."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import StackedInline as UnfoldStackedInline
from unfold.forms import PaginationInlineFormSet

from config.kernel.admin_tools import DistinctRowsFormSet, ShopTabularInline
from coupons.models import Coupon, ReleaseBatch, Stock, StockPolicy


class StockRowsMixin:
    """Rows that whoever may change the coupon may change, at any time."""

    def has_add_permission(self, request: HttpRequest, obj: Coupon | None = None) -> bool:
        return self.has_change_permission(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Coupon | None = None) -> bool:
        user: Any = request.user
        return user.has_perm("coupons.change_coupon")

    def has_delete_permission(self, request: HttpRequest, obj: Coupon | None = None) -> bool:
        return self.has_change_permission(request, obj)

    def has_view_permission(self, request: HttpRequest, obj: Coupon | None = None) -> bool:
        user: Any = request.user
        return user.has_perm("coupons.view_coupon") or user.has_perm("coupons.change_coupon")


class ReleaseBatchFormSet(DistinctRowsFormSet):
    distinct_by = ("opens_at",)

    def clean(self) -> None:
        """Keeps batches that have opened as they are: their stock may be claimed already."""
        # Held until the page is saved, so that none opens meanwhile and is then written back as closed.
        list(Stock.objects.select_for_update().filter(coupon=self.instance))
        super().clean()
        opened = dict(self.get_queryset().all().exclude(opened_at=None).values_list("pk", "opened_at"))
        for form in self.forms:
            if form.instance.pk not in opened:
                continue
            form.instance.opened_at = opened[form.instance.pk]
            if form in self.deleted_forms or form.has_changed():
                raise forms.ValidationError(gettext("A batch that has opened can no longer be changed."))


class ReleaseBatchInline(StockRowsMixin, ShopTabularInline):
    """Slices of stock that open at a set time."""

    model = ReleaseBatch
    formset = ReleaseBatchFormSet
    fields = ("opens_at", "quantity", "opened_at")
    readonly_fields = ("opened_at",)
    ordering = ("opens_at",)
    verbose_name_plural = _("Release batches: more stock, by itself, at a set time")


class StockPolicyForm(forms.ModelForm):
    class Meta:
        model = StockPolicy
        fields = (
            "low_below",
            "warn_days",
            "open_reserve",
            "top_up",
            "top_ups_a_day",
            "follows_forecast",
            "stop_when_sold_out",
        )

    def clean(self) -> dict[str, Any]:
        """Says beside the field what is missing."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("low_below") == 0:
            self.add_error("low_below", gettext("This is too little."))
        if bool(cleaned.get("top_up")) != bool(cleaned.get("top_ups_a_day")):
            self.add_error("top_up", gettext("A top-up needs a quantity and how often a day."))
        return cleaned


class StockPolicyFormSet(PaginationInlineFormSet):
    def clean(self) -> None:
        """Takes over what the watching job has noted since the page was opened."""
        super().clean()
        for form in self.forms:
            stored = StockPolicy.objects.select_for_update().filter(pk=form.instance.pk).first()
            if stored is not None:
                form.instance.is_low = stored.is_low
                form.instance.is_short = stored.is_short


class StockPolicyInline(StockRowsMixin, UnfoldStackedInline):
    """What happens by itself when the stock runs low."""

    model = StockPolicy
    form = StockPolicyForm
    formset = StockPolicyFormSet
    extra = 0
    max_num = 1
    fields = (
        ("low_below", "warn_days"),
        ("open_reserve", "top_up", "top_ups_a_day"),
        "follows_forecast",
        "stop_when_sold_out",
    )
    verbose_name = _("Stock policy")
    verbose_name_plural = _("Stock policy")
