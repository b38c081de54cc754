"""A made-up shop of any size, the same every time: shoppers, what they did and bought, coupons, campaigns, claims."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.db import connection, transaction

from benchmarks.nightly import statements
from benchmarks.nightly.offers import make_offers
from config.kernel.clock import database_now
from config.kernel.progress import progress

# Everything that refers to these goes too: orders, claims, messages, decisions.
EMPTIED = (
    "users_user",
    "coupons_category",
    "coupons_coupon",
    "coupons_affinityedition",
    "campaigns_campaign",
    "analytics_run",
    "analytics_segment",
)
SETTINGS = (
    # Only made-up rows: nothing refers to them that is not made here.
    "SET LOCAL session_replication_role = replica",
    "SET LOCAL maintenance_work_mem = '1GB'",
    "SET LOCAL work_mem = '256MB'",
)

# Indexes that no foreign key needs, with what makes them again. Those of a part of the rows cost little as they are.
INDEXES = """
SELECT entry.indrelid::regclass::text, entry.indexrelid::regclass::text, own.conname,
       COALESCE(pg_get_constraintdef(own.oid), pg_get_indexdef(entry.indexrelid))
FROM pg_index AS entry
LEFT JOIN pg_constraint AS own ON own.conindid = entry.indexrelid AND own.contype = 'u'
WHERE entry.indrelid = ANY(%s::regclass[]) AND NOT entry.indisprimary AND entry.indpred IS NULL
  AND NOT EXISTS (SELECT 1 FROM pg_constraint AS other WHERE other.conindid = entry.indexrelid AND other.contype = 'f')
"""


def make_shop(*, shoppers: int) -> None:
    """Empties the database and fills it anew, in one transaction; what depends on chance comes from a fixed seed.

    Whoever calls it lets the planner know afterwards (`settle`).
    """
    with transaction.atomic(), connection.cursor() as cursor:
        for setting in SETTINGS:
            cursor.execute(setting)
        cursor.execute(f"TRUNCATE {', '.join(EMPTIED)} RESTART IDENTITY CASCADE")
        cursor.execute("SELECT setseed(0.7)")
        now = database_now() - timedelta(minutes=1)
        cursor.execute(statements.SHELVES_AND_PRODUCTS, {})
        offers = make_offers(shoppers=shoppers, now=now)
        parameters: dict[str, Any] = {
            "now": now,
            "count": shoppers,
            "ended": offers.ended,
            "limited": offers.limited,
            "allocated": offers.allocated,
            "campaigns": offers.ended_campaigns,
            "chosen": offers.chosen,
            "experiment": offers.experiment,
            "salt": offers.salt,
            "border": offers.border,
        }
        steps = (
            statements.SHOPPERS,
            statements.EVENTS,
            statements.ORDERS_TO_COME,
            statements.ORDERS,
            statements.LINES,
            statements.CLAIMS,
            statements.REDEMPTIONS,
            statements.RECIPIENTS,
            statements.EXPOSURES,
            statements.MESSAGES,
        )
        with _without_indexes():
            for step in progress(steps, label=f"Making {shoppers:,} shoppers", unit="step"):
                cursor.execute(step, parameters)


def settle() -> None:
    """Lets the planner know what is there, and leaves nothing to be written while something is measured."""
    with connection.cursor() as cursor:
        cursor.execute(f"VACUUM ANALYZE {', '.join(statements.GROWING)}")
        cursor.execute("ANALYZE")
        cursor.execute("CHECKPOINT")


@contextmanager
def _without_indexes() -> Iterator[None]:
    """Builds the indexes of what grows in one go, which takes a fraction of the time."""
    with connection.cursor() as cursor:
        cursor.execute(INDEXES, [list(statements.GROWING)])
        found = cursor.fetchall()
        for table, index, constraint, _ in found:
            cursor.execute(f"ALTER TABLE {table} DROP CONSTRAINT {constraint}" if constraint else f"DROP INDEX {index}")
        yield
        for table, _, constraint, definition in progress(found, label="Building indexes", unit="index"):
            cursor.execute(
                f"ALTER TABLE {table} ADD CONSTRAINT {constraint} {definition}" if constraint else definition
            )
