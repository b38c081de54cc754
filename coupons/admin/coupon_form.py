"""The form by which a marketer makes and changes a coupon."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.validators import MaxValueValidator
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSplitDateTimeWidget,
    UnfoldAdminTextareaWidget,
    UnfoldBooleanSwitchWidget,
)

from config.kernel.admin_tools import WHOLE_DAY_HINT, EndMomentField, StartMomentField
from coupons.enums import AudienceKind, BenefitType
from coupons.models import Coupon

# A coupon that thousands want in the same second is spread over rows that they do not queue for.
RUSH_BUCKETS = 16

# Ten years: more is mistyped, and far more would end beyond the calendar.
LONGEST_DAYS = 3660

STOCK_FIELDS = ("stock_is_unlimited", "stock_released", "stock_reserve", "expects_rush")

# What belongs to one kind of benefit or audience only; the rest of the form hides and empties it.
FIELDS_OF_BENEFIT = {
    BenefitType.AMOUNT_OFF: ("amount_off",),
    BenefitType.PERCENT_OFF: ("percent_off", "discount_cap"),
}


class CouponForm(forms.ModelForm):
    """A coupon; fields of a benefit that was not chosen are emptied."""

    claim_starts_at = StartMomentField(label=_("Claiming starts"), widget=UnfoldAdminSplitDateTimeWidget)
    claim_ends_at = EndMomentField(
        label=_("Claiming ends"), widget=UnfoldAdminSplitDateTimeWidget, help_text=WHOLE_DAY_HINT
    )
    usable_from = StartMomentField(
        label=_("Usable from"),
        required=False,
        widget=UnfoldAdminSplitDateTimeWidget,
        help_text=_("Empty: as soon as it is claimed."),
    )
    usable_until = EndMomentField(
        label=_("Usable until"), required=False, widget=UnfoldAdminSplitDateTimeWidget, help_text=WHOLE_DAY_HINT
    )

    class Meta:
        model = Coupon
        fields = (
            "title_zh",
            "title_en",
            "description_zh",
            "description_en",
            "benefit_type",
            "amount_off",
            "percent_off",
            "discount_cap",
            "minimum_spend",
            "threshold_base",
            "is_exclusive",
            "stacking_group",
            "priority",
            "audience",
            "audience_tag",
            "limit_per_shopper",
            "limit_per_shopper_per_day",
            "limit_per_day",
            "handout",
            "claim_starts_at",
            "claim_ends_at",
            "usable_from",
            "usable_until",
            "usable_days",
        )
        widgets = {
            "description_zh": UnfoldAdminTextareaWidget(attrs={"rows": 3}),
            "description_en": UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        }
        help_texts = {
            "title_zh": _("Shown to shoppers who read Chinese. Empty: the English title."),
            "title_en": _("Shown to shoppers who read English."),
            "benefit_type": _("The form below asks only for what this kind needs."),
            "minimum_spend": _("0: no minimum. Only products in the scope count."),
            "threshold_base": _("Whether discounts applied before this coupon lower what counts."),
            "audience_tag": _("A shopper's tag, such as segment:loyal."),
            "limit_per_shopper": _("How many claims one shopper may ever make."),
            "limit_per_shopper_per_day": _("Empty: no limit by day."),
            "limit_per_day": _("All shoppers together; counted by the shop's calendar day. Empty: no limit."),
            "usable_days": _("With a date as well, whichever ends first counts."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "usable_days" in self.fields:
            self.fields["usable_days"].validators.append(MaxValueValidator(LONGEST_DAYS))

    def clean(self) -> dict[str, Any]:
        """Says beside the field what is missing, and empties what does not belong to the choice made."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        self._keep_chosen_benefit(cleaned)
        if "audience" in cleaned and cleaned["audience"] != AudienceKind.TAGGED:
            cleaned["audience_tag"] = ""
        elif cleaned.get("audience") == AudienceKind.TAGGED and not cleaned.get("audience_tag"):
            self.add_error("audience_tag", gettext("Name the tag."))
        if {"usable_until", "usable_days"} <= cleaned.keys() and not (
            cleaned["usable_until"] or cleaned["usable_days"]
        ):
            self.add_error("usable_days", gettext("Say until when the coupon is usable, or for how many days."))
        return cleaned

    def _keep_chosen_benefit(self, cleaned: dict[str, Any]) -> None:
        if "benefit_type" not in cleaned:
            return
        chosen = BenefitType(cleaned["benefit_type"])
        for benefit_type, names in FIELDS_OF_BENEFIT.items():
            if benefit_type != chosen:
                cleaned.update(dict.fromkeys(names))
                for name in names:
                    self.errors.pop(name, None)
        needed = FIELDS_OF_BENEFIT[chosen][0]
        if needed not in self.errors and not cleaned.get(needed):
            self.add_error(needed, gettext("Enter how much the coupon gives."))


class NewCouponForm(CouponForm):
    """A new coupon with its first stock, which is opened together with it."""

    stock_is_unlimited = forms.BooleanField(
        label=_("Unlimited"), required=False, widget=UnfoldBooleanSwitchWidget, help_text=_("Never sold out.")
    )
    stock_released = forms.IntegerField(
        label=_("How many"),
        required=False,
        min_value=0,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=_("May be claimed as soon as the coupon is live. You can top up later."),
    )
    stock_reserve = forms.IntegerField(
        label=_("Reserve"),
        required=False,
        min_value=0,
        initial=0,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=_("Held back until you open it."),
    )
    expects_rush = forms.BooleanField(
        label=_("A rush is expected"),
        required=False,
        widget=UnfoldBooleanSwitchWidget,
        help_text=_("Thousands of shoppers within seconds; cannot be changed later."),
    )

    def clean(self) -> dict[str, Any]:
        """Asks for a number unless the stock is unlimited."""
        cleaned = super().clean()
        if cleaned.get("stock_is_unlimited"):
            cleaned.update(stock_released=None, stock_reserve=0, expects_rush=False)
        elif cleaned.get("stock_released") is None and "stock_released" not in self.errors:
            self.add_error("stock_released", gettext("Say how many there are, or choose unlimited."))
        return cleaned

    def first_stock(self) -> dict[str, int | None]:
        """Returns what `coupons.services.stock.stock_open` needs to know."""
        return {
            "released": self.cleaned_data["stock_released"],
            "reserve": self.cleaned_data["stock_reserve"] or 0,
            "bucket_count": RUSH_BUCKETS if self.cleaned_data["expects_rush"] else 1,
        }
