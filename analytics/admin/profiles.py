"""A segment's averages, written for people."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from config.kernel.money import format_money


def _number(value: float) -> str:
    return f"{value:,.1f}"


def _amount(value: float) -> str:
    return format_money(round(value))


def _percent(value: float) -> str:
    return f"{value:.1f}%"


@dataclass(frozen=True, slots=True)
class _Line:
    name: str
    title: Any
    write: Callable[[float], str]


LINES = (
    _Line("recency_days", gettext_lazy("Days since the last purchase"), _number),
    _Line("purchases", gettext_lazy("Purchases"), _number),
    _Line("active_weeks", gettext_lazy("Weeks with a purchase"), _number),
    _Line("money", gettext_lazy("Spent in the window"), _amount),
    _Line("basket", gettext_lazy("Mean basket"), _amount),
    _Line("coupon_share", gettext_lazy("Purchases with a coupon"), _percent),
    _Line("claims", gettext_lazy("Claims"), _number),
    _Line("redemptions", gettext_lazy("Redemptions"), _number),
    _Line("redemption_rate", gettext_lazy("Redemptions of a hundred claims"), _number),
)


def profile_figures(profile: Mapping[str, float]) -> list[tuple[str, str]]:
    """Returns titles and figures of those averages that are known."""
    return [(str(line.title), line.write(profile[line.name])) for line in LINES if line.name in profile]


def profile_in_short(profile: Mapping[str, float]) -> str:
    """Returns the most telling averages in one line."""
    if not profile:
        return "–"
    return _("%(purchases)s purchases, basket %(basket)s, last %(days)s days ago, %(share)s with coupon") % {
        "purchases": _number(profile["purchases"]),
        "basket": _amount(profile["basket"]),
        "days": _number(profile["recency_days"]),
        "share": _percent(profile["coupon_share"]),
    }


# Features that are in no profile.
OTHER_TITLES = {
    "orders": gettext_lazy("Orders"),
    "orders_month": gettext_lazy("Orders in the last month"),
    "orders_quarter": gettext_lazy("Orders in the last quarter"),
    "types": gettext_lazy("Product types bought"),
    "spend": gettext_lazy("Spent in the window"),
    "recency": gettext_lazy("Days since the last purchase"),
    "tenure": gettext_lazy("Days since the first purchase"),
    "with_coupon": gettext_lazy("Orders with a coupon"),
    "received": gettext_lazy("Campaigns received"),
    "since_received": gettext_lazy("Days since the last campaign"),
    "used": gettext_lazy("Coupons used"),
    "since_used": gettext_lazy("Days since the last coupon was used"),
}


def feature_title(name: str) -> str:
    """Returns what a feature is called; its name where it has no title."""
    titles = {**OTHER_TITLES, **{line.name: line.title for line in LINES}}
    return str(titles.get(name, name))
