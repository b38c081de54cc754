"""Coupons as this process saw them a moment ago, so that a rush does not read the same row thousands of times.

Nothing is granted on their word: a claim is written only if the coupon's row is still the one that was read here, and
is judged anew otherwise.
"""

from __future__ import annotations

import time
from threading import Lock
from uuid import UUID

from django.db import connection

from config.kernel.errors import NotFound
from coupons.enums import CouponStatus
from coupons.models import Coupon, Stock

FRESH_SECONDS = 1.0
PLACES = 1_000

# PostgreSQL gives a row a new `xmin` with every change; on SQLite nothing is granted by it.
READ_COUPON = """
    SELECT coupon.*, {version} AS version, stock.is_unlimited, stock.bucket_count,
        EXISTS (SELECT 1 FROM coupons_envelope WHERE coupon_id = coupon.id) AS has_envelope
    FROM coupons_coupon AS coupon LEFT JOIN coupons_stock AS stock ON stock.coupon_id = coupon.id
    WHERE coupon.public_id = %s
"""


class Shelf:
    """Coupons by public id, each for a second."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._known: dict[UUID, tuple[float, Coupon]] = {}

    def get(self, public_id: UUID) -> Coupon:
        """Returns a coupon; to be read only, other threads have the same.

        It carries `version`, `has_envelope`, its stock with `is_unlimited` and `bucket_count`, and `written`, a place
        where faces keep what they make of it.

        Raises:
            NotFound: there is none.
        """
        read_at, coupon = self._known.get(public_id, (0.0, None))
        if coupon is not None and time.monotonic() - read_at < FRESH_SECONDS:
            return coupon
        coupon = _read(public_id)
        # Whoever publishes it wants to see it at once.
        if coupon.status == CouponStatus.DRAFT:
            return coupon
        with self._lock:
            if len(self._known) >= PLACES:
                self._known.clear()
            self._known[public_id] = (time.monotonic(), coupon)
        return coupon

    def forget(self, public_id: UUID) -> None:
        """Reads a coupon anew the next time."""
        self._known.pop(public_id, None)


shelf = Shelf()


def _read(public_id: UUID) -> Coupon:
    is_postgresql = connection.vendor == "postgresql"
    sql = READ_COUPON.format(version="coupon.xmin::text" if is_postgresql else "NULL")
    found = list(Coupon.objects.raw(sql, [public_id if is_postgresql else public_id.hex]))
    if not found:
        raise NotFound(parameter="coupon")
    coupon = found[0]
    beside = vars(coupon)
    beside["written"] = {}
    if beside["bucket_count"] is not None:
        coupon.stock = Stock.from_db(
            connection.alias,
            ["coupon_id", "is_unlimited", "bucket_count"],
            [coupon.pk, bool(beside["is_unlimited"]), beside["bucket_count"]],
        )
    return coupon
