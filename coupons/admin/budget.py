"""Budgets: how much money coupons may discount, and what became of it."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display

from config.kernel.admin_tools import ShopModelAdmin, money_column
from config.kernel.money import format_money
from coupons.models import Budget


class BudgetForm(forms.ModelForm):
    class Meta:
        model = Budget
        fields = ("name", "cap")
        help_texts = {"cap": _("Orders that would go beyond it are priced without its coupons.")}

    def clean_cap(self) -> int:
        """Refuses a cap below what was spent: money that is gone cannot be forbidden."""
        cap: int = self.cleaned_data["cap"]
        if cap < self.instance.spent:
            raise forms.ValidationError(gettext("The cap lies below what is spent already."))
        return cap


@admin.register(Budget)
class BudgetAdmin(ShopModelAdmin):
    """Makes budgets and raises or lowers their caps; only redemptions and refunds move what is spent."""

    form = BudgetForm
    list_display = (
        "name",
        money_column("cap", _("cap")),
        money_column("spent", _("spent")),
        "show_left",
        "show_coupons",
    )
    search_fields = ("name",)
    ordering = ("name",)
    fields = ("name", "cap", "show_spent", "show_left", "show_coupons")
    readonly_fields = ("show_spent", "show_left", "show_coupons")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Budget]:
        return super().get_queryset(request).prefetch_related("coupons")

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        # Its entries are a ledger.
        return False

    @display(description=_("spent"))
    def show_spent(self, budget: Budget) -> str:
        return format_money(budget.spent)

    @display(description=_("left"))
    def show_left(self, budget: Budget) -> str:
        return "–" if budget.cap is None else format_money(budget.left)

    @display(description=_("coupons"))
    def show_coupons(self, budget: Budget) -> str:
        return ", ".join(coupon.title for coupon in budget.coupons.all()) if budget.pk else "–"
