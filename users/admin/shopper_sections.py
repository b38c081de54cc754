"""Tables at the foot of a shopper's page; apps above add their own without this one knowing them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_lazy as _

from config.kernel.admin_tools import shop_moment
from config.kernel.money import format_money
from users.models import BehaviourEvent, User

NEWEST_EVENTS = 20


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a section; `path` leads to the thing's own page."""

    cells: Sequence[Any]
    path: str = ""


@dataclass(frozen=True, slots=True)
class ShopperSection:
    """A titled table that whoever holds `permission` sees on a shopper's page."""

    title: Any
    headings: Sequence[Any]
    permission: str
    rows: Callable[[User], list[Row]]


_sections: list[ShopperSection] = []


def add_section(section: ShopperSection) -> None:
    """Puts a section on every shopper's page, below those that are there."""
    _sections.append(section)


def sections_for(shopper: User, viewer: User) -> list[dict[str, Any]]:
    """Returns what a template needs of the sections that a member of staff may see."""
    return [
        {"title": section.title, "headings": section.headings, "rows": section.rows(shopper)}
        for section in _sections
        if viewer.has_perm(section.permission)
    ]


def _newest_events(shopper: User) -> list[Row]:
    events = BehaviourEvent.objects.filter(shopper=shopper).order_by("-occurred_at")[:NEWEST_EVENTS]
    return [
        Row(
            cells=(
                shop_moment(event.occurred_at),
                event.get_kind_display(),
                event.product_sku or "–",
                "–" if event.value is None else format_money(event.value),
                event.sender,
            )
        )
        for event in events
    ]


add_section(
    ShopperSection(
        title=_("Latest behaviour"),
        headings=(_("at"), _("what"), _("product"), _("value"), _("sender")),
        permission="users.view_user",
        rows=_newest_events,
    )
)
