"""Lotteries: announced here in one form, watched, and drawn; never edited, since the rules are published."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.dataclasses import UnfoldAction
from unfold.decorators import action, display
from unfold.forms import BaseDialogForm
from unfold.widgets import UnfoldAdminSplitDateTimeWidget

from config.kernel.admin_filters import ShopDaysFilter
from config.kernel.admin_tools import (
    WHOLE_DAY_HINT,
    EndMomentField,
    LargeTableMixin,
    PreparedChangeList,
    ReadOnlyMixin,
    ShopModelAdmin,
    ShopTabularInline,
    StartMomentField,
    leave_dialog,
    shop_window,
    try_service,
)
from config.kernel.clock import database_now
from config.kernel.errors import DomainError
from coupons.enums import CouponStatus, Handout, LotteryStanding
from coupons.errors import StockTooSmall, TooManyWinners
from coupons.models import Coupon, Lottery, LotteryEntry
from coupons.services.lotteries import LotteryPlan, lottery_create, lottery_draw, refuse_unless_possible
from users.models import SEALED_FIELDS

STANDING_COLOURS = {
    LotteryStanding.UPCOMING: "primary",
    LotteryStanding.OPEN: "success",
    LotteryStanding.PAUSED: "warning",
    LotteryStanding.CLOSED: "info",
    LotteryStanding.DRAWN: "default",
    LotteryStanding.CALLED_OFF: "danger",
}


class LotteryForm(forms.ModelForm):
    """What a marketer asks of a new lottery; saving it publishes the rules."""

    opens_at = StartMomentField(label=_("Opens"), widget=UnfoldAdminSplitDateTimeWidget)
    closes_at = EndMomentField(label=_("Closes"), widget=UnfoldAdminSplitDateTimeWidget, help_text=WHOLE_DAY_HINT)

    class Meta:
        model = Lottery
        fields = (
            "title_zh",
            "title_en",
            "coupon",
            "winner_count",
            "opens_at",
            "closes_at",
            "weight_tag",
            "weight",
        )
        help_texts = {
            "title_zh": _("Shown to shoppers who read Chinese. Empty: the English title."),
            "title_en": _("Shown to shoppers who read English."),
            "coupon": _("A published coupon that is drawn by lot, with stock for all winners."),
            "weight_tag": _("Optional. Who carries this tag on entering has more lots. Everybody can read this rule."),
            "weight": _("How many lots the tag gives; everybody else has one."),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # The page of a lottery that is announced already has no field at all.
        coupon: Any = self.fields.get("coupon")
        if coupon is not None:
            coupon.queryset = Coupon.objects.filter(handout=Handout.LOTTERY, status=CouponStatus.PUBLISHED)

    def clean(self) -> dict[str, Any]:
        """Says beside the field what does not work."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if cleaned.get("weight_tag") and cleaned.get("weight", 0) < 2:
            self.add_error("weight", gettext("With a tag, say how many lots it gives: at least 2."))
        closes_at, opens_at = cleaned.get("closes_at"), cleaned.get("opens_at")
        if closes_at and opens_at and closes_at <= max(opens_at, database_now()):
            self.add_error("closes_at", gettext("Choose a moment after it opens, and not in the past."))
        if not self.errors:
            try:
                refuse_unless_possible(plan=self.plan(), now=database_now())
            except (TooManyWinners, StockTooSmall) as error:
                self.add_error("winner_count", error.sentence)
            except DomainError as error:
                self.add_error("coupon", error.sentence)
        return cleaned

    def plan(self) -> LotteryPlan:
        """Returns what was asked for, once the form is valid."""
        return LotteryPlan(**self.cleaned_data)


class EntryInline(ReadOnlyMixin, ShopTabularInline):
    """Who entered, the winners first."""

    model = LotteryEntry
    per_page = 25
    fields = ("rank", "shopper", "ticket", "weight", "entered_at", "claim")
    readonly_fields = ("ticket",)
    verbose_name_plural = _("Entries")

    def get_queryset(self, request: HttpRequest) -> QuerySet[LotteryEntry]:
        sealed = [f"{path}__{name}" for path in ("shopper", "claim__shopper") for name in SEALED_FIELDS]
        entries = super().get_queryset(request).select_related("shopper", "claim__coupon", "claim__shopper")
        return entries.defer(*sealed).order_by("rank", "pk")

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        user: Any = request.user
        return user.has_perm("coupons.view_lottery") or user.has_perm("coupons.change_lottery")


class LotteryChangeList(PreparedChangeList):
    """The list with how each lottery on its page stands."""

    def prepare(self, rows: list[Any]) -> None:
        now = database_now()
        for lottery in rows:
            lottery.shown_standing = lottery.standing(now)


