"""A shopper's claims and orders, on the shopper's page."""

from __future__ import annotations

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from config.kernel.admin_tools import shop_moment
from config.kernel.clock import database_now
from config.kernel.money import format_money
from coupons.models import Claim, Order
from users.admin.shopper_sections import Row, ShopperSection, add_section
from users.models import User

NEWEST = 10


def _newest_claims(shopper: User) -> list[Row]:
    now = database_now()
    claims = Claim.objects.of(shopper.pk).select_related("coupon").order_by("-claimed_at")[:NEWEST]
    return [
        Row(
            path=reverse("admin:coupons_claim_change", args=[claim.pk]),
            cells=(
                claim.coupon.title,
                claim.state_at(now).label,
                claim.get_channel_display(),
                shop_moment(claim.claimed_at),
                shop_moment(claim.expires_at),
            ),
        )
        for claim in claims
    ]


def _newest_orders(shopper: User) -> list[Row]:
    orders = Order.objects.filter(shopper=shopper).order_by("-placed_at")[:NEWEST]
    return [
        Row(
            path=reverse("admin:coupons_order_change", args=[order.pk]),
            cells=(
                order.reference,
                order.get_state_display(),
                format_money(order.payable),
                format_money(order.discount),
                shop_moment(order.placed_at),
            ),
        )
        for order in orders
    ]


add_section(
    ShopperSection(
        title=_("Latest claims"),
        headings=(_("coupon"), _("state"), _("channel"), _("claimed"), _("expires")),
        permission="coupons.view_claim",
        rows=_newest_claims,
    )
)
add_section(
    ShopperSection(
        title=_("Latest orders"),
        headings=(_("order"), _("state"), _("payable"), _("discount"), _("placed")),
        permission="coupons.view_order",
        rows=_newest_orders,
    )
)
