"""Rows on a coupon's page: tiers, the limits of a fit-your-own coupon, and the products and categories it looks at."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.admin import StackedInline as UnfoldStackedInline
from unfold.forms import PaginationInlineFormSet

from config.kernel.admin_tools import DistinctRowsFormSet, MoneyFormMixin, ShopTabularInline
from coupons.enums import BenefitType, Handout, ScopeMode, TierBasis
from coupons.models import Coupon, Envelope, ScopeEntry, Tier
from coupons.selectors.coupon_figures import coupon_is_claimed

# Modes that say contrary or related things about one product; those of different kinds may name the same one.
KINDS_OF_MODE = {
    ScopeMode.INCLUDE: "counted",
    ScopeMode.EXCLUDE: "counted",
    ScopeMode.REQUIRE: "in the cart",
    ScopeMode.FORBID: "in the cart",
    ScopeMode.GIVE: "given",
}


class TermsMixin:
    """Rows that are part of what shoppers were promised: fixed from the first claim on."""

    def has_add_permission(self, request: HttpRequest, obj: Coupon | None = None) -> bool:
        return _may_change_terms(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Coupon | None = None) -> bool:
        return _may_change_terms(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Coupon | None = None) -> bool:
        return _may_change_terms(request, obj)

    def has_view_permission(self, request: HttpRequest, obj: Coupon | None = None) -> bool:
        user: Any = request.user
        return user.has_perm("coupons.view_coupon") or user.has_perm("coupons.change_coupon")


def _may_change_terms(request: HttpRequest, coupon: Coupon | None) -> bool:
    user: Any = request.user
    if coupon is None or coupon.pk is None:
        return user.has_perm("coupons.add_coupon")
    return user.has_perm("coupons.change_coupon") and not coupon_is_claimed(coupon)


class BenefitRowsMixin:
    """Rows that belong to some kinds of benefit: with another one chosen they are neither read nor kept."""

    benefits: ClassVar[frozenset[BenefitType]]
    instance: Coupon

    @property
    def is_wanted(self) -> bool:
        return self.instance.benefit_type in self.benefits

    def is_valid(self) -> bool:
        return not self.is_wanted or super().is_valid()  # type: ignore[misc]  # mixed into formsets

    def save(self, commit: bool = True) -> list[Any]:
        """Saves the rows, or removes those of the benefit that the coupon had before."""
        if self.is_wanted:
            saved: list[Any] = super().save(commit=commit)  # type: ignore[misc]
            return saved
        left_over = list(self.get_queryset())  # type: ignore[attr-defined]
        for row in left_over:
            row.delete()
        # Read by the admin to write its log.
        self.new_objects: list[Any] = []
        self.changed_objects: list[Any] = []
        self.deleted_objects = left_over
        return []


class TierFormSet(BenefitRowsMixin, DistinctRowsFormSet):
    distinct_by = ("minimum_spend", "minimum_quantity")
    benefits = frozenset({BenefitType.TIERED})

    def clean(self) -> None:
        """Asks for at least one tier, and for the minimum that the coupon's tiers count."""
        super().clean()
        kept = [form for form in self.forms if form not in self.deleted_forms and form.has_changed_or_stored]
        if self.is_wanted and not kept:
            raise forms.ValidationError(gettext("Tiers: add at least one."))
        by_quantity = self.instance.tier_basis == TierBasis.QUANTITY
        needed, empty = ("minimum_quantity", "minimum_spend") if by_quantity else ("minimum_spend", "minimum_quantity")
        for form in kept:
            row = getattr(form, "cleaned_data", {})
            if needed not in form.errors and row.get(needed) is None:
                form.add_error(needed, gettext("The tiers of this coupon count it."))
            elif empty not in form.errors and row.get(empty) is not None:
                form.add_error(empty, gettext("The tiers of this coupon do not count it."))


class TierForm(forms.ModelForm):
    class Meta:
        model = Tier
        fields = ("minimum_spend", "minimum_quantity", "amount_off", "percent_off")

    @property
    def has_changed_or_stored(self) -> bool:
        """Whether the row says anything."""
        return self.instance.pk is not None or self.has_changed()


class TierInline(TermsMixin, ShopTabularInline):
    """The steps of a tiered coupon."""

    model = Tier
    form = TierForm
    formset = TierFormSet
    template = "admin/coupons/coupon/tiers.html"
    benefits = TierFormSet.benefits
    verbose_name_plural = _("Tiers: the highest one reached counts")


