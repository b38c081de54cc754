"""How many rows a coupon's stock lies in: more while a crowd wants it, one when the crowd has gone."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from threading import Lock

import structlog
from django.db import connection, transaction
from django.db.models import Exists, OuterRef

from config.kernel.errors import Busy
from config.kernel.locks import busy_when_locked
from coupons.models import Claim, Coupon, Stock, StockBucket
from coupons.services.gate import tell_gate_of_stock

# So many claimers of one process that find every row held, within a second, are a crowd.
CROWD = 8
CROWD_SECONDS = 1.0
MOST_BUCKETS = 64
STEP = 4
COLD_AFTER = timedelta(hours=1)
# Spreading is a courtesy: it waits less long for its locks than a shopper would.
SPREAD_LOCK_TIMEOUT = "500ms"

logger = structlog.get_logger(__name__)


class CrowdCounter:
    """Counts meetings at a coupon's stock, second by second; the threads of a process share it."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._lock = Lock()
        self._clock = clock
        self._met: dict[int, tuple[float, int]] = {}

    def is_crowd(self, coupon_id: int) -> bool:
        """Counts one more meeting; tells whether it makes a crowd, once for each crowd."""
        now = self._clock()
        with self._lock:
            since, count = self._met.get(coupon_id, (now, 0))
            if now - since > CROWD_SECONDS:
                since, count = now, 0
            count += 1
            if count >= CROWD:
                del self._met[coupon_id]
                return True
            if len(self._met) > 1_000:
                self._met.clear()
            self._met[coupon_id] = (since, count)
        return False


crowds = CrowdCounter()


def note_crowd(coupon_id: int) -> None:
    """Notes that a claimer found every row of a coupon's stock held; spreads it wider when many do."""
    # Inside a caller's transaction the spread would be held until its end.
    if not connection.in_atomic_block and crowds.is_crowd(coupon_id):
        with suppress(Busy):
            stock_spread_wider(coupon_id=coupon_id)


def stock_spread_wider(*, coupon_id: int) -> int:
    """Spreads a coupon's stock over four times as many rows, up to 64; returns over how many it lies now.

    Raises:
        Busy: the rows were not to be had within half a second; nothing was changed.
    """
    with busy_when_locked(), transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT set_config('lock_timeout', %s, true)", [SPREAD_LOCK_TIMEOUT])
        stock = Stock.objects.select_for_update().get(coupon_id=coupon_id)
        if not stock.is_unlimited:
            _lay_out(stock, min(MOST_BUCKETS, stock.bucket_count * STEP))
    return stock.bucket_count


def stock_gather_cold(*, now: datetime, progressed: Callable[[int], object] = lambda _coupons: None) -> int:
    """Puts the stock of coupons that nobody wants any more back into one row each; returns how many.

    A coupon keeps its rows until an hour after its window has opened, since its crowd may still come.

    Args:
        progressed: called with 1 after each coupon.
    """
    is_wanted = Exists(Claim.objects.filter(coupon=OuterRef("pk"), claimed_at__gt=now - COLD_AFTER))
    cold = Coupon.objects.filter(~is_wanted, stock__bucket_count__gt=1, claim_starts_at__lte=now - COLD_AFTER)
    gathered = 0
    for coupon_id in cold.order_by("pk").values_list("pk", flat=True):
        with busy_when_locked(), transaction.atomic():
            gathered += _lay_out(Stock.objects.select_for_update().get(coupon_id=coupon_id), 1)
        progressed(1)
    return gathered


def _lay_out(stock: Stock, bucket_count: int) -> bool:
    """Lays a locked stock out over so many rows; tells whether it lay otherwise."""
    # Whoever waits for these rows finds after the commit that there are other ones: see `stock_take_one`.
    buckets = list(StockBucket.objects.select_for_update().filter(coupon_id=stock.coupon_id).order_by("pk"))
    if bucket_count == stock.bucket_count:
        return False
    tell_gate_of_stock(public_id=stock.coupon.public_id, stock=stock)
    share, rest = divmod(sum(bucket.remaining for bucket in buckets), bucket_count)
    by_number = {bucket.number: bucket for bucket in buckets}
    for number in range(bucket_count):
        bucket = by_number.pop(number, None) or StockBucket(coupon_id=stock.coupon_id, number=number)
        bucket.remaining = share + (1 if number < rest else 0)
        bucket.save()
    StockBucket.objects.filter(pk__in=[bucket.pk for bucket in by_number.values()]).delete()
    logger.info("stock_laid_out", coupon=str(stock.coupon.public_id), before=stock.bucket_count, after=bucket_count)
    stock.bucket_count = bucket_count
    stock.save(update_fields=["bucket_count"])
    return True
