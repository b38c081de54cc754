"""The gate beside the database: what differs is put right, and reported."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime
from itertools import islice

import structlog
from django.db.models import Exists, OuterRef, QuerySet

from config.kernel.job_reports import note_figures
from coupons.gate import Gate, GateAway, is_configured
from coupons.models import ClaimCounter, Coupon, DailyClaimCount, Envelope, Stock
from coupons.services.gate import word_of

CHUNK = 1_000
# Its beat entry; what it found is kept under this name for the page of metrics.
JOB = "reconcile gates"

logger = structlog.get_logger(__name__)


@dataclass(slots=True)
class Drift:
    """How far gates and database were apart.

    Attributes:
        sold_out: gates that refused while something was left.
        too_many: shoppers of whom a gate knew more claims than there are: it would have refused them wrongly.
        too_few: shoppers of whom it knew fewer: it would have let them through to the database.
        full_days: daily limits that it took for used up.
    """

    sold_out: int = 0
    too_many: int = 0
    too_few: int = 0
    full_days: int = 0

    def __add__(self, other: Drift) -> Drift:
        return Drift(*(getattr(self, each.name) + getattr(other, each.name) for each in fields(self)))

    @property
    def total(self) -> int:
        """All differences together."""
        return self.sold_out + self.too_many + self.too_few + self.full_days


def reconcile_gates(*, now: datetime, progressed: Callable[[int], object] = lambda _coupons: None) -> Drift:
    """Compares the gate of every hot coupon that can be claimed, or soon can, with the database; repairs and reports.

    Shoppers who are being served at the moment are passed over. Without Redis there is nothing to do.

    Args:
        progressed: called with 1 after each coupon.
    """
    total, away = Drift(), 0
    if not is_configured():
        return total
    for coupon in hot_coupons(now):
        try:
            drift = gate_reconcile(coupon=coupon, now=now)
        except GateAway:
            away += 1
            logger.warning("gate_not_reconciled", coupon=str(coupon.public_id))
        else:
            total += drift
            report = logger.warning if drift.total else logger.info
            report("gate_reconciled", coupon=str(coupon.public_id), drift=drift.total, **asdict(drift))
        progressed(1)
    note_figures(job=JOB, figures={**asdict(total), "away": away}, now=now)
    return total


def hot_coupons(now: datetime) -> QuerySet[Coupon]:
    """Returns the coupons that have a gate."""
    open_or_soon = Coupon.objects.live(now) | Coupon.objects.scheduled(now)
    with_envelope = Exists(Envelope.objects.filter(coupon=OuterRef("pk")))
    return open_or_soon.filter(stock__bucket_count__gt=1).annotate(has_envelope=with_envelope).order_by("pk")


def gate_reconcile(*, coupon: Coupon, now: datetime) -> Drift:
    """Compares one gate with the database and puts it right.

    Whatever only grows is read in the order that cannot mistake a claim of this moment for a difference: first the
    gate where it may know too much, first the database where it may know too little.

    Args:
        coupon: one of `hot_coupons`.

    Raises:
        GateAway: Redis does not answer.
    """
    gate = Gate(coupon.public_id)
    gate.keep()
    return Drift(
        sold_out=_renew_word(gate, coupon, now),
        too_many=_lower_claims(gate, coupon),
        too_few=_raise_claims(gate, coupon),
        full_days=_forget_full_days(gate, coupon),
    )


def _renew_word(gate: Gate, coupon: Coupon, now: datetime) -> int:
    epoch = gate.epoch()
    said_sold_out = gate.says_sold_out()
    remaining = Stock.objects.get(coupon=coupon).remaining()
    word = word_of(coupon, is_sold_out=remaining == 0, has_envelope=bool(vars(coupon)["has_envelope"]), now=now)
    gate.confirm(word, epoch=epoch)
    # A change of stock in between has made the gate silent already; then there was nothing wrong with it.
    return int(said_sold_out and remaining != 0 and gate.epoch() == epoch)


def _lower_claims(gate: Gate, coupon: Coupon) -> int:
    wrong = 0
    for known in gate.holders():
        made = dict(_counters(coupon).filter(shopper__in=known).values_list("shopper_id", "claimed"))
        for shopper, claimed in known.items():
            if claimed > made.get(shopper, 0):
                gate.lower_claims(shopper=shopper, seen=claimed, right=made.get(shopper, 0))
                wrong += 1
    return wrong


def _raise_claims(gate: Gate, coupon: Coupon) -> int:
    wrong = 0
    for made in _in_chunks(_counters(coupon)):
        # Asked again after it is known that nobody is serving them: what was under way has been noted by then.
        missing = _known_too_few(gate, gate.not_being_served(list(_known_too_few(gate, made, made))), made)
        if missing:
            gate.raise_claims(missing)
            wrong += len(missing)
    return wrong


def _known_too_few(gate: Gate, shoppers: Iterable[int], made: dict[int, int]) -> dict[int, int]:
    known = gate.known_claims(list(shoppers))
    return {shopper: made[shopper] for shopper, claimed in known.items() if claimed < made[shopper]}


def _forget_full_days(gate: Gate, coupon: Coupon) -> int:
    wrong = 0
    for known in gate.full_days():
        for shopper, (day, limit) in known.items():
            if _claimed_on(coupon, shopper, day) < limit:
                gate.forget_full(shopper=shopper, seen=(day, limit))
                # A day that is over is forgotten as well; it was not wrong.
                wrong += int(_is_latest(coupon, shopper, day))
    return wrong


def _claimed_on(coupon: Coupon, shopper: int | None, day: date) -> int:
    if shopper is None:
        found = DailyClaimCount.objects.filter(coupon=coupon, day=day).values_list("claimed", flat=True).first()
    else:
        found = _counters(coupon).filter(shopper=shopper, day=day).values_list("claimed_on_day", flat=True).first()
    return found or 0


def _is_latest(coupon: Coupon, shopper: int | None, day: date) -> bool:
    return shopper is None or not _counters(coupon).filter(shopper=shopper, day__gt=day).exists()


def _counters(coupon: Coupon) -> QuerySet[ClaimCounter]:
    return ClaimCounter.objects.filter(coupon=coupon)


def _in_chunks(counters: QuerySet[ClaimCounter]) -> Iterator[dict[int, int]]:
    rows = counters.order_by("shopper_id").values_list("shopper_id", "claimed").iterator(chunk_size=CHUNK)
    while chunk := dict(islice(rows, CHUNK)):
        yield chunk