@admin.register(Lottery)
class LotteryAdmin(ReadOnlyMixin, LargeTableMixin, ShopModelAdmin):
    """The right to add announces lotteries, the right to change draws them; published rules have no form."""

    form = LotteryForm
    inlines = (EntryInline,)
    list_display = ("show_title", "show_standing", "winner_count", "show_entries", "show_window", "drawn_at")
    list_filter = (
        ("state", ChoicesDropdownFilter),
        ("opens_at", ShopDaysFilter),
        ("closes_at", ShopDaysFilter),
    )
    list_filter_submit = True
    search_fields = ("title_zh", "title_en")
    ordering = ("-id",)
    actions_detail = ("draw",)

    # Pages

    def get_queryset(self, request: HttpRequest) -> QuerySet[Lottery]:
        return super().get_queryset(request).known().defer("seed")

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[PreparedChangeList]:
        return LotteryChangeList

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        user: Any = request.user
        return user.has_perm("coupons.add_lottery")

    def has_draw_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the person may draw before the job does."""
        user: Any = request.user
        return user.has_perm("coupons.change_lottery")

    def get_inlines(self, request: HttpRequest, obj: Lottery | None) -> Any:
        return self.inlines if obj is not None else ()

    def get_fieldsets(self, request: HttpRequest, obj: Lottery | None = None) -> list[tuple[Any, dict[str, Any]]]:
        if obj is not None:
            about = ["show_standing_now", "show_page", "title_zh", "title_en", "coupon", "winner_count"]
            rules = ["opens_at", "closes_at", "weight_tag", "weight"]
            draw = ["drawn_at", "seed_commitment", "entries_commitment"]
            return [(None, {"fields": [*about, *rules]}), (_("The draw"), {"fields": draw})]
        return [
            (_("What is won"), {"fields": ["title_zh", "title_en", "coupon", "winner_count"]}),
            (
                _("When it can be entered"),
                {
                    "fields": ["opens_at", "closes_at"],
                    "description": _(
                        "Saving publishes the rules and the fingerprint of a secret seed. They can never be changed."
                    ),
                },
            ),
            (_("More lots for some"), {"fields": ["weight_tag", "weight"]}),
        ]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        now = database_now().replace(second=0, microsecond=0)
        return {"opens_at": now, **super().get_changeform_initial_data(request)}

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[UnfoldAction]:
        """Returns the button that draws, once the entries have closed."""
        is_due = str(object_id).isdecimal() and Lottery.objects.due(database_now()).filter(pk=object_id).exists()
        return super().get_actions_detail(request, object_id) if is_due else []

    # Saving

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Lottery:
        """Announces the lottery; there is nothing else to save."""
        lottery = lottery_create(plan=form.plan(), now=database_now())
        form.instance = lottery
        form.save_m2m = lambda: None
        return lottery

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        # The service has written it.
        return

    @action(
        description=_("Draw now"),
        icon="casino",
        permissions=["draw"],
        dialog={
            "title": _("Draw this lottery now?"),
            "description": _("The winners get their coupons, and the seed is published. This cannot be undone."),
            "form_class": None,
            "form_submit_text": _("Draw"),
        },
    )
    def draw(self, request: HttpRequest, form: BaseDialogForm, object_id: str) -> HttpResponse:
        lottery = Lottery.objects.filter(pk=object_id).first() if object_id.isdecimal() else None
        if lottery is None:
            raise Http404
        drawn = try_service(request, lambda: lottery_draw(lottery=lottery, now=database_now()), done=gettext("Drawn."))
        if drawn:
            self.log_change(request, lottery, "Drawn.")
        return leave_dialog(reverse("admin:coupons_lottery_change", args=[lottery.pk]))

    # Columns

    @display(description=_("lottery"), ordering="title_en", header=True)
    def show_title(self, lottery: Lottery) -> list[str]:
        return [lottery.title, lottery.coupon.title]

    @display(description=_("state"), label=STANDING_COLOURS)
    def show_standing(self, lottery: Lottery) -> tuple[str, str]:
        standing: LotteryStanding = lottery.shown_standing  # type: ignore[attr-defined]  # set by LotteryChangeList
        return standing.value, str(standing.label)

    @display(description=_("state"))
    def show_standing_now(self, lottery: Lottery) -> SafeString:
        standing = lottery.standing(database_now())
        label = {"label": standing.label, "label_type": STANDING_COLOURS[standing]}
        return render_to_string("unfold/helpers/display_label.html", label)

    @display(description=_("entries"))
    def show_entries(self, lottery: Lottery) -> int:
        entry_count: int = lottery.entry_count  # type: ignore[attr-defined]  # annotated
        return entry_count

    @display(description=_("page"))
    def show_page(self, lottery: Lottery) -> SafeString:
        return format_html('<a class="text-primary-600" href="{0}">{0}</a>', lottery.get_absolute_url())

    @display(description=_("window"), ordering="opens_at")
    def show_window(self, lottery: Lottery) -> SafeString:
        return shop_window(lottery.opens_at, lottery.closes_at)
