"""The marketer's main page: coupons."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter
from unfold.decorators import display
from unfold.views import ChangeList

from config.kernel.admin_filters import ShopDaysFilter
from config.kernel.admin_history import HistoryModelAdmin
from config.kernel.admin_tools import DistinctRowsFormSet, PreparedChangeList, ShopTabularInline, shop_window
from config.kernel.clock import database_now
from config.kernel.ids import as_uuid
from coupons import wording
from coupons.admin.coupon_actions import CouponActionsMixin
from coupons.admin.coupon_filters import StateFilter, StockFilter
from coupons.admin.coupon_form import FIELDS_OF_BENEFIT, STOCK_FIELDS, CouponForm, NewCouponForm
from coupons.admin.coupon_preview import preview_view
from coupons.codes import normalize_code
from coupons.enums import BenefitType, CouponState, CouponStatus
from coupons.models import Code, Coupon, ScopeEntry
from coupons.selectors.coupon_figures import CouponFigures, coupon_figures, coupon_is_claimed
from coupons.services.stock import stock_open

STATE_COLOURS = {
    CouponState.DRAFT: "info",
    CouponState.SCHEDULED: "primary",
    CouponState.LIVE: "success",
    CouponState.PAUSED: "warning",
    CouponState.ENDED: "default",
}
# What a shopper was promised with the claim.
TERMS = (
    "benefit_type",
    "amount_off",
    "percent_off",
    "discount_cap",
    "minimum_spend",
    "threshold_base",
    "stacking_group",
    "is_exclusive",
    "priority",
)
HOW_TIMES_ARE_READ = _("All times are the shop's.")
HOW_TIMES_ARE_READ_WHEN_CLAIMED = _("All times are the shop's. A change counts for claims made from now on.")
WHY_FIXED = _("Shoppers hold this coupon already, so what it promises can no longer change. Clone it to offer another.")


class ScopeFormSet(DistinctRowsFormSet):
    distinct_by = ("category", "product")


class ScopeInline(ShopTabularInline):
    """Products and categories that the coupon counts; fixed from the first claim on."""

    model = ScopeEntry
    formset = ScopeFormSet
    autocomplete_fields = ("category", "product")
    verbose_name_plural = _("What it counts on (nothing here: everything)")
    fields = ("mode", "category", "product")

    def has_add_permission(self, request: HttpRequest, obj: Coupon | None = None) -> bool:
        return _may_change_terms(request, obj)

    def has_change_permission(self, request: HttpRequest, obj: Coupon | None = None) -> bool:
        return _may_change_terms(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Coupon | None = None) -> bool:
        return _may_change_terms(request, obj)

    def has_view_permission(self, request: HttpRequest, obj: Coupon | None = None) -> bool:
        user: Any = request.user
        return user.has_perm("coupons.view_coupon") or user.has_perm("coupons.change_coupon")

    def get_queryset(self, request: HttpRequest) -> QuerySet[ScopeEntry]:
        return super().get_queryset(request).select_related("category", "product")


def _may_change_terms(request: HttpRequest, coupon: Coupon | None) -> bool:
    user: Any = request.user
    if coupon is None or coupon.pk is None:
        return user.has_perm("coupons.add_coupon")
    return user.has_perm("coupons.change_coupon") and not coupon_is_claimed(coupon)


class CouponChangeList(PreparedChangeList):
    """The list with the figures of the coupons on its page."""

    def prepare(self, rows: list[Any]) -> None:
        now = database_now()
        figures = coupon_figures(coupon.pk for coupon in rows)
        for coupon in rows:
            coupon.figures = figures[coupon.pk]
            coupon.shown_state = coupon.state(now)


@admin.register(Coupon)
class CouponAdmin(CouponActionsMixin, HistoryModelAdmin):
    """Makes, publishes, watches and stops coupons. `status` is never a field: only services move it."""

    form = CouponForm
    inlines = (ScopeInline,)
    list_display = (
        "show_title",
        "show_state",
        "show_benefit",
        "show_stock",
        "show_redeemed",
        "show_conversion",
        "show_window",
    )
    list_filter = (
        StateFilter,
        StockFilter,
        ("benefit_type", ChoicesDropdownFilter),
        ("audience", ChoicesDropdownFilter),
        ("campaigns", AutocompleteSelectFilter),
        ("claim_starts_at", ShopDaysFilter),
        ("claim_ends_at", ShopDaysFilter),
    )
    list_filter_submit = True
    search_fields = ("title_zh", "title_en")
    search_help_text = _("Title, public id, or a code in full")
    ordering = ("-id",)
    date_hierarchy = "claim_starts_at"
    change_form_before_template = "admin/coupons/coupon/preview.html"
    conditional_fields = {
        "amount_off": "typeof benefit_type === 'undefined' || benefit_type == 'amount_off'",
        "percent_off": "typeof benefit_type === 'undefined' || benefit_type == 'percent_off'",
        "discount_cap": "typeof benefit_type === 'undefined' || benefit_type == 'percent_off'",
        "audience_tag": "typeof audience === 'undefined' || audience == 'tagged'",
        "stock_released": "!stock_is_unlimited",
        "stock_reserve": "!stock_is_unlimited",
        "expects_rush": "!stock_is_unlimited",
    }

    # Pages

    def get_custom_urls(self) -> tuple[tuple[str, str, Any], ...]:
        return (("preview/", "coupons_coupon_preview", preview_view),)

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[ChangeList]:
        return CouponChangeList

    def get_form(self, request: HttpRequest, obj: Coupon | None = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is None:
            # The first stock is asked for by fields that the model does not have.
            kwargs |= {"form": NewCouponForm, "fields": self._model_fields(request, obj)}
        return super().get_form(request, obj, change=change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: Coupon | None = None) -> list[tuple[Any, dict[str, Any]]]:
        is_fixed = obj is not None and coupon_is_claimed(obj)
        why = {"description": WHY_FIXED} if is_fixed else {}
        gives = ["title_zh", "title_en", "description_zh", "description_en", "benefit_type"]
        chosen = [BenefitType(obj.benefit_type)] if is_fixed and obj is not None else list(BenefitType)
        gives += [name for benefit_type in chosen for name in FIELDS_OF_BENEFIT[benefit_type]]
        handing_out = ["limit_per_shopper", "limit_per_shopper_per_day", "limit_per_day", "handout"]
        standing: list[tuple[Any, dict[str, Any]]] = (
            [] if obj is None else [(None, {"fields": ["show_state_now", "show_stock_bars"]})]
        )
        return [
            *standing,
            (_("What it gives"), {"fields": gives, **why}),
            (
                _("When it counts"),
                {"fields": ["minimum_spend", "threshold_base", "is_exclusive", "stacking_group", "priority"], **why},
            ),
            (
                _("Who and how many"),
                {"fields": [*(STOCK_FIELDS if obj is None else ()), "audience", "audience_tag", *handing_out]},
            ),
            (
                _("When usable"),
                {
                    "fields": ["claim_starts_at", "claim_ends_at", "usable_from", "usable_until", "usable_days"],
                    "description": HOW_TIMES_ARE_READ if not is_fixed else HOW_TIMES_ARE_READ_WHEN_CLAIMED,
                },
            ),
        ]

    def get_readonly_fields(self, request: HttpRequest, obj: Coupon | None = None) -> tuple[str, ...]:
        shown = ("show_state_now", "show_stock_bars")
        return (*shown, *TERMS) if obj is not None and coupon_is_claimed(obj) else shown

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        now = database_now().replace(second=0, microsecond=0)
        return {"claim_starts_at": now, "benefit_type": "amount_off", **super().get_changeform_initial_data(request)}

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Coupon], search_term: str
    ) -> tuple[QuerySet[Coupon], bool]:
        """Finds words of a title; a public id or a code in full finds its coupon."""
        found, has_duplicates = super().get_search_results(request, queryset, search_term)
        exact = Q(pk__in=Code.objects.filter(normal=normalize_code(search_term) or "-").values("coupon"))
        public_id = as_uuid(search_term)
        if public_id is not None:
            exact |= Q(public_id=public_id)
        return (found | queryset.filter(exact) if search_term.strip() else found), has_duplicates

    def get_view_on_site_url(self, obj: Coupon | None = None) -> str | None:
        # Shoppers find no page of a draft, so there is no link to one.
        return None if obj is None or obj.status == CouponStatus.DRAFT else super().get_view_on_site_url(obj)

    # Saving

    def save_model(self, request: HttpRequest, obj: Any, form: ModelForm, change: bool) -> None:
        """Saves; a new coupon gets its first stock in the same transaction.

        A save locks the coupon, and a claim refers to it: none is made on terms that are just changing.
        """
        super().save_model(request, obj, form, change)
        if isinstance(form, NewCouponForm):
            user: Any = request.user
            stock_open(coupon=obj, actor=user, now=database_now(), **form.first_stock())  # type: ignore[arg-type]

    def has_delete_permission(self, request: HttpRequest, obj: Coupon | None = None) -> bool:
        # Its stock has a ledger from the first minute on; a coupon is ended, not deleted.
        return False

    def _model_fields(self, request: HttpRequest, obj: Coupon | None) -> list[str]:
        names = [name for _title, options in self.get_fieldsets(request, obj) for name in options["fields"]]
        return [name for name in names if name not in STOCK_FIELDS]

    # Columns

    @display(description=_("coupon"), ordering="title_en", header=True)
    def show_title(self, coupon: Coupon) -> list[str]:
        return [coupon.title, coupon.get_audience_display()]

    @display(description=_("state"), label=STATE_COLOURS)
    def show_state(self, coupon: Coupon) -> tuple[str, str]:
        state: CouponState = coupon.shown_state  # type: ignore[attr-defined]  # set by CouponChangeList
        return state.value, str(state.label)

    @display(description=_("gives"))
    def show_benefit(self, coupon: Coupon) -> str:
        return wording.benefit_in_words(coupon)

    @display(description=_("claimed"))
    def show_stock(self, coupon: Coupon) -> SafeString:
        return render_to_string("admin/coupons/coupon/stock_cell.html", {"figures": _figures(coupon)})

    @display(description=_("used"))
    def show_redeemed(self, coupon: Coupon) -> int:
        return _figures(coupon).redeemed

    @display(description=_("conversion"))
    def show_conversion(self, coupon: Coupon) -> str:
        percent = _figures(coupon).conversion_percent
        return "–" if percent is None else f"{percent:.1f}%"

    @display(description=_("claim window"), ordering="claim_ends_at")
    def show_window(self, coupon: Coupon) -> SafeString:
        return shop_window(coupon.claim_starts_at, coupon.claim_ends_at)

    @display(description=_("state"))
    def show_state_now(self, coupon: Coupon) -> SafeString:
        state = coupon.state(database_now())
        return render_to_string(
            "unfold/helpers/display_label.html", {"label": state.label, "label_type": STATE_COLOURS[state]}
        )

    @display(description=_("stock"))
    def show_stock_bars(self, coupon: Coupon) -> SafeString:
        return render_to_string(
            "admin/coupons/coupon/stock_bars.html", {"figures": coupon_figures([coupon.pk])[coupon.pk]}
        )


def _figures(coupon: Coupon) -> CouponFigures:
    return coupon.figures  # type: ignore[attr-defined]  # set by CouponChangeList
