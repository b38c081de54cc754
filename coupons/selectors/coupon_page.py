"""One coupon as a shopper looks at it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import F, QuerySet

from config.kernel.errors import NotFound
from coupons.enums import CouponStatus, ScopeMode
from coupons.models import Coupon, ScopeEntry
from coupons.selectors.showcase import with_ticket_facts
from coupons.selectors.waiting import waiting_entry_of, waiting_position
from users.models import User

# A coupon may count thousands of products; a person reads the first few.
NAMED_ENTRIES = 12


@dataclass(frozen=True, slots=True)
class ScopeNames:
    """The first names on one side of a scope, and how many there are besides."""

    names: Sequence[str]
    more: int


def coupon_shown(*, public_id: UUID, shopper: User | None, now: datetime) -> Coupon:
    """Returns a coupon that was ever published, with what its ticket shows and the shopper's place in its queue.

    Raises:
        NotFound: there is none, or it is a draft.
    """
    published = Coupon.objects.exclude(status=CouponStatus.DRAFT).filter(public_id=public_id)
    coupon = with_ticket_facts(published, now=now, shopper=shopper).first()
    if coupon is None:
        raise NotFound
    if coupon.is_waited_for_by_shopper:  # type: ignore[attr-defined]  # annotated
        entry = waiting_entry_of(coupon=coupon, shopper=shopper)
        coupon.waiting_position = waiting_position(entry) if entry else None  # type: ignore[attr-defined]
    return coupon


def scope_names(coupon: Coupon, mode: ScopeMode) -> ScopeNames:
    """Returns what a coupon counts, or does not, by name: categories before products."""
    entries: QuerySet[ScopeEntry] = ScopeEntry.objects.filter(coupon=coupon, mode=mode)
    ordered = entries.select_related("category", "product").order_by(F("product_id").asc(nulls_first=True), "pk")
    names = [str(entry.category or entry.product) for entry in ordered[: NAMED_ENTRIES + 1]]
    more = entries.count() - NAMED_ENTRIES if len(names) > NAMED_ENTRIES else 0
    return ScopeNames(names[:NAMED_ENTRIES], more)
