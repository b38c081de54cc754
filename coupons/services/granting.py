"""Serving the queues of coupons in queued mode: places become claims, many in one transaction."""

from __future__ import annotations

import json
import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

import structlog
from django.db import DatabaseError, InterfaceError, close_old_connections, connection, transaction

from config.kernel.bulk import copy_rows
from config.kernel.clock import database_now
from config.kernel.errors import Busy, DomainError
from config.kernel.job_reports import note_more
from config.kernel.locks import busy_when_locked, is_busy, try_transaction_lock
from coupons.enums import ClaimChannel, TicketState
from coupons.gate import Gate, GateAway
from coupons.models import Claim, ClaimTicket, Coupon
from coupons.queue import Queue, coupons_with_queues
from coupons.queue.queue import Answer, Entry
from coupons.selectors.queued import queued_coupons_live
from coupons.services.bulk_claims import claims_create_many
from coupons.services.claim_writing import coupon_with_stock
from coupons.services.gate import word_of
from coupons.services.queueing import refusal_data
from users.models import User

BATCH = 500
# How long a granter waits for the first place of a quiet queue, all queues together.
WAIT_MILLISECONDS = 50
# Between two looks when there is no queue at all, or Redis or the database is away, in seconds.
REST_SECONDS = 0.2
# Between two looks at which queues there are, in seconds.
REGISTER_SECONDS = 0.2
# A queue that was never announced, because its web worker died just then, is found in the database after so many
# seconds.
DATABASE_SECONDS = 5.0
# A word of the database counts for a second at the gate; refused shoppers need no place in the queue.
WORD_SECONDS = 0.3
# Between two reports of what was answered, in seconds; see `coupons.gauges`. A granter that is killed takes so many
# seconds of them along.
REPORT_SECONDS = 5.0
# Under this name they are kept for the page of metrics: what became of places, and how many batches failed.
JOB = "serve queues"
BATCHES_FAILED = "batches_failed"

TICKET_COLUMNS = ("id", "coupon_id", "shopper_id", "claim_id", "code", "data", "arrival", "answered_at")

logger = structlog.get_logger(__name__)


class Stop(Protocol):
    """What tells a granter to end, such as `threading.Event` or a signal."""

    def is_set(self) -> bool:
        """Tells whether to end."""

    def wait(self, timeout: float, /) -> object:
        """Returns after so many seconds, or as soon as it is to end."""


