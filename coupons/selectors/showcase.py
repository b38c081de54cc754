"""What a visitor of the showcase sees."""

from __future__ import annotations

from datetime import datetime

from django.db.models import (
    BooleanField,
    Case,
    Exists,
    F,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Sum,
    Value,
    When,
)
from django.db.models.expressions import Combinable
from django.db.models.functions import Coalesce

from coupons.enums import AudienceKind, Handout, ScopeMode, WaitingState
from coupons.models import Category, ClaimCounter, Coupon, ScopeEntry, StockBucket, WaitingEntry
from coupons.selectors.affinities import affinity_order, with_affinities
from coupons.selectors.audience import NOT_SELECTED, reason_not_for
from users.models import User

SORTS = ("recommended", "ending", "newest", "discount")


def showcase_coupons(
    *,
    now: datetime,
    shopper: User | None = None,
    category_key: str = "",
    benefit_type: str = "",
    query: str = "",
    sort: str = "recommended",
) -> QuerySet[Coupon]:
    """Returns the coupons that anybody may look at: live and scheduled ones that need no code.

    What is held out from a shopper, or allocated to others, is not shown: nobody is told of what only others get.

    Each carries `remaining` (None without a limit), `claimed_by_shopper`, `is_waited_for_by_shopper` and `is_live`.

    Args:
        category_key: only coupons that count products of this category, or of the whole shop.
        query: words that must all stand in a title or description, in either language.
        sort: one of `SORTS`; anything else reads as `recommended`. Ties end with the newest.
    """
    coupons = visible_coupons(now=now, shopper=shopper).filter(_shown_to(shopper), handout=Handout.SHOWCASE)
    if category_key:
        coupons = coupons.filter(_counts_category(category_key))
    if benefit_type:
        coupons = coupons.filter(benefit_type=benefit_type)
    for word in query.replace("\0", " ").split()[:8]:
        coupons = coupons.filter(
            Q(title_zh__icontains=word)
            | Q(title_en__icontains=word)
            | Q(description_zh__icontains=word)
            | Q(description_en__icontains=word)
        )
    return coupons.order_by(*_order_of(sort, shopper))


def visible_coupons(*, now: datetime, shopper: User | None = None) -> QuerySet[Coupon]:
    """Returns published coupons whose claim window is not over, with what their tickets show."""
    return with_ticket_facts(Coupon.objects.live(now) | Coupon.objects.scheduled(now), now=now, shopper=shopper)


def with_ticket_facts(coupons: QuerySet[Coupon], *, now: datetime, shopper: User | None = None) -> QuerySet[Coupon]:
    """Adds `remaining` (None without a limit), `claimed_by_shopper`, `is_waited_for_by_shopper` and `is_live`.

    And `not_for_shopper`, which `reason_not_for` explains, and why it is recommended: what `with_affinities` adds.
    """
    claimed = ClaimCounter.objects.filter(coupon=OuterRef("pk"), shopper=shopper).values("claimed")
    waiting = WaitingEntry.objects.filter(coupon=OuterRef("pk"), shopper=shopper, state=WaitingState.WAITING)
    annotated = with_affinities(coupons, shopper=shopper).annotate(
        remaining=remaining_stock(),
        claimed_by_shopper=Coalesce(Subquery(claimed), 0) if shopper else Value(0, output_field=IntegerField()),
        is_waited_for_by_shopper=Exists(waiting) if shopper else Value(False, output_field=BooleanField()),
        not_for_shopper=reason_not_for(shopper, now),
        is_live=Case(When(claim_starts_at__lte=now, then=True), default=False, output_field=BooleanField()),
    )
    return annotated.select_related("stock", "envelope", "gift_product").prefetch_related("tiers")


def remaining_stock() -> Case:
    """Returns the expression for what is left of a coupon; NULL without a limit."""
    left = StockBucket.objects.filter(coupon=OuterRef("pk")).order_by().values("coupon").annotate(left=Sum("remaining"))
    return Case(
        When(stock__is_unlimited=True, then=None),
        default=Coalesce(Subquery(left.values("left")), 0),
        output_field=IntegerField(),
    )


def showcase_categories(*, now: datetime) -> QuerySet[Category]:
    """Returns the categories by which the showcase can be filtered: those that a visible coupon names."""
    visible = (Coupon.objects.live(now) | Coupon.objects.scheduled(now)).filter(handout=Handout.SHOWCASE)
    named = ScopeEntry.objects.filter(coupon__in=visible, mode=ScopeMode.INCLUDE, category__isnull=False).values(
        "category"
    )
    return Category.objects.filter(pk__in=named).order_by("name_en")


def _shown_to(shopper: User | None) -> Q:
    return ~Q(audience=AudienceKind.ALLOCATED) if shopper is None else ~Q(not_for_shopper=NOT_SELECTED)


def _counts_category(key: str) -> Q:
    including = ScopeEntry.objects.filter(coupon=OuterRef("pk"), mode=ScopeMode.INCLUDE)
    # A coupon on a shelf counts for everything under it, and one on a part of the shelf belongs to it too.
    family = Q()
    for path in ("category", "category__parent", "category__parent__parent", "product__category"):
        family |= Q(**{f"{path}__key": key})
    family |= Q(category__children__key=key) | Q(category__children__children__key=key)
    family |= Q(product__category__parent__key=key)
    return Q(Exists(including.filter(family))) | ~Q(Exists(including))


def _order_of(sort: str, shopper: User | None) -> list[str | Combinable]:
    orders: dict[str, list[str | Combinable]] = {
        "ending": ["-is_live", "claim_ends_at"],
        "newest": ["-published_at"],
        "discount": [
            Coalesce(F("amount_off"), F("discount_cap")).desc(nulls_last=True),
            F("percent_off").desc(nulls_last=True),
        ],
        # Open and in stock first; then what the last night recommends.
        "recommended": [
            "-is_live",
            Case(When(remaining=0, then=1), default=0, output_field=IntegerField()),
            *affinity_order(shopper=shopper),
            "-published_at",
        ],
    }
    return [*orders.get(sort, orders["recommended"]), "-pk"]
