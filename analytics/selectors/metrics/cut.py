"""What part of the shop's life a figure is about; every figure begins here, so that all mean the same by it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.db.models import DurationField, Exists, OuterRef, Q, QuerySet

from analytics.selectors.periods import Period
from coupons.enums import OrderState
from coupons.models import Claim, Coupon, Order, OrderLineDiscount, Redemption
from users.models import Tag, User


@dataclass(frozen=True, slots=True)
class Cut:
    """A period, and where wanted one campaign's coupons, one coupon, or the shoppers who carry a tag.

    The tag counts as it stands now, not as it stood in the period: who was in a segment then is not kept.
    """

    period: Period
    campaign_id: int | None = None
    coupon_id: int | None = None
    tag: str = ""

    @property
    def has_coupon_choice(self) -> bool:
        """Whether some coupons are meant and not all."""
        return self.campaign_id is not None or self.coupon_id is not None

    def of_everybody(self) -> Cut:
        """The same with all shoppers."""
        return replace(self, tag="")

    def coupons(self) -> QuerySet[Coupon]:
        """The coupons that are meant."""
        coupons = Coupon.objects.order_by()
        if self.campaign_id is not None:
            coupons = coupons.filter(campaigns=self.campaign_id)
        return coupons if self.coupon_id is None else coupons.filter(pk=self.coupon_id)

    def claims(self) -> QuerySet[Claim]:
        """Claims of these coupons made in the period."""
        claims = Claim.objects.filter(claimed_at__gte=self.period.start, claimed_at__lt=self.period.end)
        return self.narrowed(claims, shopper="shopper_id")

    def redemptions(self) -> QuerySet[Redemption]:
        """Uses of these coupons on orders that were placed in the period and not refunded in full."""
        redemptions = Redemption.objects.filter(
            order__state=OrderState.REDEEMED,
            order__placed_at__gte=self.period.start,
            order__placed_at__lt=self.period.end,
        )
        return self.narrowed(redemptions, shopper="order__shopper_id")

    def paid_orders(self) -> QuerySet[Order]:
        """Orders placed in the period that were paid and not refunded in full, with a coupon or without."""
        orders = Order.objects.filter(
            state=OrderState.REDEEMED, placed_at__gte=self.period.start, placed_at__lt=self.period.end
        ).order_by()
        return orders.filter(self._is_tagged("shopper_id")) if self.tag else orders

    def shoppers(self) -> QuerySet[User]:
        """The shoppers who are meant; closed accounts and staff are left out."""
        shoppers = User.objects.shoppers().filter(is_active=True).order_by()
        return shoppers.filter(self._is_tagged("pk")) if self.tag else shoppers

    def is_with_coupon(self) -> Q:
        """Whether one of these coupons counted on an order: it was redeemed there or took something off."""
        redemptions = Redemption.objects.filter(order=OuterRef("pk"))
        if not self.has_coupon_choice:
            return Q(discount__gt=0) | Q(Exists(redemptions))
        discounts = OrderLineDiscount.objects.filter(line__order=OuterRef("pk"))
        return Q(Exists(self._with_coupon(discounts))) | Q(Exists(self._with_coupon(redemptions)))

    def narrowed(self, rows: QuerySet[Any], *, shopper: str) -> QuerySet[Any]:
        """Returns those rows that have one of these coupons, in `coupon`, and one of these shoppers."""
        rows = self._with_coupon(rows).order_by()
        return rows.filter(self._is_tagged(shopper)) if self.tag else rows

    def _with_coupon(self, rows: QuerySet[Any]) -> QuerySet[Any]:
        if self.campaign_id is not None:
            rows = rows.filter(coupon__campaigns=self.campaign_id)
        return rows if self.coupon_id is None else rows.filter(coupon=self.coupon_id)

    def _is_tagged(self, shopper: str) -> Exists:
        return Exists(Tag.objects.filter(name=self.tag, shopper=OuterRef(shopper)))


def is_without_coupon() -> Q:
    """Whether no coupon at all counted on an order."""
    return Q(discount=0) & ~Q(Exists(Redemption.objects.filter(order=OuterRef("pk"))))


def run(statement: str, *parts: QuerySet[Any] | Any) -> list[tuple[Any, ...]]:
    """Runs one statement in which each `{}` stands for a queryset, and each `%s` for a value, in order; returns all.

    A queryset becomes a subquery in brackets, so that a figure that needs SQL starts from the same rows as one that
    does not. Moments and lengths of time are written as the database keeps them.
    """
    subqueries: list[str] = []
    values: list[Any] = []
    for part in parts:
        if isinstance(part, QuerySet):
            text, inner = part.query.sql_with_params()
            subqueries.append(f"({text})")
            values += inner
        else:
            values.append(_as_kept(part))
    # Subqueries come from Django and hold no value; every value is a parameter.
    with connection.cursor() as cursor:
        cursor.execute(statement.format(*subqueries), values)
        rows: Sequence[tuple[Any, ...]] = cursor.fetchall()
    return list(rows)


def later_by(column: str) -> str:
    """Returns SQL for a moment in a column and a length of time after it, which is a `%s` to be given to `run`."""
    later: str = connection.ops.combine_duration_expression("+", [column, "%s"])
    return later


def _as_kept(value: Any) -> Any:
    if isinstance(value, datetime):
        return connection.ops.adapt_datetimefield_value(value)
    if isinstance(value, timedelta):
        return DurationField().get_db_prep_value(value, connection)
    return value
