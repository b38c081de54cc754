"""How many claims may be handed out: opening, topping up, withdrawing, and taking one."""

from __future__ import annotations

import secrets
from datetime import datetime

from django.db import connection, transaction
from django.db.models import F

from config.kernel.locks import busy_when_locked
from coupons.enums import StockMovementKind
from coupons.errors import SoldOut, StockTooSmall, StockUnlimited
from coupons.models import Coupon, ReleaseBatch, Stock, StockBucket, StockMovement
from coupons.services.gate import tell_gate_of_stock
from users.models import User


def stock_open(
    *,
    coupon: Coupon,
    released: int | None,
    reserve: int = 0,
    bucket_count: int = 1,
    actor: User | None,
    now: datetime,
    reason: str = "",
) -> Stock:
    """Gives a coupon its first stock.

    Args:
        released: how many claims may be handed out at once; None for an unlimited coupon.
        reserve: how many more are held back.
        bucket_count: over how many rows the stock is spread; 1 for an ordinary coupon, 16 for a rush.
    """
    with busy_when_locked(), transaction.atomic():
        stock = Stock.objects.create(
            coupon=coupon, is_unlimited=released is None, reserve=reserve, bucket_count=bucket_count
        )
        if released is not None:
            StockBucket.objects.bulk_create(
                StockBucket(coupon=coupon, number=number, remaining=0) for number in range(bucket_count)
            )
            if released:
                _release(stock, released, StockMovementKind.RELEASED, actor, now, reason)
    coupon.stock = stock
    return stock


def stock_top_up(*, coupon: Coupon, quantity: int, actor: User | None, now: datetime, reason: str = "") -> Stock:
    """Adds to what may be handed out.

    Raises:
        StockUnlimited: there is nothing to add to.
    """
    with busy_when_locked(), transaction.atomic():
        stock = stock_lock(coupon_id=coupon.pk)
        _release(stock, quantity, StockMovementKind.TOPPED_UP, actor, now, reason)
    return stock


def reserve_open(*, coupon: Coupon, quantity: int, actor: User | None, now: datetime, reason: str = "") -> Stock:
    """Moves stock from the reserve to what may be handed out.

    Raises:
        StockTooSmall: the reserve holds less than that.
        StockUnlimited: an unlimited coupon has no reserve.
    """
    with busy_when_locked(), transaction.atomic():
        stock = stock_lock(coupon_id=coupon.pk)
        if stock.reserve < quantity:
            raise StockTooSmall(reserve=stock.reserve)
        stock.reserve -= quantity
        stock.save(update_fields=["reserve"])
        _release(stock, quantity, StockMovementKind.RESERVE_OPENED, actor, now, reason)
    return stock


def stock_open_batch(*, stock: Stock, batch: ReleaseBatch, now: datetime) -> None:
    """Adds a batch to what may be handed out, inside the transaction that locked the stock."""
    _release(stock, batch.quantity, StockMovementKind.BATCH_OPENED, None, now, "")
    batch.opened_at = now
    batch.save(update_fields=["opened_at"])


def stock_withdraw(*, coupon: Coupon, quantity: int, actor: User | None, now: datetime, reason: str = "") -> Stock:
    """Takes back stock that nobody has claimed; claims already made are never touched.

    Raises:
        StockTooSmall: fewer than that are left.
        StockUnlimited: there is nothing to take from.
    """
    with busy_when_locked(), transaction.atomic():
        stock = stock_lock(coupon_id=coupon.pk)
        taken, rest = _take_many_from_all_buckets(coupon.pk, max(0, quantity))
        if quantity < 1 or quantity > taken:
            raise StockTooSmall(remaining=taken + rest)
        _note_movement(stock, -quantity, StockMovementKind.WITHDRAWN, actor, now, reason)
    return stock


def stock_take_one(*, coupon_id: int, stock: Stock) -> None:
    """Takes one unit inside the caller's transaction; a rollback gives it back.

    It takes from a bucket that nobody else is holding; finding none free proves nothing, so it then waits for
    those that are held.

    Raises:
        SoldOut: nothing is left, at an instant during this call.
    """
    if stock.is_unlimited:
        return
    if not (_take_from_free_bucket(coupon_id, stock.bucket_count) or _take_from_any_bucket(coupon_id)):
        raise SoldOut


