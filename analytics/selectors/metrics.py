"""The one place where figures are defined: every dashboard, report and export reads them here.

All amounts are in minor units. Definitions (docs/models.md explains them to readers):

- *claims*: made in the period; *redeemed*: those of them that are used now. Their ratio is the conversion.
- *redemptions*: claims used on orders placed in the period; *discount*: what these took off, less what a refund
  gave back. An order that was refunded in full does not count.
- *order value*: what goods cost after discounts, without shipping, on paid orders placed in the period.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.db import connection
from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Sum
from django.db.models.functions import TruncDate

from analytics.selectors.periods import Period
from config.kernel.clock import shop_zone
from coupons.enums import ClaimState, OrderState
from coupons.models import Claim, Coupon, Order, OrderLineDiscount, Redemption


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


def totals(*, period: Period, campaign_id: int | None = None) -> Totals:
    """Returns the figures of a period, of one campaign's coupons or of all.

    With a campaign, orders "with coupon" are those on which one of its coupons counted; orders "without" are
    always those without any coupon.
    """
    claims = _claims(period, campaign_id).aggregate(
        claims=Count("pk"), redeemed=Count("pk", filter=Q(state=ClaimState.REDEEMED))
    )
    redemptions = _redemptions(period, campaign_id).aggregate(
        redemptions=Count("pk"), discount=Sum(F("amount") - F("refunded"))
    )
    paid = _paid_orders(period)
    return Totals(
        claims=claims["claims"],
        redeemed=claims["redeemed"],
        redemptions=redemptions["redemptions"],
        discount=redemptions["discount"] or 0,
        with_coupon=_sum_up(paid.filter(_has_coupon(campaign_id))),
        without_coupon=_sum_up(paid.exclude(_has_coupon(None))),
    )


def columns(*, period: Period, campaign_id: int | None = None) -> list[Column]:
    """Returns claims, redemptions and discount over the period, in columns without gaps."""
    claims = _by_day(_claims(period, campaign_id), "claimed_at", claims=Count("pk"))
    redemptions = _by_day(
        _redemptions(period, campaign_id),
        "order__placed_at",
        redemptions=Count("pk"),
        discount=Sum(F("amount") - F("refunded")),
    )
    sums: dict[int, dict[str, int]] = {}
    for day, figures in [*claims, *redemptions]:
        number = (day - period.first).days // period.days_a_column
        column = sums.setdefault(number, {})
        for name, figure in figures.items():
            column[name] = column.get(name, 0) + figure
    return [Column(first=first, **sums.get(number, {})) for number, first in enumerate(period.columns())]


def coupon_rows(*, period: Period, campaign_id: int | None = None) -> list[CouponRow]:
    """Returns the figures of every coupon that was claimed or used in the period, the most used first.

    Takes four queries, however many coupons there are.
    """
    figures: dict[int, dict[str, Any]] = {}
    _gather(
        figures,
        _claims(period, campaign_id)
        .values("coupon_id")
        .annotate(claims=Count("pk"), redeemed=Count("pk", filter=Q(state=ClaimState.REDEEMED))),
    )
    _gather(
        figures,
        _redemptions(period, campaign_id)
        .values("coupon_id")
        .annotate(redemptions=Count("pk"), discount=Sum(F("amount") - F("refunded"))),
    )
    values = _orders_of_coupons(period, campaign_id)
    coupons = Coupon.objects.in_bulk(figures.keys() | values.keys())
    rows = [
        CouponRow(coupon=coupon, orders=values.get(pk, Orders()), **figures.get(pk, {}))
        for pk, coupon in coupons.items()
    ]
    return sorted(rows, key=lambda row: (-row.redemptions, -row.orders.count, -row.claims, row.coupon.pk))


def _claims(period: Period, campaign_id: int | None) -> QuerySet[Claim]:
    claims = Claim.objects.filter(claimed_at__gte=period.start, claimed_at__lt=period.end).order_by()
    return claims if campaign_id is None else claims.filter(coupon__campaigns=campaign_id)


def _redemptions(period: Period, campaign_id: int | None) -> QuerySet[Redemption]:
    redemptions = Redemption.objects.filter(
        order__state=OrderState.REDEEMED, order__placed_at__gte=period.start, order__placed_at__lt=period.end
    ).order_by()
    return redemptions if campaign_id is None else redemptions.filter(coupon__campaigns=campaign_id)


def _paid_orders(period: Period) -> QuerySet[Order]:
    return Order.objects.filter(
        state=OrderState.REDEEMED, placed_at__gte=period.start, placed_at__lt=period.end
    ).order_by()


def _has_coupon(campaign_id: int | None) -> Q:
    redemptions = Redemption.objects.filter(order=OuterRef("pk"))
    if campaign_id is None:
        return Q(discount__gt=0) | Q(Exists(redemptions))
    discounts = OrderLineDiscount.objects.filter(line__order=OuterRef("pk"), coupon__campaigns=campaign_id)
    return Q(Exists(discounts)) | Q(Exists(redemptions.filter(coupon__campaigns=campaign_id)))


# An order counts once for each of its coupons, however many lines or claims a coupon counted on. A coupon is on
# an order when it took something off a line or was redeemed there: of imported history only one may be known.
ORDERS_OF_COUPONS = """
WITH paid AS (
    SELECT id, subtotal - discount AS goods FROM coupons_order
    WHERE state = %(paid)s AND placed_at >= %(start)s AND placed_at < %(end)s
), pair AS (
    SELECT part.coupon_id, paid.id, paid.goods
    FROM paid
    JOIN coupons_orderline AS line ON line.order_id = paid.id
    JOIN coupons_orderlinediscount AS part ON part.line_id = line.id
    UNION
    SELECT claim.coupon_id, paid.id, paid.goods
    FROM paid
    JOIN coupons_redemption AS redemption ON redemption.order_id = paid.id
    JOIN coupons_claim AS claim ON claim.id = redemption.claim_id
)
SELECT coupon_id, COUNT(*), SUM(goods) FROM pair
WHERE %(campaign)s IS NULL OR coupon_id IN (
    SELECT coupon_id FROM campaigns_campaigncoupon WHERE campaign_id = %(campaign)s
)
GROUP BY coupon_id
"""


def _orders_of_coupons(period: Period, campaign_id: int | None) -> dict[int, Orders]:
    moment = connection.ops.adapt_datetimefield_value
    with connection.cursor() as cursor:
        cursor.execute(
            ORDERS_OF_COUPONS,
            {
                "paid": OrderState.REDEEMED.value,
                "start": moment(period.start),
                "end": moment(period.end),
                "campaign": campaign_id,
            },
        )
        return {coupon_id: Orders(count=count, value=int(value)) for coupon_id, count, value in cursor.fetchall()}


def _sum_up(orders: QuerySet[Order]) -> Orders:
    sums = orders.aggregate(count=Count("pk"), value=Sum(F("subtotal") - F("discount")))
    return Orders(count=sums["count"], value=sums["value"] or 0)


def _by_day(rows: QuerySet[Any], moment: str, **figures: Any) -> list[tuple[date, dict[str, int]]]:
    days = rows.values(day=TruncDate(moment, tzinfo=shop_zone())).annotate(**figures)
    return [(row.pop("day"), row) for row in days]


def _gather(figures: dict[int, dict[str, Any]], rows: Iterable[Any]) -> None:
    for row in rows:
        figures.setdefault(row.pop("coupon_id"), {}).update(row)
