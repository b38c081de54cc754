"""Claims made many at a time: the granter of a queue beside bare inserts, and a grant to a large audience."""

from __future__ import annotations

import resource
import statistics
import time
from dataclasses import dataclass, field
from threading import Event
from typing import Any
from uuid import UUID, uuid4

from django.db import connection, transaction
from psycopg2.extras import execute_values, register_uuid

from benchmarks.prepare import assert_exact, open_coupon
from campaigns.services.grants import CHUNK, grant_create, grant_run, grant_start
from config.kernel.clock import database_now, shop_date
from config.kernel.progress import progress, progress_steps
from coupons.enums import AudienceKind
from coupons.models import Claim, ClaimCounter, ClaimEntry, ClaimTicket, Coupon
from coupons.queue import Queue
from coupons.services.granting import BATCH, Granter
from users.models import User

BLOCK = "batches"
BUCKETS = 16
ROUNDS = 5
PLACES = 20_000
# Shoppers written in one statement.
ROWS = 2_000
# What one claim of a queue leaves behind, in the order of their foreign keys; the stock is one row for all.
TABLES = (Claim, ClaimEntry, ClaimCounter, ClaimTicket)


@dataclass
class Rates:
    """Claims per second, round by round, of the granter and of the same rows inserted bare."""

    granter: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)


def measure_batches(*, audience: int) -> str:
    """Measures both; returns the table as Markdown.

    Args:
        audience: how many shoppers the grant goes to.

    Raises:
        AssertionError: somebody got no claim, or two, or the stock does not add up.
    """
    shoppers = _make_shoppers(audience)
    rates = _measure_granter(shoppers[:PLACES])
    everybody, seconds, growth = _measure_grant()
    ratio = statistics.median(mine / bare for mine, bare in zip(rates.granter, rates.bare, strict=True))
    return "\n".join(
        [
            f"| f, {ROUNDS} rounds of {min(PLACES, audience):,} | claims/s | slowest – fastest round |",
            "|---|--:|--:|",
            _line(f"granter, batches of {BATCH}", rates.granter),
            _line("the same rows by bare multi-row INSERTs", rates.bare),
            f"| granter/bare | {ratio:.2f} | |",
            "",
            f"A grant to {everybody:,} shoppers in chunks of {CHUNK:,}, by one worker: {seconds:,.0f} s, "
            f"{everybody / seconds:,.0f} claims/s; the worker's memory grew by {growth:,.0f} MiB.",
        ]
    )


def _line(name: str, rates: list[float]) -> str:
    return f"| {name} | {statistics.median(rates):,.0f} | {min(rates):,.0f} – {max(rates):,.0f} |"


def _make_shoppers(count: int) -> list[int]:
    made: list[int] = []
    with progress_steps(label="Making shoppers", total=count, unit="shopper") as progressed:
        for start in range(0, count, ROWS):
            numbers = range(start, min(start + ROWS, count))
            shoppers = User.objects.bulk_create(User(username=f"batch-{number}", password="!") for number in numbers)
            made += [shopper.pk for shopper in shoppers]
            progressed(len(shoppers))
    return made


# The granter


def _measure_granter(shoppers: list[int]) -> Rates:
    rates = Rates()
    for _round in progress(range(ROUNDS), label="Serving queues", unit="round"):
        coupon = open_coupon(stock=len(shoppers), bucket_count=BUCKETS, is_queued=True)
        _fill(coupon, shoppers)
        started = time.perf_counter()
        served = Granter(consumer="bench", stop=Event()).drain()
        rates.granter.append(served / (time.perf_counter() - started))
        assert_exact(coupon, claimed=len(shoppers))
        batches = _rows_again(coupon, open_coupon(stock=0, bucket_count=1))
        started = time.perf_counter()
        for batch in batches:
            _insert(batch)
        rates.bare.append(len(shoppers) / (time.perf_counter() - started))
    return rates


