"""The marketer's main page: coupons."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet, prefetch_related_objects
from django.forms import ModelForm
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.utils.dates import WEEKDAYS
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import AutocompleteSelectFilter, ChoicesDropdownFilter
from unfold.decorators import display
from unfold.views import ChangeList

from config.kernel.admin_filters import ShopDaysFilter
from config.kernel.admin_history import HistoryModelAdmin
from config.kernel.admin_tools import PreparedChangeList, shop_window
from config.kernel.clock import database_now
from config.kernel.ids import as_uuid
from coupons import wording
from coupons.admin.coupon_actions import CouponActionsMixin
from coupons.admin.coupon_filters import StateFilter, StockFilter
from coupons.admin.coupon_form import (
    AUDIENCE,
    CONDITIONS,
    FIGURES,
    FURTHER_CONDITIONS,
    HANDING_OUT,
    STOCK_FIELDS,
    TERMS,
    TEXTS,
    TOGETHER,
    WINDOWS,
    CouponForm,
    NewCouponForm,
)
from coupons.admin.coupon_inlines import EnvelopeInline, ScopeInline, TierInline
from coupons.admin.coupon_preview import preview_view
from coupons.admin.coupon_switches import benefits_with, shown_for
from coupons.admin.stock_forecast import forecast_panel
from coupons.admin.stock_inlines import ReleaseBatchInline, StockPolicyInline, StockRowsMixin
from coupons.codes import normalize_code
from coupons.enums import BenefitType, CouponState, CouponStatus
from coupons.models import Code, Coupon, Stock
from coupons.models.coupon_checks import figures_of
from coupons.selectors.coupon_figures import CouponFigures, coupon_figures, coupon_is_claimed
from coupons.selectors.stock_forecasts import forecast_in_force
from coupons.services.stock import stock_open

STATE_COLOURS = {
    CouponState.DRAFT: "info",
    CouponState.SCHEDULED: "primary",
    CouponState.LIVE: "success",
    CouponState.PAUSED: "warning",
    CouponState.ENDED: "default",
}
# Lists that a fixed coupon shows in words.
SHOWN_WHEN_FIXED = {"weekdays": "show_weekdays", "channels": "show_channels", "regions": "show_regions"}
HOW_TIMES_ARE_READ = _("All times are the shop's.")
HOW_TIMES_ARE_READ_WHEN_CLAIMED = _("All times are the shop's. A change counts for claims made from now on.")
WHY_FIXED = _("Shoppers hold this coupon already, so what it promises can no longer change. Clone it to offer another.")


class CouponChangeList(PreparedChangeList):
    """The list with the figures of the coupons on its page."""

    def prepare(self, rows: list[Any]) -> None:
        now = database_now()
        figures = coupon_figures(coupon.pk for coupon in rows)
        prefetch_related_objects(rows, "tiers")
        for coupon in rows:
            coupon.figures = figures[coupon.pk]
            coupon.shown_state = coupon.state(now)


@admin.register(Coupon)
class CouponAdmin(CouponActionsMixin, HistoryModelAdmin):
    """Makes, publishes, watches and stops coupons. `status` is never a field: only services move it."""

    class Media:
        css = {"all": ["analytics/charts.css"]}

    form = CouponForm
    inlines = (TierInline, EnvelopeInline, ScopeInline, ReleaseBatchInline, StockPolicyInline)
    autocomplete_fields = ("gift_product", "budgets")
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
    list_select_related = ("envelope", "gift_product")
    list_filter_submit = True
    search_fields = ("title_zh", "title_en")
    search_help_text = _("Title, public id, or a code in full")
    ordering = ("-id",)
    date_hierarchy = "claim_starts_at"
    change_form_before_template = "admin/coupons/coupon/preview.html"
    conditional_fields = {
        **{name: shown_for(benefits_with(name)) for name in FIGURES},
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
        # A row of read-only figures that are all empty would only be in the way.
        kept = figures_of(BenefitType(obj.benefit_type)) if is_fixed and obj is not None else set(FIGURES)
        figures = [name for name in FIGURES if name in kept]
        is_further = obj is not None and any(getattr(obj, name) not in (None, []) for name in FURTHER_CONDITIONS)
        standing: list[tuple[Any, dict[str, Any]]] = (
            [] if obj is None else [(None, {"fields": ["show_state_now", "show_stock_bars", *self._forecast(obj)]})]
        )
        return [
            *standing,
            (_("What it gives"), {"fields": [*TEXTS, "benefit_type", *figures], **why}),
            (_("When it counts"), {"fields": [*CONDITIONS], **why}),
            (
                _("Further conditions"),
                {
                    "fields": [SHOWN_WHEN_FIXED.get(name, name) if is_fixed else name for name in FURTHER_CONDITIONS],
                    "classes": [] if is_further else ["collapse"],
                },
            ),
            (_("Together with others"), {"fields": [*TOGETHER, "budgets"]}),
            (
                _("Who and how many"),
                {"fields": [*(STOCK_FIELDS if obj is None else ()), *AUDIENCE, *HANDING_OUT]},
            ),
            (
                _("When usable"),
                {
                    "fields": [*WINDOWS],
                    "description": HOW_TIMES_ARE_READ if not is_fixed else HOW_TIMES_ARE_READ_WHEN_CLAIMED,
                },
            ),
        ]

    def get_inlines(self, request: HttpRequest, obj: Coupon | None) -> list[Any]:
        """Returns the tables of rows that matter: of a coupon that cannot change any more, those of its benefit."""
        inlines = list(super().get_inlines(request, obj))
        if obj is None or not Stock.objects.filter(coupon=obj, is_unlimited=False).exists():
            inlines = [each for each in inlines if not issubclass(each, StockRowsMixin)]
        if obj is None or not coupon_is_claimed(obj):
            return inlines
        return [each for each in inlines if obj.benefit_type in getattr(each, "benefits", {obj.benefit_type})]

    def get_readonly_fields(self, request: HttpRequest, obj: Coupon | None = None) -> tuple[str, ...]:
        shown = ("show_state_now", "show_stock_bars", "show_forecast", *SHOWN_WHEN_FIXED.values())
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

    def _forecast(self, coupon: Coupon) -> list[str]:
        has_one = forecast_in_force(coupon_id=coupon.pk, now=database_now()) is not None
        return ["show_forecast"] if has_one else []

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

    @display(description=_("forecast"))
    def show_forecast(self, coupon: Coupon) -> SafeString | str:
        return forecast_panel(coupon_id=coupon.pk, now=database_now())

    @display(description=_("weekdays"))
    def show_weekdays(self, coupon: Coupon) -> str:
        return ", ".join(str(WEEKDAYS[day]) for day in coupon.weekdays) or "–"

    @display(description=_("channels"))
    def show_channels(self, coupon: Coupon) -> str:
        return ", ".join(coupon.channels) or "–"

    @display(description=_("regions"))
    def show_regions(self, coupon: Coupon) -> str:
        return ", ".join(coupon.regions) or "–"


def _figures(coupon: Coupon) -> CouponFigures:
    return coupon.figures  # type: ignore[attr-defined]  # set by CouponChangeList
