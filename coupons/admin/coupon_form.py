"""The form by which a marketer makes and changes a coupon."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSplitDateTimeWidget,
    UnfoldAdminTextareaWidget,
    UnfoldBooleanSwitchWidget,
)

from config.kernel.admin_tools import WHOLE_DAY_HINT, EndMomentField, StartMomentField
from coupons.admin.coupon_fields import WeekdaysField, WordsField
from coupons.enums import Application, AudienceKind, BenefitType, Handout
from coupons.models import Coupon
from coupons.models.coupon_checks import figures_needed_by, figures_of

# A coupon that thousands want in the same second is spread over rows that they do not queue for.
RUSH_BUCKETS = 16

STOCK_FIELDS = ("stock_is_unlimited", "stock_released", "stock_reserve", "expects_rush")

TEXTS = ("title_zh", "title_en", "description_zh", "description_en")
# In the order in which a marketer says them: "for every 100, 10 off", "buy 2, get 1, at 50 %".
FIGURES = (
    "every_amount",
    "amount_off",
    "buy_quantity",
    "get_quantity",
    "percent_off",
    "discount_cap",
    "tier_basis",
    "unit_price",
    "bundle_quantity",
    "bundle_price",
    "gift_product",
    "gift_quantity",
    "application",
    "maximum_units",
    "maximum_sets",
    "is_partly_usable",
)
CONDITIONS = ("minimum_spend", "threshold_base", "minimum_quantity")
FURTHER_CONDITIONS = (
    "minimum_unit_price",
    "maximum_unit_price",
    "order_number",
    "new_shopper_days",
    "weekdays",
    "hour_from",
    "hour_until",
    "channels",
    "regions",
)
TOGETHER = ("is_exclusive", "stacking_group", "priority", "consumes_units", "refund_policy")
AUDIENCE = ("audience", "audience_tag")
HANDING_OUT = ("limit_per_shopper", "limit_per_shopper_per_day", "limit_per_day", "is_giftable", "handout", "is_queued")
WINDOWS = ("claim_starts_at", "claim_ends_at", "usable_from", "usable_until", "usable_days")
# What a shopper was promised with the claim.
TERMS = ("benefit_type", *FIGURES, *CONDITIONS, *FURTHER_CONDITIONS, *TOGETHER)

# What a figure is when its kind of benefit was not chosen; the others are empty then.
LEFT_OUT = {"application": Application.WHOLE, "tier_basis": "", "is_partly_usable": True}
# Other numbers are at least 1.
LEAST = {"unit_price": 0, "bundle_price": 0, "bundle_quantity": 2}


class CouponForm(forms.ModelForm):
    """A coupon; figures of a benefit that was not chosen are emptied."""

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
    weekdays = WeekdaysField(label=_("Weekdays"), help_text=_("None chosen: every day."))
    channels = WordsField(
        label=_("Channels"), help_text=_("Such as web, app or store, with commas between them. Empty: every one.")
    )
    regions = WordsField(
        label=_("Regions"), help_text=_("As the shop's system names them, with commas between them. Empty: everywhere.")
    )

    class Meta:
        model = Coupon
        fields = (
            *TEXTS,
            "benefit_type",
            *FIGURES,
            *CONDITIONS,
            *FURTHER_CONDITIONS,
            *TOGETHER,
            "budgets",
            *AUDIENCE,
            *HANDING_OUT,
            *WINDOWS,
        )
        widgets = {
            "description_zh": UnfoldAdminTextareaWidget(attrs={"rows": 3}),
            "description_en": UnfoldAdminTextareaWidget(attrs={"rows": 3}),
        }
        help_texts = {
            "title_zh": _("Shown to shoppers who read Chinese. Empty: the English title."),
            "title_en": _("Shown to shoppers who read English."),
            "benefit_type": _("The form below asks only for what this kind needs."),
            "percent_off": _("15 means 15 % off, shown as 8.5折 in Chinese. With “buy some, get some”, empty: free."),
            "tier_basis": _("The tiers are rows further down."),
            "minimum_spend": _("0: no minimum. Only products in the scope count."),
            "minimum_quantity": _("0: no minimum. Only products in the scope count."),
            "threshold_base": _("Whether discounts applied before this coupon lower what counts."),
            "hour_from": _("Of the shop's clock; an end before the beginning means past midnight."),
            "audience_tag": _("A shopper's tag, such as segment:loyal."),
            "limit_per_shopper": _("How many claims one shopper may ever make."),
            "limit_per_shopper_per_day": _("Empty: no limit by day."),
            "limit_per_day": _("All shoppers together; counted by the shop's calendar day. Empty: no limit."),
            "usable_days": _("With a date as well, whichever ends first counts."),
            "budgets": _("Caps on the money that this coupon, perhaps together with others, may discount."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "handout" in self.fields and self.instance.handout != Handout.RED_PACKET:
            # A red packet brings its coupon along; one made here would never have shares.
            field: Any = self.fields["handout"]
            field.choices = [choice for choice in field.choices if choice[0] != Handout.RED_PACKET]

    def clean(self) -> dict[str, Any]:
        """Says beside the field what is missing, and empties what does not belong to the choice made."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        self._keep_chosen_benefit(cleaned)
        self._keep_conditions(cleaned)
        if "audience" in cleaned and cleaned["audience"] != AudienceKind.TAGGED:
            cleaned["audience_tag"] = ""
        elif cleaned.get("audience") == AudienceKind.TAGGED and not cleaned.get("audience_tag"):
            self.add_error("audience_tag", gettext("Name the tag."))
        self._keep_validity(cleaned)
        return cleaned

    def _keep_chosen_benefit(self, cleaned: dict[str, Any]) -> None:
        if "benefit_type" not in cleaned:
            return
        chosen = BenefitType(cleaned["benefit_type"])
        for name in FIGURES:
            if name not in figures_of(chosen):
                cleaned[name] = LEFT_OUT.get(name)
                self.errors.pop(name, None)
            elif name not in self.errors:
                self._check_figure(name, cleaned.get(name), is_needed=name in _needed(chosen, cleaned))
        if chosen == BenefitType.SHIPPING_OFF and cleaned.get("amount_off") and cleaned.get("percent_off"):
            self.add_error("percent_off", gettext("Either an amount or a percentage; neither means free."))

    def _check_figure(self, name: str, value: Any, *, is_needed: bool) -> None:
        if value in (None, ""):
            if is_needed:
                self.add_error(name, gettext("This kind of benefit needs it."))
        elif _is_too_little(name, value):
            self.add_error(name, gettext("This is too little."))

    def _keep_conditions(self, cleaned: dict[str, Any]) -> None:
        start, end = cleaned.get("hour_from"), cleaned.get("hour_until")
        if "hour_from" not in self.errors and "hour_until" not in self.errors:
            if (start is None) != (end is None):
                self.add_error("hour_from" if start is None else "hour_until", gettext("Hours need both ends."))
            elif start is not None and start == end:
                self.add_error("hour_until", gettext("Hours must end after they begin."))
        least, most = cleaned.get("minimum_unit_price"), cleaned.get("maximum_unit_price")
        if least is not None and most is not None and most < least:
            self.add_error("maximum_unit_price", gettext("The highest price lies below the lowest."))
        for name in ("order_number", "new_shopper_days"):
            if cleaned.get(name) == 0:
                self.add_error(name, gettext("At least 1, or nothing."))

    def _keep_validity(self, cleaned: dict[str, Any]) -> None:
        if not {"usable_until", "usable_days"} <= cleaned.keys() or cleaned["usable_until"] or cleaned["usable_days"]:
            return
        if cleaned.get("handout") == Handout.AUTOMATIC:
            # Nobody claims it, so that it is usable exactly as long as it is handed out.
            cleaned["usable_until"] = cleaned.get("claim_ends_at")
        else:
            self.add_error("usable_days", gettext("Say until when the coupon is usable, or for how many days."))


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


def _needed(benefit: BenefitType, cleaned: dict[str, Any]) -> set[str]:
    needed = set(figures_needed_by(benefit))
    if benefit == BenefitType.TIERED:
        needed.add("tier_basis")
    # A share of a red packet brings its own amount.
    if benefit == BenefitType.CASH and cleaned.get("handout") != Handout.RED_PACKET:
        needed.add("amount_off")
    return needed


def _is_too_little(name: str, value: Any) -> bool:
    match value:
        case Decimal():
            return value <= 0
        case bool() | str():
            return False
        case int():
            return value < LEAST.get(name, 1)
        case _:
            return False
