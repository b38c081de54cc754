"""Claims, redemptions, discount, and orders with and without a coupon: in all, by day and by coupon."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db.models import Count, F, Q, QuerySet, Sum
from django.db.models.functions import TruncDate

from analytics.selectors.metrics.cut import Cut, is_without_coupon, run
from config.kernel.clock import shop_zone
from coupons.enums import ClaimState
from coupons.models import Coupon, Order

# What a coupon cost: what it took off, less what refunds gave back.
KEPT = F("amount") - F("refunded")


@dataclass(frozen=True, slots=True)
class Orders:
    """Paid orders of a kind: how many, and what their goods cost in all."""

    count: int = 0
    value: int = 0

    @property
    def mean_value(self) -> int | None:
        """In whole minor units; None without an order."""
        return round(self.value / self.count) if self.count else None


@dataclass(frozen=True, slots=True)
class Totals:
    """The figures of a period."""

    claims: int
    redeemed: int
    redemptions: int
    discount: int
    with_coupon: Orders
    without_coupon: Orders

    @property
    def conversion(self) -> float | None:
        """How many of a hundred claims of the period are used now; None without a claim."""
        return 100 * self.redeemed / self.claims if self.claims else None


@dataclass(frozen=True, slots=True)
class Column:
    """The figures of one column of a chart, which begins with a day."""

    first: date
    claims: int = 0
    redemptions: int = 0
    discount: int = 0


@dataclass(frozen=True, slots=True)
class CouponRow:
    """The figures of one coupon in a period."""

    coupon: Coupon
    claims: int = 0
    redeemed: int = 0
    redemptions: int = 0
    discount: int = 0
    orders: Orders = Orders()

    @property
    def conversion(self) -> float | None:
        return 100 * self.redeemed / self.claims if self.claims else None


def totals(cut: Cut) -> Totals:
    """Returns the figures of a cut.

    With chosen coupons, orders "with coupon" are those on which one of them counted; orders "without" are always
    those without any coupon.
    """
    claims = cut.claims().aggregate(claims=Count("pk"), redeemed=Count("pk", filter=Q(state=ClaimState.REDEEMED)))
    redemptions = cut.redemptions().aggregate(redemptions=Count("pk"), discount=Sum(KEPT))
    paid = cut.paid_orders()
    return Totals(
        claims=claims["claims"],
        redeemed=claims["redeemed"],
        redemptions=redemptions["redemptions"],
        discount=redemptions["discount"] or 0,
        with_coupon=_sum_up(paid.filter(cut.is_with_coupon())),
        without_coupon=_sum_up(paid.filter(is_without_coupon())),
    )


def columns(cut: Cut) -> list[Column]:
    """Returns claims, redemptions and discount over the period, in columns without gaps."""
    period = cut.period
    claims = _by_day(cut.claims(), "claimed_at", claims=Count("pk"))
    redemptions = _by_day(cut.redemptions(), "order__placed_at", redemptions=Count("pk"), discount=Sum(KEPT))
    sums: dict[int, dict[str, int]] = {}
    for day, figures in [*claims, *redemptions]:
        number = (day - period.first).days // period.days_a_column
        column = sums.setdefault(number, {})
        for name, figure in figures.items():
            column[name] = column.get(name, 0) + figure
    return [Column(first=first, **sums.get(number, {})) for number, first in enumerate(period.columns())]


def coupon_rows(cut: Cut) -> list[CouponRow]:
    """Returns the figures of every coupon that was claimed or used in the period, the most used first.

    Takes four queries, however many coupons there are.
    """
    figures: dict[int, dict[str, Any]] = {}
    _gather(
        figures,
        cut.claims()
        .values("coupon_id")
        .annotate(claims=Count("pk"), redeemed=Count("pk", filter=Q(state=ClaimState.REDEEMED))),
    )
    _gather(
        figures,
        cut.redemptions().values("coupon_id").annotate(redemptions=Count("pk"), discount=Sum(KEPT)),
    )
    values = _orders_of_coupons(cut)
    coupons = Coupon.objects.in_bulk(figures.keys() | values.keys())
    rows = [
        CouponRow(coupon=coupon, orders=values.get(pk, Orders()), **figures.get(pk, {}))
        for pk, coupon in coupons.items()
    ]
    return sorted(rows, key=lambda row: (-row.redemptions, -row.orders.count, -row.claims, row.coupon.pk))


# An order counts once for each of its coupons, however many lines or claims a coupon counted on. A coupon is on
# an order when it took something off a line or was redeemed there: of imported history only one may be known.
ORDERS_OF_COUPONS = """
WITH paid AS (
    SELECT id, subtotal - discount AS goods FROM {} AS paid_order
), pair AS (
    SELECT part.coupon_id, paid.id, paid.goods
    FROM paid
    JOIN coupons_orderline AS line ON line.order_id = paid.id
    JOIN coupons_orderlinediscount AS part ON part.line_id = line.id
    UNION
    SELECT redemption.coupon_id, paid.id, paid.goods
    FROM paid
    JOIN coupons_redemption AS redemption ON redemption.order_id = paid.id
)
SELECT coupon_id, COUNT(*), SUM(goods) FROM pair
WHERE coupon_id IN {}
GROUP BY coupon_id
"""


def _orders_of_coupons(cut: Cut) -> dict[int, Orders]:
    found = run(ORDERS_OF_COUPONS, cut.paid_orders(), cut.coupons().values("pk"))
    return {coupon_id: Orders(count=count, value=int(value)) for coupon_id, count, value in found}


def _sum_up(orders: QuerySet[Order]) -> Orders:
    sums = orders.aggregate(count=Count("pk"), value=Sum(F("subtotal") - F("discount")))
    return Orders(count=sums["count"], value=sums["value"] or 0)


def _by_day(rows: QuerySet[Any], moment: str, **figures: Any) -> list[tuple[date, dict[str, int]]]:
    days = rows.values(day=TruncDate(moment, tzinfo=shop_zone())).annotate(**figures)
    return [(row.pop("day"), row) for row in days]


def _gather(figures: dict[int, dict[str, Any]], rows: Iterable[Any]) -> None:
    for row in rows:
        figures.setdefault(row.pop("coupon_id"), {}).update(row)
