"""Codes: one for everybody is typed here; unique ones are listed."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter
from unfold.decorators import action, display
from unfold.widgets import UnfoldAdminTextInputWidget

from config.kernel.admin_tools import LargeTableMixin, PreparedChangeList, ShopModelAdmin, without_bulk_delete
from coupons.admin.code_qr import qr_answer
from coupons.codes import normalize_code, random_code
from coupons.enums import CodeKind
from coupons.models import Code, Coupon
from coupons.selectors.codes import takes_codes, times_used
from coupons.services.codes import code_limit


def coupon_of_codes(coupon: Coupon) -> Coupon:
    """Returns the coupon that codes are to be made of.

    Raises:
        ValidationError: its codes could never be used.
    """
    if not takes_codes(coupon):
        raise forms.ValidationError(
            gettext("Codes are for coupons that shoppers claim, or get with a code only, on fixed terms.")
        )
    return coupon


class CodeForm(forms.ModelForm):
    """A code that everybody may share."""

    text = forms.CharField(
        label=_("Code"),
        required=False,
        max_length=40,
        widget=UnfoldAdminTextInputWidget,
        help_text=_(
            "Letters and digits. Case, spaces and hyphens do not matter; O reads as 0, I and L as 1. "
            "Empty: a random code that nobody can guess."
        ),
    )

    class Meta:
        model = Code
        fields = ("coupon", "text", "maximum_uses")
        help_texts = {"maximum_uses": _("Empty: as often as the coupon's stock and limits allow.")}

    def clean_coupon(self) -> Coupon:
        """Refuses a coupon that no code can claim."""
        return coupon_of_codes(self.cleaned_data["coupon"])

    def clean_text(self) -> str:
        """Returns the code as it will be printed; one that reads like another code is that code."""
        text: str = self.cleaned_data["text"].strip()
        if not text:
            return random_code()
        normal = normalize_code(text)
        if not normal:
            raise forms.ValidationError(gettext("A code has letters and digits, at most 40."))
        if Code.objects.filter(normal=normal).exclude(pk=self.instance.pk).exists():
            raise forms.ValidationError(gettext("There is a code already that reads the same."))
        return text

    def clean_maximum_uses(self) -> int | None:
        """Refuses a limit below what has been used already."""
        maximum_uses: int | None = self.cleaned_data["maximum_uses"]
        used = times_used([self.instance])[self.instance.pk] if self.instance.pk else 0
        if maximum_uses is not None and maximum_uses < max(used, 1):
            raise forms.ValidationError(gettext("At least 1, and not less than it has been used already."))
        return maximum_uses


class CodeChangeList(PreparedChangeList):
    """The list with how often each code of its page was used."""

    def prepare(self, rows: list[Any]) -> None:
        used = times_used(rows)
        for code in rows:
            code.shown_used = used[code.pk]


@admin.register(Code)
class CodeAdmin(LargeTableMixin, ShopModelAdmin):
    form = CodeForm
    list_display = ("text", "coupon", "kind", "show_used", "maximum_uses", "created_at")
    list_select_related = ("coupon",)
    list_filter = (("coupon", AutocompleteSelectFilter), ("kind", ChoicesDropdownFilter))
    list_filter_submit = True
    search_fields = ("normal__exact",)
    search_help_text = _("The whole code, written in any way")
    ordering = ("-id",)
    autocomplete_fields = ("coupon",)
    actions_detail = ("download_svg", "download_png")

    @action(description=_("QR code (SVG)"), icon="qr_code_2", permissions=["view"])
    def download_svg(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return qr_answer(object_id, "svg")

    @action(description=_("QR code (PNG)"), icon="qr_code_2", permissions=["view"])
    def download_png(self, request: HttpRequest, object_id: str) -> HttpResponse:
        return qr_answer(object_id, "png")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[PreparedChangeList]:
        return CodeChangeList

    @display(description=_("used"))
    def show_used(self, code: Code) -> int:
        shown: int | None = getattr(code, "shown_used", None)
        return times_used([code])[code.pk] if shown is None else shown

    def get_fields(self, request: HttpRequest, obj: Code | None = None) -> tuple[str, ...]:
        return (
            ("coupon", "text", "maximum_uses")
            if obj is None
            else ("coupon", "text", "kind", "show_used", "maximum_uses")
        )

    def get_readonly_fields(self, request: HttpRequest, obj: Code | None = None) -> tuple[str, ...]:
        if obj is None:
            return ()
        fixed = ("coupon", "text", "kind", "show_used")
        return fixed if obj.kind == CodeKind.SHARED else (*fixed, "maximum_uses")

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Code], search_term: str
    ) -> tuple[QuerySet[Code], bool]:
        return super().get_search_results(request, queryset, normalize_code(search_term) or search_term)

    def save_model(self, request: HttpRequest, obj: Code, form: forms.ModelForm, change: bool) -> None:
        if change:
            code_limit(code=obj, maximum_uses=obj.maximum_uses)
            return
        obj.kind = CodeKind.SHARED
        obj.save()

    def has_delete_permission(self, request: HttpRequest, obj: Code | None = None) -> bool:
        # A used code is part of what happened.
        return super().has_delete_permission(request, obj) and (obj is None or not times_used([obj])[obj.pk])

    def get_actions(self, request: HttpRequest) -> dict[str, Any]:
        return without_bulk_delete(self, super().get_actions(request))
