"""How fast queues are served, beside the plainest way to write the same rows."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from threading import Event
from uuid import uuid4

from django.db import connection, transaction
from psycopg2.extras import execute_values

from benchmarks.prepare import assert_exact, open_coupon
from config.kernel.bulk import IdSource
from config.kernel.clock import database_now, shop_date
from config.kernel.ids import uuid7
from config.kernel.progress import progress
from coupons.enums import ClaimChannel, ClaimState
from coupons.models import Claim, Coupon
from coupons.queue import Queue, ticket_id_of
from coupons.services.granting import Granter
from users.models import User

SHOPPERS = 20_000
ROUNDS = 3
BATCH = 500


@dataclass(frozen=True)
class GrantingFigures:
    """Claims per second, round by round: through the queue, and as bare rows."""

    granter: list[float]
    raw: list[float]

    @property
    def granter_per_second(self) -> float:
        return statistics.median(self.granter)

    @property
    def raw_per_second(self) -> float:
        return statistics.median(self.raw)

    @property
    def ratio(self) -> float:
        """The middle of the ratios of rounds side by side."""
        return statistics.median(ours / theirs for ours, theirs in zip(self.granter, self.raw, strict=True))


def measure_granting(*, shoppers: int = SHOPPERS, rounds: int = ROUNDS, batch: int = BATCH) -> GrantingFigures:
    """Measures both in turns and prints them.

    The granter serves a queue of so many shoppers, each of whom gets a claim: limits, stock, ledger and answers
    included, and the places taken off the queue. The raw way writes the same claims, ledger entries and tickets by
    multi-row INSERT, as many in a transaction, and asks nobody anything.

    Args:
        batch: claims in a transaction.
    """
    crowd = [
        shopper.pk
        for shopper in User.objects.bulk_create(
            [User(username=f"queue-{number}", password="!") for number in range(shoppers)], batch_size=1000
        )
    ]
    figures = GrantingFigures([], [])
    ways: list[tuple[list[float], Callable[[Sequence[int], int], float]]] = [
        (figures.granter, _serve_a_queue),
        (figures.raw, _write_bare_rows),
    ]
    # The first round of each warms up.
    steps = [(turn, rates, way) for turn in range(rounds + 1) for rates, way in ways]
    for turn, rates, way in progress(steps, label="Granting", unit="round"):
        rate = way(crowd, batch)
        if turn:
            rates.append(rate)
    print(
        f"granter {figures.granter_per_second:,.0f} claims/s, bare rows {figures.raw_per_second:,.0f} claims/s, "
        f"ratio {figures.ratio:.2f}, {batch} in a transaction"
    )
    return figures


def _serve_a_queue(crowd: Sequence[int], batch: int) -> float:
    coupon, now = _coupon(len(crowd))
    queue = Queue(coupon.public_id)
    queue.announce()
    for shopper in crowd:
        ticket = ticket_id_of(caller=f"user:{shopper}", key="once", coupon_id=coupon.pk, shopper_id=shopper)
        queue.accept(ticket=ticket, shopper=shopper, is_open=True, limit=1, now=now, day=shop_date(now))
    began = time.perf_counter()
    served = Granter(consumer="benchmark", stop=Event(), batch=batch).drain()
    seconds = time.perf_counter() - began
    assert served == len(crowd)
    assert_exact(coupon, claimed=len(crowd))
    return len(crowd) / seconds


def _write_bare_rows(crowd: Sequence[int], batch: int) -> float:
    coupon, now = _coupon(len(crowd))
    source = IdSource(Claim)
    ids = [source.take() for _shopper in crowd]
    usable_from, expires_at = coupon.usable_window(now)
    # Everything is at hand before the clock starts.
    batches = []
    for chosen in _parts(list(zip(ids, crowd, strict=True)), batch):
        claims = [
            (
                pk,
                str(uuid7()),
                coupon.pk,
                shopper,
                1,
                ClaimState.AVAILABLE,
                ClaimChannel.QUEUE,
                0,
                now,
                usable_from,
                expires_at,
            )
            for pk, shopper in chosen
        ]
        entries = [(pk, "", ClaimState.AVAILABLE, "claimed", "{}", now) for pk, _shopper in chosen]
        tickets = [
            (str(uuid4()), coupon.pk, shopper, pk, "", "{}", number, now) for number, (pk, shopper) in enumerate(chosen)
        ]
        batches.append((claims, entries, tickets))
    began = time.perf_counter()
    for claims, entries, tickets in batches:
        with transaction.atomic(), connection.cursor() as wrapper:
            cursor = wrapper.cursor
            execute_values(
                cursor,
                "INSERT INTO coupons_claim (id, public_id, coupon_id, shopper_id, ordinal, state, channel, gift_depth, "
                "claimed_at, usable_from, expires_at) VALUES %s",
                claims,
                page_size=batch,
            )
            execute_values(
                cursor,
                "INSERT INTO coupons_claimentry (claim_id, from_state, to_state, reason, data, created_at) VALUES %s",
                entries,
                page_size=batch,
            )
            execute_values(
                cursor,
                "INSERT INTO coupons_claimticket "
                "(id, coupon_id, shopper_id, claim_id, code, data, arrival, answered_at) VALUES %s",
                tickets,
                page_size=batch,
            )
    return len(crowd) / (time.perf_counter() - began)


def _coupon(stock: int) -> tuple[Coupon, datetime]:
    return open_coupon(stock=stock, bucket_count=16, is_queued=True), database_now()


def _parts(items: list[tuple[int, int]], size: int) -> Iterator[list[tuple[int, int]]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