def _fill(coupon: Coupon, shoppers: list[int]) -> None:
    queue, now = Queue(coupon.public_id), database_now()
    for shopper in shoppers:
        queue.accept(ticket=uuid4(), shopper=shopper, is_open=True, limit=1, now=now, day=shop_date(now))
    queue.announce()


def _rows_again(coupon: Coupon, other: Coupon) -> list[dict[Any, list[dict[str, Any]]]]:
    """Returns what the granter wrote, as rows of another coupon, in batches of its size."""
    claims = _rows("SELECT * FROM coupons_claim WHERE coupon_id = %s ORDER BY id", coupon)
    entries = _rows(
        "SELECT entry.* FROM coupons_claimentry entry JOIN coupons_claim claim ON claim.id = claim_id "
        "WHERE coupon_id = %s ORDER BY claim_id",
        coupon,
    )
    counters = {
        row["shopper_id"]: row for row in _rows("SELECT * FROM coupons_claimcounter WHERE coupon_id = %s", coupon)
    }
    tickets = {row["claim_id"]: row for row in _rows("SELECT * FROM coupons_claimticket WHERE coupon_id = %s", coupon)}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT nextval(pg_get_serial_sequence('coupons_claim', 'id')) FROM generate_series(1, %s)", [len(claims)]
        )
        ids = [number for (number,) in cursor.fetchall()]
    rows = []
    for claim, entry, number in zip(claims, entries, ids, strict=True):
        assert entry["claim_id"] == claim["id"]
        counter, ticket = counters[claim["shopper_id"]], tickets[claim["id"]]
        # The database numbers entries and counters itself, for the granter too.
        rows.append(
            {
                Claim: {**claim, "id": number, "public_id": uuid4(), "coupon_id": other.pk},
                ClaimEntry: {**entry, "claim_id": number, "id": None},
                ClaimCounter: {**counter, "coupon_id": other.pk, "id": None},
                ClaimTicket: {**ticket, "id": uuid4(), "coupon_id": other.pk, "claim_id": number},
            }
        )
    batches = [rows[start : start + BATCH] for start in range(0, len(rows), BATCH)]
    return [{table: [_without_none(row[table]) for row in batch] for table in TABLES} for batch in batches]


def _rows(sql: str, coupon: Coupon) -> list[dict[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(sql, [coupon.pk])
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


def _without_none(row: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if value is not None}


def _insert(batch: dict[Any, list[dict[str, Any]]]) -> None:
    register_uuid()
    with transaction.atomic(), connection.cursor() as cursor:
        for table, rows in batch.items():
            names = list(rows[0])
            execute_values(
                cursor.cursor,
                f"INSERT INTO {table._meta.db_table} ({', '.join(names)}) VALUES %s",
                [[_adapted(row[name]) for name in names] for row in rows],
                page_size=len(rows),
            )


def _adapted(value: Any) -> Any:
    return str(value) if isinstance(value, UUID) else value


# A grant


def _measure_grant() -> tuple[int, float, float]:
    """Returns to how many a grant went, how many seconds it took, and by how many MiB this process grew meanwhile."""
    audience = User.objects.filter(is_active=True).count()
    coupon = open_coupon(stock=audience, bucket_count=BUCKETS)
    grant = grant_create(coupon=coupon, audience=AudienceKind.EVERYONE, actor=None, now=database_now())
    grant_start(grant=grant, actor=None, now=database_now(), wakes_worker=False)
    before, started = _memory(), time.perf_counter()
    with progress_steps(label="Granting", total=audience, unit="shopper") as progressed:
        grant_run(grant_id=grant.pk, clock=database_now, seconds=None, progressed=progressed)
    seconds = time.perf_counter() - started
    assert_exact(coupon, claimed=audience)
    assert Claim.objects.filter(coupon=coupon).values("shopper").distinct().count() == audience
    return audience, seconds, _memory() - before


def _memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
