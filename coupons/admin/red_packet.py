"""Red packets: made here in one form, watched, and closed; never edited, since the cut is final."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from unfold.contrib.filters.admin import ChoicesDropdownFilter
from unfold.dataclasses import UnfoldAction
from unfold.decorators import action, display
from unfold.enums import ActionVariant
from unfold.forms import BaseDialogForm
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSplitDateTimeWidget,
    UnfoldBooleanSwitchWidget,
)

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
    money_column,
    shop_window,
    try_service,
)
from config.kernel.clock import database_now
from coupons.enums import RedPacketSplit, RedPacketStanding, RedPacketState
from coupons.models import RedPacket, RedPacketShare
from coupons.selectors.red_packets import paid_by_shoppers
from coupons.services.red_packets import MAXIMUM_SHARES, PacketPlan, red_packet_close, red_packet_create
from users.models import SEALED_FIELDS

STANDING_COLOURS = {
    RedPacketStanding.UPCOMING: "primary",
    RedPacketStanding.OPEN: "success",
    RedPacketStanding.PAUSED: "warning",
    RedPacketStanding.ALL_TAKEN: "info",
    RedPacketStanding.OVER: "default",
}
PURCHASE_FIELDS = ("bought_since", "bought_until")
LONGEST_USE = 3650


class RedPacketForm(forms.ModelForm):
    """What a marketer asks of a new red packet; saving it cuts the shares."""

    share_count = forms.IntegerField(
        label=_("Shares"),
        required=False,
        min_value=1,
        max_value=MAXIMUM_SHARES,
        widget=UnfoldAdminIntegerFieldWidget,
        help_text=_(
            "Into how many the sum is cut. By purchase: at most so many, for those who paid the most; "
            "empty: for everybody who paid."
        ),
    )
    opens_at = StartMomentField(label=_("Opens"), widget=UnfoldAdminSplitDateTimeWidget)
    ends_at = EndMomentField(label=_("Ends"), widget=UnfoldAdminSplitDateTimeWidget, help_text=WHOLE_DAY_HINT)
    usable_days = forms.IntegerField(
        label=_("Usable for days after it was grabbed"),
        min_value=1,
        max_value=LONGEST_USE,
        initial=14,
        widget=UnfoldAdminIntegerFieldWidget,
    )
    is_partly_usable = forms.BooleanField(
        label=_("Rest is kept"),
        required=False,
        initial=True,
        widget=UnfoldBooleanSwitchWidget,
        help_text=_("What an order does not use of a share stays in the wallet."),
    )
    bought_since = StartMomentField(
        label=_("Paid from"),
        required=False,
        widget=UnfoldAdminSplitDateTimeWidget,
        help_text=_("Each gets a share in proportion to what was paid in this time."),
    )
    bought_until = EndMomentField(
        label=_("Paid until"), required=False, widget=UnfoldAdminSplitDateTimeWidget, help_text=WHOLE_DAY_HINT
    )

    class Meta:
        model = RedPacket
        fields = ("title_zh", "title_en", "split", "total", "share_count", "opens_at", "ends_at")
        help_texts = {
            "title_zh": _("Shown to shoppers who read Chinese. Empty: the English title."),
            "title_en": _("Shown to shoppers who read English."),
            "split": _("By luck: shares of any size, the same chances for everybody."),
        }

    def clean(self) -> dict[str, Any]:
        """Says beside the field what is missing or does not go round."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        ends_at, opens_at = cleaned.get("ends_at"), cleaned.get("opens_at")
        if ends_at and opens_at and ends_at <= max(opens_at, database_now()):
            self.add_error("ends_at", gettext("Choose a moment after it opens, and not in the past."))
        if cleaned.get("split") == RedPacketSplit.BY_PURCHASE:
            self._clean_purchases(cleaned)
        elif cleaned.get("split") and "share_count" in cleaned and not cleaned["share_count"]:
            self.add_error("share_count", gettext("Say into how many shares."))
        if not self.errors and cleaned["total"] < (cleaned["share_count"] or 1):
            self.add_error("total", gettext("Every share needs at least the smallest coin."))
        return cleaned

    def _clean_purchases(self, cleaned: dict[str, Any]) -> None:
        since, until = cleaned.get("bought_since"), cleaned.get("bought_until")
        if not since or not until:
            self.add_error("bought_since", gettext("Say from when until when payments count."))
            return
        buyers = len(paid_by_shoppers(since=since, until=until, limit=cleaned.get("share_count")))
        if not buyers:
            self.add_error("bought_until", gettext("Nobody bought anything in that time."))
        elif buyers > MAXIMUM_SHARES:
            limit = {"limit": MAXIMUM_SHARES}
            self.add_error("share_count", gettext("A red packet has at most %(limit)d shares.") % limit)
        elif cleaned.get("total") is not None and cleaned["total"] < buyers:
            self.add_error("total", gettext("Every share needs at least the smallest coin."))

    def plan(self) -> PacketPlan:
        """Returns what was asked for, once the form is valid."""
        cleaned = self.cleaned_data
        return PacketPlan(**{**cleaned, "split": RedPacketSplit(cleaned["split"])})


