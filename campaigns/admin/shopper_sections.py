"""What the nightly runs make of a shopper, on the shopper's page: which coupons fit, when to write, and why."""

from __future__ import annotations

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from campaigns.enums import MessageChannel
from campaigns.models import ContactPlan, CouponScore
from config.kernel.admin_tools import shop_moment
from config.kernel.clock import database_now
from config.kernel.money import format_money
from coupons.models import Coupon
from coupons.selectors.audience import reason_not_for
from users.admin.shopper_sections import Row, ShopperSection, add_section
from users.models import User

BEST = 10


def _best_coupons(shopper: User) -> list[Row]:
    # A campaign is scored for everybody whom one of its coupons is for; who cannot have a coupon is not told it fits.
    meant = Coupon.objects.annotate(not_for_shopper=reason_not_for(shopper, database_now())).filter(not_for_shopper="")
    scores = CouponScore.objects.filter(shopper=shopper, coupon__in=meant.values("pk"))
    scores = scores.select_related("coupon").order_by("-value", "coupon")[:BEST]
    return [
        Row(
            path=reverse("admin:coupons_coupon_change", args=[score.coupon_id]),
            cells=(
                score.coupon.title,
                f"{100 * score.probability:.1f}%",
                format_money(round(score.value)),
                shop_moment(score.computed_at),
            ),
        )
        for score in scores
    ]


def _contact_plan(shopper: User) -> list[Row]:
    plan = ContactPlan.objects.filter(shopper=shopper).first()
    if plan is None:
        return []
    reasons: dict[str, Any] = plan.reasons
    hours = ", ".join(f"{int(hour)}:00 {100 * share:.0f}%" for hour, share in reasons.get("hours", []))
    rows = [
        Row(
            cells=(
                _("Best hour"),
                f"{plan.hour}:00",
                _("%(events)s events in 90 days; busiest: %(hours)s")
                % {"events": reasons.get("events", 0), "hours": hours or "–"},
            )
        ),
        Row(
            cells=(
                _("Near to buying"),
                _("yes") if plan.is_triggered else _("no"),
                _("score %(today).2f, the day before %(yesterday).2f; above 0.80 on both days while a campaign runs")
                % {"today": plan.trigger_score, "yesterday": reasons.get("yesterday", 0)},
            )
        ),
    ]
    for channel, found in reasons.get("channels", {}).items():
        rows.append(
            Row(
                cells=(
                    MessageChannel(channel).label,
                    _("best") if channel == plan.channel else "–",
                    _("no address that may be written to")
                    if not found["score"]
                    else _("%(rate).1f%% answered, %(sent)s sent in 7 days, %(score).4f for its cost")
                    % {"rate": 100 * found["rate"], "sent": found["sent_lately"], "score": found["score"]},
                )
            )
        )
    return rows


add_section(
    ShopperSection(
        title=gettext_lazy("Coupons that fit best"),
        headings=(
            gettext_lazy("coupon"),
            gettext_lazy("probability of use"),
            gettext_lazy("value score"),
            gettext_lazy("computed"),
        ),
        permission="campaigns.view_couponscore",
        rows=_best_coupons,
    )
)
add_section(
    ShopperSection(
        title=gettext_lazy("Why this hour and channel"),
        headings=(gettext_lazy("what"), gettext_lazy("result"), gettext_lazy("why")),
        permission="campaigns.view_contactplan",
        rows=_contact_plan,
    )
)