def _take_from_free_bucket(coupon_id: int, bucket_count: int) -> bool:
    if not connection.features.has_select_for_update_skip_locked:
        return False
    # One round trip in place of a locking read and an update: the rush is here. Starting at a random bucket
    # spreads the takers. The savepoint matters when nothing was taken: a bucket that another emptied meanwhile
    # stays locked by the look at it, and waiting for further ones while holding it would be a deadlock.
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SAVEPOINT before_take;
            UPDATE coupons_stockbucket SET remaining = remaining - 1
            WHERE id = (
                SELECT id FROM coupons_stockbucket
                WHERE coupon_id = %s AND remaining > 0
                ORDER BY (number + %s) %% %s
                LIMIT 1 FOR UPDATE SKIP LOCKED
            )
            """,
            [coupon_id, secrets.randbelow(bucket_count), bucket_count],
        )
        if cursor.rowcount == 1:
            return True
        cursor.execute("ROLLBACK TO SAVEPOINT before_take")
        return False


def _take_from_any_bucket(coupon_id: int) -> bool:
    full = next((bucket for bucket in _hold_buckets(coupon_id, wanted=1) if bucket.remaining), None)
    if full is None:
        return False
    StockBucket.objects.filter(pk=full.pk).update(remaining=F("remaining") - 1)
    return True


def _hold_buckets(coupon_id: int, *, wanted: int) -> list[StockBucket]:
    # Waits for every bucket in turn, in the one order that all use. With all of them held the sum is exact, so
    # that "nothing left" is true at this instant and no unit can hide in another transaction.
    while True:
        buckets = list(StockBucket.objects.select_for_update().filter(coupon_id=coupon_id).order_by("pk"))
        if sum(bucket.remaining for bucket in buckets) >= wanted:
            return buckets
        # While this waited, the stock may have been spread over rows that it did not see.
        if len(buckets) == Stock.objects.values_list("bucket_count", flat=True).get(coupon_id=coupon_id):
            return buckets


def stock_take(*, coupon_id: int, stock: Stock, quantity: int) -> tuple[int, int]:
    """Takes up to so many units inside the caller's transaction; returns how many, and how many more are left.

    It takes them from one bucket that nobody else is holding, so that single claims go on with the others. Only when
    there is none with so many does it wait for every bucket in turn; with all of them held, what it returns is exact.
    """
    taken = _take_many_from_free_bucket(coupon_id, stock.bucket_count, quantity)
    return taken or _take_many_from_all_buckets(coupon_id, quantity)


def _take_many_from_free_bucket(coupon_id: int, bucket_count: int, quantity: int) -> tuple[int, int] | None:
    if not connection.features.has_select_for_update_skip_locked:
        return None
    # The savepoint is there for the reason told at `_take_from_free_bucket`.
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SAVEPOINT before_take;
            UPDATE coupons_stockbucket AS bucket SET remaining = remaining - %(quantity)s
            WHERE id = (
                SELECT id FROM coupons_stockbucket
                WHERE coupon_id = %(coupon)s AND remaining >= %(quantity)s
                ORDER BY (number + %(first)s) %% %(count)s
                LIMIT 1 FOR UPDATE SKIP LOCKED
            )
            RETURNING remaining + (
                SELECT coalesce(sum(remaining), 0) FROM coupons_stockbucket AS other
                WHERE other.coupon_id = %(coupon)s AND other.id <> bucket.id
            )
            """,
            {
                "coupon": coupon_id,
                "quantity": quantity,
                "first": secrets.randbelow(bucket_count),
                "count": bucket_count,
            },
        )
        row = cursor.fetchone()
        if row is not None:
            return quantity, int(row[0])
        cursor.execute("ROLLBACK TO SAVEPOINT before_take")
        return None


def _take_many_from_all_buckets(coupon_id: int, quantity: int) -> tuple[int, int]:
    buckets = _hold_buckets(coupon_id, wanted=quantity)
    total = sum(bucket.remaining for bucket in buckets)
    wanted = taken = min(total, quantity)
    for bucket in buckets:
        part = min(bucket.remaining, wanted)
        bucket.remaining -= part
        wanted -= part
    StockBucket.objects.bulk_update(buckets, ["remaining"])
    return taken, total - taken


def stock_lock(*, coupon_id: int) -> Stock:
    """Locks a coupon's stock inside the caller's transaction: first of all, so that nobody sees another's half.

    A claim does so only while somebody waits for the coupon.

    Raises:
        StockUnlimited: there is nothing to change.
    """
    stock = Stock.objects.select_for_update().get(coupon_id=coupon_id)
    if stock.is_unlimited:
        raise StockUnlimited
    return stock


def _release(
    stock: Stock, quantity: int, kind: StockMovementKind, actor: User | None, now: datetime, reason: str
) -> None:
    if quantity < 1:
        raise StockTooSmall(remaining=quantity)
    tell_gate_of_stock(public_id=stock.coupon.public_id, stock=stock)
    share, rest = divmod(quantity, stock.bucket_count)
    for bucket in StockBucket.objects.filter(coupon_id=stock.coupon_id).order_by("pk"):
        added = share + (1 if bucket.number < rest else 0)
        if added:
            StockBucket.objects.filter(pk=bucket.pk).update(remaining=F("remaining") + added)
    _note_movement(stock, quantity, kind, actor, now, reason)


def _note_movement(
    stock: Stock, quantity: int, kind: StockMovementKind, actor: User | None, now: datetime, reason: str
) -> None:
    Stock.objects.filter(pk=stock.pk).update(released=F("released") + quantity)
    stock.released += quantity
    StockMovement.objects.create(
        coupon_id=stock.coupon_id, kind=kind, quantity=quantity, actor=actor, reason=reason, created_at=now
    )
