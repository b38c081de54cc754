"""The admin's sidebar: what a person may see, under the words of the shop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.http import HttpRequest
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse
from django.utils.translation import gettext_lazy as _


@dataclass(frozen=True, slots=True)
class Entry:
    """One link: a list of the admin, for those who hold one of the permissions; none: superusers only."""

    title: Any
    icon: str
    url_name: str
    permissions: tuple[str, ...] = ()


GROUPS: tuple[tuple[Any, tuple[Entry, ...]], ...] = (
    (
        _("Coupons"),
        (
            Entry(_("Coupons"), "confirmation_number", "admin:coupons_coupon_changelist", ("coupons.view_coupon",)),
            Entry(_("Budgets"), "savings", "admin:coupons_budget_changelist", ("coupons.view_budget",)),
            Entry(_("Codes"), "password", "admin:coupons_code_changelist", ("coupons.view_code",)),
            Entry(_("Codes in bulk"), "qr_code_2", "admin:coupons_codebatch_changelist", ("coupons.view_codebatch",)),
            Entry(_("Red packets"), "payments", "admin:coupons_redpacket_changelist", ("coupons.view_redpacket",)),
            Entry(_("Lotteries"), "casino", "admin:coupons_lottery_changelist", ("coupons.view_lottery",)),
            Entry(_("Claims"), "redeem", "admin:coupons_claim_changelist", ("coupons.view_claim",)),
            Entry(
                _("Waiting lists"),
                "hourglass_top",
                "admin:coupons_waitingentry_changelist",
                ("coupons.view_waitingentry",),
            ),
            Entry(
                _("Queue tickets"), "line_start", "admin:coupons_claimticket_changelist", ("coupons.view_claimticket",)
            ),
            Entry(_("Gifts to friends"), "volunteer_activism", "admin:coupons_gift_changelist", ("coupons.view_gift",)),
            Entry(_("Ratings"), "reviews", "admin:coupons_claimrating_changelist", ("coupons.view_claimrating",)),
            Entry(_("Redemptions"), "price_check", "admin:coupons_redemption_changelist", ("coupons.view_redemption",)),
            Entry(_("Orders"), "receipt_long", "admin:coupons_order_changelist", ("coupons.view_order",)),
            Entry(_("Products"), "inventory_2", "admin:coupons_product_changelist", ("coupons.view_product",)),
            Entry(_("Categories"), "category", "admin:coupons_category_changelist", ("coupons.view_category",)),
        ),
    ),
    (
        _("Campaigns"),
        (
            Entry(_("Campaigns"), "campaign", "admin:campaigns_campaign_changelist", ("campaigns.view_campaign",)),
            Entry(_("Grants"), "forward_to_inbox", "admin:campaigns_grant_changelist", ("campaigns.view_grant",)),
            Entry(_("Messages"), "outgoing_mail", "admin:campaigns_message_changelist", ("campaigns.view_message",)),
            Entry(
                _("Variants"), "alt_route", "admin:campaigns_variantgroup_changelist", ("campaigns.view_variantgroup",)
            ),
        ),
    ),
    (
        _("Shoppers"),
        (Entry(_("Shoppers and staff"), "groups", "admin:users_user_changelist", ("users.view_user",)),),
    ),
    (
        _("Decisions"),
        (
            Entry(_("Why coupons expired"), "hourglass_disabled", "figures:expiry", ("coupons.view_redemption",)),
            Entry(_("Fairness"), "balance", "figures:fairness", ("coupons.view_redemption",)),
            Entry(_("Demand forecast"), "query_stats", "figures:demand", ("coupons.view_redemption",)),
            Entry(_("Segments"), "scatter_plot", "admin:analytics_segment_changelist", ("analytics.view_segment",)),
            Entry(
                _("Allocation plans"),
                "balance",
                "admin:analytics_allocationplan_changelist",
                ("analytics.view_allocationplan",),
            ),
            Entry(_("Nightly runs"), "model_training", "admin:analytics_run_changelist", ("analytics.view_run",)),
            Entry(
                _("Models"), "network_node", "admin:analytics_modelversion_changelist", ("analytics.view_modelversion",)
            ),
        ),
    ),
    (
        _("System"),
        (
            Entry(_("Roles"), "badge", "admin:auth_group_changelist"),
            Entry(_("API applications"), "key", "admin:oauth2_provider_application_changelist"),
            Entry(_("Access tokens"), "vpn_key", "admin:oauth2_provider_accesstoken_changelist"),
            Entry(_("Periodic jobs"), "schedule", "admin:django_celery_beat_periodictask_changelist"),
            Entry(_("Failed sign-ins"), "lock", "admin:axes_accessattempt_changelist"),
        ),
    ),
)


def sidebar(request: HttpRequest) -> list[dict[str, Any]]:
    """Returns the groups of links that the signed-in person may follow; empty groups are left out."""
    groups: list[dict[str, Any]] = [
        {"items": [{"title": _("Overview"), "icon": "monitoring", "link": reverse("admin:index")}]}
    ]
    for title, entries in GROUPS:
        items = [item for entry in entries if (item := _link(entry, request.user)) is not None]
        if items:
            groups.append({"title": title, "separator": True, "items": items})
    return groups


def stylesheet(request: HttpRequest) -> str:
    """Returns the address of the shop's own additions to the admin theme."""
    return static("kernel/admin.css")


def _link(entry: Entry, user: Any) -> dict[str, Any] | None:
    if not user.is_superuser and not any(user.has_perm(permission) for permission in entry.permissions):
        return None
    try:
        link = reverse(entry.url_name)
    except NoReverseMatch:
        # A page that is not installed has no link.
        return None
    return {"title": entry.title, "icon": entry.icon, "link": link}