class ShareInline(ReadOnlyMixin, ShopTabularInline):
    """Who got what."""

    model = RedPacketShare
    fk_name = "packet"
    per_page = 25
    fields = ("number", "amount", "reserved_for", "shopper", "taken_at")
    verbose_name_plural = _("Who got what")

    def get_queryset(self, request: HttpRequest) -> QuerySet[RedPacketShare]:
        sealed = [f"{who}__{name}" for who in ("shopper", "reserved_for") for name in SEALED_FIELDS]
        return super().get_queryset(request).select_related("shopper", "reserved_for").defer(*sealed)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        user: Any = request.user
        return user.has_perm("coupons.view_redpacket") or user.has_perm("coupons.change_redpacket")


class RedPacketChangeList(PreparedChangeList):
    """The list with how each packet on its page stands."""

    def prepare(self, rows: list[Any]) -> None:
        now = database_now()
        for packet in rows:
            packet.shown_standing = packet.standing(now)


@admin.register(RedPacket)
class RedPacketAdmin(ReadOnlyMixin, LargeTableMixin, ShopModelAdmin):
    """The right to add makes packets, the right to change closes them; there is no form for a packet that is cut."""

    form = RedPacketForm
    inlines = (ShareInline,)
    list_display = (
        "show_title",
        "show_standing",
        money_column("total", _("sum")),
        "show_progress",
        money_column("returned", _("returned")),
        "show_window",
    )
    list_filter = (
        ("state", ChoicesDropdownFilter),
        ("split", ChoicesDropdownFilter),
        ("opens_at", ShopDaysFilter),
        ("ends_at", ShopDaysFilter),
    )
    list_filter_submit = True
    search_fields = ("title_zh", "title_en")
    ordering = ("-id",)
    actions_detail = ("close",)
    conditional_fields = dict.fromkeys(PURCHASE_FIELDS, "typeof split === 'undefined' || split == 'by_purchase'")

    # Pages

    def get_queryset(self, request: HttpRequest) -> QuerySet[RedPacket]:
        return super().get_queryset(request).known()

    def get_changelist(self, request: HttpRequest, **kwargs: Any) -> type[PreparedChangeList]:
        return RedPacketChangeList

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        user: Any = request.user
        return user.has_perm("coupons.add_redpacket")

    def has_close_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Whether the person may close a packet early."""
        user: Any = request.user
        return user.has_perm("coupons.change_redpacket")

    def get_inlines(self, request: HttpRequest, obj: RedPacket | None) -> Any:
        return self.inlines if obj is not None else ()

    def get_form(self, request: HttpRequest, obj: RedPacket | None = None, change: bool = False, **kwargs: Any) -> Any:
        if obj is None:
            # Some of the fields are of the coupon that comes with the packet.
            kwargs["fields"] = RedPacketForm.Meta.fields
        return super().get_form(request, obj, change=change, **kwargs)

    def get_fieldsets(self, request: HttpRequest, obj: RedPacket | None = None) -> list[tuple[Any, dict[str, Any]]]:
        if obj is not None:
            shown = ["show_standing_now", "show_progress", "title_zh", "title_en", "split", "total", "returned"]
            return [(None, {"fields": [*shown, "opens_at", "ends_at", "coupon", "created_by", "closed_at"]})]
        return [
            (
                _("What is in it"),
                {"fields": ["title_zh", "title_en", "split", *PURCHASE_FIELDS, "total", "share_count"]},
            ),
            (
                _("When it can be grabbed"),
                {
                    "fields": ["opens_at", "ends_at"],
                    "description": _("Saving cuts the shares for good and publishes the packet."),
                },
            ),
            (_("How a share is used"), {"fields": ["usable_days", "is_partly_usable"]}),
        ]

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        now = database_now().replace(second=0, microsecond=0)
        return {"opens_at": now, "split": RedPacketSplit.RANDOM, **super().get_changeform_initial_data(request)}

    def get_actions_detail(self, request: HttpRequest, object_id: Any) -> list[UnfoldAction]:
        """Returns the button that closes a packet, as long as it is open."""
        is_open = str(object_id).isdecimal() and RedPacket.objects.filter(pk=object_id, state=RedPacketState.OPEN)
        return super().get_actions_detail(request, object_id) if is_open else []

    # Saving

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> RedPacket:
        """Makes the packet with its coupon and shares; there is nothing else to save."""
        user: Any = request.user
        packet = red_packet_create(plan=form.plan(), actor=user, now=database_now())
        form.instance = packet
        form.save_m2m = lambda: None
        return packet

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        # The service has written it.
        return

    @action(
        description=_("Close packet"),
        icon="stop_circle",
        variant=ActionVariant.DANGER,
        permissions=["close"],
        dialog={
            "title": _("Close this red packet?"),
            "description": _("What nobody grabbed is returned. Shares already grabbed stay usable."),
            "form_class": None,
            "form_submit_text": _("Close packet"),
        },
    )
    def close(self, request: HttpRequest, form: BaseDialogForm, object_id: str) -> HttpResponse:
        packet = RedPacket.objects.filter(pk=object_id).first() if object_id.isdecimal() else None
        if packet is None:
            raise Http404
        actor: Any = request.user
        closed = try_service(
            request,
            lambda: red_packet_close(packet=packet, actor=actor, now=database_now()),
            done=gettext("Closed."),
        )
        if closed:
            self.log_change(request, packet, "Closed.")
        return leave_dialog(reverse("admin:coupons_redpacket_change", args=[packet.pk]))

    # Columns

    @display(description=_("red packet"), ordering="title_en", header=True)
    def show_title(self, packet: RedPacket) -> list[str]:
        return [packet.title, packet.get_split_display()]

    @display(description=_("state"), label=STANDING_COLOURS)
    def show_standing(self, packet: RedPacket) -> tuple[str, str]:
        standing: RedPacketStanding = packet.shown_standing  # type: ignore[attr-defined]  # set by RedPacketChangeList
        return standing.value, str(standing.label)

    @display(description=_("state"))
    def show_standing_now(self, packet: RedPacket) -> SafeString:
        standing = packet.standing(database_now())
        label = {"label": standing.label, "label_type": STANDING_COLOURS[standing]}
        return render_to_string("unfold/helpers/display_label.html", label)

    @display(description=_("taken shares"))
    def show_progress(self, packet: RedPacket) -> SafeString:
        return render_to_string("admin/coupons/red_packet/progress_cell.html", {"packet": packet})

    @display(description=_("window"), ordering="opens_at")
    def show_window(self, packet: RedPacket) -> SafeString:
        return shop_window(packet.opens_at, packet.ends_at)
