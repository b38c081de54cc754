"""What a marketer watches about coupons: handed out, left, used."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, F, Q, QuerySet, Sum

from coupons.enums import ClaimState, WaitingState
from coupons.models import Claim, Coupon, Stock, StockBucket, WaitingEntry
from coupons.selectors.showcase import remaining_stock

# A coupon with a tenth of its stock left, or less, needs a look.
RUNNING_OUT_PERCENT = 10


@dataclass(frozen=True, slots=True)
class CouponFigures:
    """Counts of one coupon. `released` and `remaining` are None without a limit, all are 0 without stock."""

    released: int | None
    remaining: int | None
    reserve: int
    claimed: int
    redeemed: int
    waiting: int

    @property
    def conversion_percent(self) -> float | None:
        """Used of a hundred claims; None before the first claim."""
        return 100 * self.redeemed / self.claimed if self.claimed else None

    @property
    def claimed_percent(self) -> int | None:
        """How much of the released stock has gone, 0 to 100; None where there is none to go."""
        return round(100 * self.claimed / self.released) if self.released else None

    @property
    def is_running_out(self) -> bool:
        """Whether the released stock is nearly or wholly gone."""
        return bool(self.released) and 100 * (self.remaining or 0) <= RUNNING_OUT_PERCENT * (self.released or 0)


def coupon_figures(coupon_ids: Iterable[int]) -> dict[int, CouponFigures]:
    """Returns the figures of some coupons, by id, with four queries however many they are.

    Claims are counted, so ask for the coupons of one page, not for all.
    """
    ids = list(coupon_ids)
    stocks = Stock.objects.in_bulk(ids)
    remaining = dict(
        StockBucket.objects.filter(coupon_id__in=ids)
        .order_by()
        .values_list("coupon_id")
        .annotate(left=Sum("remaining"))
        .values_list("coupon_id", "left")
    )
    claims = {
        coupon_id: (claimed, redeemed)
        for coupon_id, claimed, redeemed in Claim.objects.filter(coupon_id__in=ids)
        .order_by()
        .values("coupon_id")
        .annotate(claimed=Count("pk"), redeemed=Count("pk", filter=Q(state=ClaimState.REDEEMED)))
        .values_list("coupon_id", "claimed", "redeemed")
    }
    waiting = dict(
        WaitingEntry.objects.filter(coupon_id__in=ids, state=WaitingState.WAITING)
        .order_by()
        .values_list("coupon_id")
        .annotate(count=Count("pk"))
        .values_list("coupon_id", "count")
    )
    figures = {}
    for coupon_id in ids:
        stock = stocks.get(coupon_id)
        unlimited = stock is not None and stock.is_unlimited
        claimed, redeemed = claims.get(coupon_id, (0, 0))
        figures[coupon_id] = CouponFigures(
            released=None if unlimited else (stock.released if stock else 0),
            remaining=None if unlimited else remaining.get(coupon_id, 0),
            reserve=stock.reserve if stock else 0,
            claimed=claimed,
            redeemed=redeemed,
            waiting=waiting.get(coupon_id, 0),
        )
    return figures


def coupons_running_out(coupons: QuerySet[Coupon], *, now: datetime) -> QuerySet[Coupon]:
    """Returns the live ones of which a tenth or less is left, sold out ones included."""
    return (
        coupons.filter(pk__in=Coupon.objects.live(now).values("pk"))
        .filter(stock__is_unlimited=False)
        .annotate(stock_left=remaining_stock())
        .filter(Q(stock_left__lte=F("stock__released") * RUNNING_OUT_PERCENT / 100))
    )


def coupons_sold_out(coupons: QuerySet[Coupon], *, now: datetime) -> QuerySet[Coupon]:
    """Returns the live ones of which nothing is left."""
    return coupons_running_out(coupons, now=now).filter(Q(stock_left=0))


def coupon_is_claimed(coupon: Coupon) -> bool:
    """Tells whether a shopper has ever claimed it; from then on its terms are a promise."""
    return Claim.objects.filter(coupon=coupon).exists()