class EnvelopeFormSet(BenefitRowsMixin, PaginationInlineFormSet):
    benefits = frozenset({BenefitType.AMOUNT_OFF})

    def clean(self) -> None:
        """Asks for a coupon that shoppers claim themselves, at once: nobody else is asked for terms."""
        super().clean()
        kept = [form for form in self.forms if form not in self.deleted_forms]
        has_limits = any(form.instance.pk or form.has_changed() for form in kept)
        if has_limits and self.instance.handout != Handout.SHOWCASE:
            raise forms.ValidationError(gettext("Only a coupon that shoppers claim themselves lets them choose."))
        if has_limits and self.instance.is_queued:
            raise forms.ValidationError(gettext("A coupon that queues shoppers up has the same terms for all."))


class EnvelopeForm(forms.ModelForm):
    class Meta:
        model = Envelope
        fields = (
            "amount_minimum",
            "amount_maximum",
            "amount_step",
            "days_minimum",
            "days_maximum",
            "factor_shortest",
            "factor_longest",
            "spend_maximum",
        )
        help_texts = {
            "amount_step": _("The shopper's slider moves by so much."),
            "factor_shortest": _("Minimum spend of a coupon that is used at once: 4 means 40 for 10 off."),
            "factor_longest": _("Minimum spend of a coupon that lasts longest: 8 means 80 for 10 off."),
            "spend_maximum": _("No minimum spend lies above this."),
        }

    def clean(self) -> dict[str, Any]:
        """Says beside the field which limit contradicts another."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        for name in ("amount_minimum", "amount_step", "days_minimum"):
            if cleaned.get(name) == 0:
                self.add_error(name, gettext("This is too little."))
        for least, most in (
            ("amount_minimum", "amount_maximum"),
            ("days_minimum", "days_maximum"),
            ("factor_shortest", "factor_longest"),
        ):
            if least in cleaned and most in cleaned and cleaned[most] < cleaned[least]:
                self.add_error(most, gettext("The upper limit lies below the lower one."))
        if cleaned.get("factor_shortest") is not None and cleaned["factor_shortest"] < 1:
            self.add_error("factor_shortest", gettext("At least 1: nobody saves more than is spent."))
        if {"amount_maximum", "factor_shortest", "spend_maximum"} <= cleaned.keys() and cleaned[
            "spend_maximum"
        ] < cleaned["factor_shortest"] * cleaned["amount_maximum"]:
            self.add_error("spend_maximum", gettext("Too little: the largest amount times the factor is more."))
        return cleaned


class EnvelopeInline(TermsMixin, MoneyFormMixin, UnfoldStackedInline):
    """The limits of a coupon whose amount, minimum spend and validity each shopper chooses."""

    model = Envelope
    form = EnvelopeForm
    formset = EnvelopeFormSet
    template = "admin/coupons/coupon/envelope.html"
    benefits = EnvelopeFormSet.benefits
    extra = 0
    max_num = 1
    template_before = "admin/coupons/coupon/envelope_hint.html"


class ScopeFormSet(DistinctRowsFormSet):
    distinct_by = ("category", "product")

    def kind_of_row(self, cleaned_data: dict[str, Any]) -> Any:
        return KINDS_OF_MODE.get(cleaned_data.get("mode"))  # type: ignore[arg-type]  # a str of the enum

    def clean(self) -> None:
        """Says beside a row that only “buy some, get some” gives products."""
        super().clean()
        if self.instance.benefit_type == BenefitType.BUY_X_GET_Y:
            return
        for form in self.forms:
            if form not in self.deleted_forms and getattr(form, "cleaned_data", {}).get("mode") == ScopeMode.GIVE:
                form.add_error("mode", gettext("Only “buy some, get some” gives products."))


class ScopeInline(TermsMixin, ShopTabularInline):
    """Products and categories that the coupon counts, asks for or gives."""

    model = ScopeEntry
    formset = ScopeFormSet
    autocomplete_fields = ("category", "product")
    verbose_name_plural = _("What it counts on (nothing here: everything)")
    fields = ("mode", "category", "product")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ScopeEntry]:
        return super().get_queryset(request).select_related("category", "product")