class Granter:
    """One process that serves all queues until it is told to stop; several beside each other take turns.

    A coupon is served by one granter at a time, so that its shoppers are served in the order in which they came.
    """

    def __init__(self, *, consumer: str, stop: Stop, batch: int = BATCH) -> None:
        """Prepares a granter.

        Args:
            consumer: its name among those who serve, of its own.
            stop: asked after each batch.
            batch: how many places are served in one transaction.
        """
        self._consumer = consumer
        self._stop = stop
        self._batch = batch
        self._sizes: dict[UUID, int] = {}
        self._coupons: list[UUID] = []
        self._live: list[UUID] = []
        self._looked_at = self._asked_at = -math.inf
        self._words: dict[UUID, float] = {}
        self._unreported: Counter[str] = Counter()
        self._reported_at = -math.inf

    def run(self, *, progressed: Callable[[int], object] = lambda _served: None) -> None:
        """Serves until it is told to stop."""
        while not self._stop.is_set():
            self._round(progressed)
        self._leave()

    def drain(self, *, progressed: Callable[[int], object] = lambda _served: None) -> int:
        """Serves until every queue is empty; returns how many places were served.

        Raises:
            GateAway: Redis does not answer.
            Busy: the database does not.
        """
        served, is_done = 0, False
        while not is_done and not self._stop.is_set():
            is_done = True
            for coupon in coupons_with_queues():
                while Queue(coupon).length() and not self._stop.is_set():
                    is_done = False
                    done = self.serve(coupon)
                    served += done or 0
                    progressed(done or 0)
                    if done is None:
                        self._stop.wait(REST_SECONDS)
        self._coupons = coupons_with_queues()
        self._leave()
        return served

    def serve(self, coupon: UUID) -> int | None:
        """Serves one batch; returns how many places, or None when another granter is serving this coupon.

        Raises:
            GateAway, Busy: nothing was granted, or it was and will be found so.
        """
        size = self._sizes.pop(coupon, self._batch)
        try:
            served = batch_grant(
                public_id=coupon,
                consumer=self._consumer,
                size=size,
                drops_what_fails=size == 1,
                answered=self._unreported.update,
            )
        except (GateAway, Busy):
            raise
        except Exception:
            # One place that cannot be served must not hold up all behind it: smaller batches close in on it.
            logger.exception("batch_failed", coupon=str(coupon), size=size)
            self._unreported[BATCHES_FAILED] += 1
            self._sizes[coupon] = max(1, size // 2)
            return 0
        if size < self._batch:
            self._sizes[coupon] = size * 2
        return served

    def _round(self, progressed: Callable[[int], object]) -> None:
        try:
            self._look_around()
            is_idle = True
            for coupon in self._coupons:
                is_idle &= not self._serve_while_busy(coupon, progressed)
            if time.monotonic() - self._reported_at >= REPORT_SECONDS:
                self._report()
            if not self._coupons or is_idle:
                self._wait_for_places()
        except (GateAway, Busy) as error:
            logger.warning("granter_rests", reason=type(error).__name__)
            self._rest()
        except Exception as error:
            if not is_busy(error):
                raise
            logger.warning("granter_rests", reason=type(error).__name__)
            self._rest()

    def _look_around(self) -> None:
        if time.monotonic() - self._looked_at < REGISTER_SECONDS:
            return
        announced = coupons_with_queues()
        self._looked_at = time.monotonic()
        if time.monotonic() - self._asked_at >= DATABASE_SECONDS:
            self._live = queued_coupons_live(now=database_now())
            self._asked_at = time.monotonic()
        self._coupons = [*announced, *(coupon for coupon in self._live if coupon not in announced)]
        for coupon in announced:
            if time.monotonic() - self._words.get(coupon, -math.inf) >= WORD_SECONDS:
                self._words[coupon] = time.monotonic()
                word_renew(public_id=coupon)

    def _serve_while_busy(self, coupon: UUID, progressed: Callable[[int], object]) -> bool:
        """Serves one batch of a coupon; tells whether there was anything to do."""
        if self._stop.is_set() or not Queue(coupon).length():
            return False
        served = self.serve(coupon)
        progressed(served or 0)
        return served is not None

    def _wait_for_places(self) -> None:
        close_old_connections()
        if not self._coupons:
            self._rest()
            return
        share = max(1, WAIT_MILLISECONDS // len(self._coupons))
        for coupon in self._coupons:
            if self._stop.is_set() or Queue(coupon).wait(share):
                # Where another granter is serving, there is something all the time.
                self._stop.wait(0.005)
                return

    def _rest(self) -> None:
        if not connection.in_atomic_block:
            connection.close()
        self._stop.wait(REST_SECONDS)

    def _report(self) -> None:
        self._reported_at = time.monotonic()
        if not self._unreported:
            return
        try:
            note_more(job=JOB, numbers=self._unreported, now=database_now())
        except (DatabaseError, InterfaceError):
            # They are told the next time.
            logger.warning("granter_not_reported", exc_info=True)
        else:
            self._unreported.clear()

    def _leave(self) -> None:
        self._report()
        try:
            for coupon in self._coupons:
                Queue(coupon).leave(self._consumer)
        except GateAway:
            logger.warning("granter_left_silently")


def batch_grant(
    *,
    public_id: UUID,
    consumer: str,
    size: int = BATCH,
    drops_what_fails: bool = False,
    answered: Callable[[Iterable[str]], object] = lambda _outcomes: None,
) -> int | None:
    """Serves the next places of a coupon's queue, in their order, in one transaction.

    A place is taken off the queue only after the commit. If that never happens, it is served again, and found answered:
    the answer was committed with the claim.

    Args:
        consumer: who serves.
        size: how many places at most.
        drops_what_fails: takes the places off the queue, unanswered, when they cannot be served.
        answered: called with what became of the places, when they are off the queue: `granted`, the code of the
            refusal, or `lost`.

    Returns:
        How many places were taken off the queue; None when another granter is serving this coupon.

    Raises:
        GateAway: Redis does not answer; whatever was committed is found answered next time.
        Busy: the database does not.
    """
    queue = Queue(public_id)
    taken: list[Entry] = []
    try:
        with busy_when_locked(), transaction.atomic():
            if not try_transaction_lock(f"granting {public_id}"):
                return None
            taken, unreadable = queue.take(consumer, size)
            answers = batch_answer(public_id=public_id, entries=taken, now=database_now())
    except (GateAway, Busy):
        raise
    except Exception:
        if not drops_what_fails:
            raise
        logger.exception("places_dropped", coupon=str(public_id), tickets=[str(entry.ticket) for entry in taken])
        answers, unreadable = [Answer(entry, TicketState.LOST) for entry in taken], []
    if unreadable:
        logger.error("places_unreadable", coupon=str(public_id), entries=unreadable)
        queue.drop(unreadable)
    queue.answer(answers)
    answered([*(answer.code or answer.state for answer in answers), *(TicketState.LOST for _entry in unreadable)])
    return len(answers) + len(unreadable)


def batch_answer(*, public_id: UUID, entries: Sequence[Entry], now: datetime) -> list[Answer]:
    """Makes claims for places and writes their answers, inside the caller's transaction.

    Places that were answered before keep their answer. A shopper's second place is left for the next batch.

    Returns:
        An answer for each place that has one now.
    """
    if not entries:
        return []
    coupon_id = Coupon.objects.filter(public_id=public_id).values_list("pk", flat=True).first()
    if coupon_id is None:
        # The queue of a coupon that was deleted, or of another database.
        return [Answer(entry, TicketState.LOST) for entry in entries]
    before = ClaimTicket.objects.in_bulk([entry.ticket for entry in entries])
    answers = [_answer_again(entry, before[entry.ticket]) for entry in entries if entry.ticket in before]
    firsts: dict[int, Entry] = {}
    for entry in entries:
        if entry.ticket not in before:
            firsts.setdefault(entry.shopper, entry)
    outcomes = claims_create_many(coupon_id=coupon_id, shoppers=list(firsts), channel=ClaimChannel.QUEUE, now=now)
    made = dict(zip(firsts.values(), outcomes, strict=True))
    unknown = _unknown_shoppers(made)
    answers += [Answer(entry, TicketState.LOST) for entry in made if entry.shopper in unknown]
    made = {entry: outcome for entry, outcome in made.items() if entry.shopper not in unknown}
    texts = {outcome: _text(outcome) for outcome in made.values() if isinstance(outcome, DomainError)}
    rows = []
    for entry, outcome in made.items():
        code, data = ("", "{}") if isinstance(outcome, Claim) else texts[outcome]
        claim = outcome.pk if isinstance(outcome, Claim) else None
        rows.append((entry.ticket, coupon_id, entry.shopper, claim, code, data, entry.arrival, now))
        state = TicketState.GRANTED if isinstance(outcome, Claim) else TicketState.REFUSED
        answers.append(Answer(entry, state, code, data if code else ""))
    tickets_write(rows)
    return answers


def tickets_write(rows: Sequence[tuple[object, ...]]) -> None:
    """Writes answers.

    Args:
        rows: values of `TICKET_COLUMNS`; details as JSON.

    Raises:
        IntegrityError: one of them was answered meanwhile.
    """
    if connection.vendor == "postgresql":
        copy_rows(ClaimTicket, TICKET_COLUMNS, rows)
        return
    at = TICKET_COLUMNS.index("data")
    copy_rows(ClaimTicket, TICKET_COLUMNS, [(*row[:at], json.loads(str(row[at])), *row[at + 1 :]) for row in rows])


def word_renew(*, public_id: UUID) -> None:
    """Tells the gate of a hot coupon what is left, so that it refuses a place where nothing can come of it.

    Raises:
        GateAway: Redis does not answer.
    """
    gate = Gate(public_id)
    epoch = gate.epoch()
    known = Coupon.objects.filter(public_id=public_id, stock__bucket_count__gt=1).values_list("pk", flat=True).first()
    if known is None:
        return
    coupon, stock, left = coupon_with_stock(known)
    is_sold_out = not stock.is_unlimited and not left
    has_envelope = bool(vars(coupon)["has_envelope"])
    word = word_of(coupon, is_sold_out=is_sold_out, has_envelope=has_envelope, now=database_now())
    gate.confirm(word, epoch=epoch)


def _answer_again(entry: Entry, answered: ClaimTicket) -> Answer:
    if answered.claim_id is not None:
        return Answer(entry, TicketState.GRANTED)
    return Answer(entry, TicketState.REFUSED, answered.code, json.dumps(answered.data))


def _unknown_shoppers(made: Mapping[Entry, Claim | DomainError]) -> set[int]:
    refused = [
        entry.shopper
        for entry, outcome in made.items()
        if isinstance(outcome, DomainError) and outcome.data.get("reason") == "account_closed"
    ]
    if not refused:
        return set()
    return set(refused).difference(User.objects.filter(pk__in=refused).values_list("pk", flat=True))


def _text(refusal: DomainError) -> tuple[str, str]:
    return refusal.code, json.dumps(refusal_data(refusal))
