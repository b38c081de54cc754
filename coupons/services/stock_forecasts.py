"""Forecasts of stock, as the nightly run hands them down."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db import transaction

from coupons.models import StockForecast

FIELDS = [
    "made_at", "claims_past", "claims_ahead", "claims_a_day", "redemptions_a_week", "uses_of_held",
    "days_of_cover", "runs_out_at", "budget_days", "budget_ends_at", "top_up", "batches",
]  # fmt: skip
BATCH_ROWS = 1000


def stock_forecasts_replace(*, forecasts: Iterable[StockForecast]) -> int:
    """Makes the forecasts exactly these, all or nothing; returns how many there are.

    Args:
        forecasts: not saved yet, each of another coupon.
    """
    rows: Sequence[StockForecast] = list(forecasts)
    with transaction.atomic():
        StockForecast.objects.exclude(pk__in=[row.coupon_id for row in rows]).delete()
        # Always in the order of their keys, so that two runs wait for each other instead of locking up.
        StockForecast.objects.bulk_create(
            sorted(rows, key=lambda row: row.coupon_id),
            batch_size=BATCH_ROWS,
            update_conflicts=True,
            unique_fields=["coupon"],
            update_fields=FIELDS,
        )
    return len(rows)
