"""Codes by the million: made or read in chunks, one transaction each, so that work goes on where it stopped."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from itertools import islice
from typing import TypeVar

from django.db import IntegrityError, transaction

from config.kernel.bulk import copy_rows
from config.kernel.errors import Busy
from config.kernel.locks import busy_when_locked
from config.kernel.waking import wake_on_commit
from coupons.codes import PREFIX_PATTERN, normalize_code, printed_code, random_codes
from coupons.enums import CodeBatchKind, CodeBatchState, CodeKind, CodeRefusal
from coupons.errors import FileEmpty, PrefixInvalid, WrongBatchState
from coupons.models import Code, CodeBatch, CodeBatchError, Coupon
from users.models import User

CHUNK = 20_000
MAXIMUM_QUANTITY = 10_000_000
MAXIMUM_USES = 2**31 - 1
# Random codes meet by chance about never; an import may race with another one for the same codes.
TRIES = 5
TASK = "coupons.tasks.run_code_batch"
CODE_FIELDS = ("text", "normal", "coupon_id", "kind", "maximum_uses", "batch_id", "created_at")
ERROR_FIELDS = ("batch_id", "row", "text", "reason")
OPEN_STATES = (CodeBatchState.WAITING, CodeBatchState.RUNNING)

TEXT_LENGTH = 40
ERROR_TEXT_LENGTH = 80
# Text as printed, normal form, how often it may be used.
NewCode = tuple[str, str, int]
Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class CodeRow:
    """A row of a file: `text` is a code as it stands there, `uses` how often it may be used, as it stands there."""

    number: int
    text: str
    uses: str = ""

    def as_line(self) -> str:
        """Writes the row as a batch keeps it until it is read."""
        return json.dumps([self.number, self.text, self.uses], ensure_ascii=False, separators=(",", ":"))


def code_batch_generate(
    *, coupon: Coupon, quantity: int, prefix: str, actor: User | None, now: datetime, wakes_worker: bool = True
) -> CodeBatch:
    """Orders new unique codes of a coupon; a worker makes them.

    Args:
        wakes_worker: False for a caller who runs the batch itself.
        prefix: printed before each random part, at most 12 letters and digits; counts as part of the code.

    Raises:
        PrefixInvalid: the prefix has other characters than letters and digits.
        ValueError: fewer codes than one or more than ten million.
    """
    if not 1 <= quantity <= MAXIMUM_QUANTITY:
        raise ValueError(f"no batch has {quantity} codes")
    prefix = prefix.strip().upper()
    if not PREFIX_PATTERN.fullmatch(prefix):
        raise PrefixInvalid(parameter="prefix")
    with busy_when_locked(), transaction.atomic():
        batch = CodeBatch.objects.create(
            coupon=coupon,
            kind=CodeBatchKind.GENERATED,
            prefix=prefix,
            quantity=quantity,
            created_by=actor,
            created_at=now,
        )
        if wakes_worker:
            wake_on_commit(TASK, batch.pk)
    return batch


def code_batch_import(*, coupon: Coupon, rows: Iterable[CodeRow], actor: User | None, now: datetime) -> CodeBatch:
    """Takes the rows of a file in; a worker turns them into codes and says of each that it cannot use why.

    Args:
        rows: see `coupons.services.code_files.read_code_file`, whose errors come from here too.

    Raises:
        FileEmpty: there is no row.
    """
    source, quantity = bytearray(), 0
    for row in rows:
        source += row.as_line().encode() + b"\n"
        quantity += 1
    if not quantity:
        raise FileEmpty(parameter="file")
    with busy_when_locked(), transaction.atomic():
        batch = CodeBatch.objects.create(
            coupon=coupon,
            kind=CodeBatchKind.IMPORTED,
            quantity=quantity,
            source=bytes(source),
            created_by=actor,
            created_at=now,
        )
        wake_on_commit(TASK, batch.pk)
    return batch


def code_batch_resume(*, batch: CodeBatch, now: datetime) -> CodeBatch:
    """Sets a batch that failed going again, from where it stopped.

    Raises:
        WrongBatchState: it did not fail.
    """
    with busy_when_locked(), transaction.atomic():
        if not CodeBatch.objects.filter(pk=batch.pk, state=CodeBatchState.FAILED).update(state=CodeBatchState.WAITING):
            raise WrongBatchState(state=batch.state)
        batch.state = CodeBatchState.WAITING
        wake_on_commit(TASK, batch.pk)
    return batch


def code_batch_run(
    *,
    batch_id: int,
    now: datetime,
    chunk_size: int = CHUNK,
    progressed: Callable[[int], object] = lambda _rows: None,
) -> int:
    """Works on a batch until it is done; returns how many rows this run finished.

    It may be started again after any crash, and beside itself: whoever finds the batch in another's hands leaves.
    Memory holds one chunk, and of an import its rows.

    Args:
        progressed: called with the number of rows after each chunk.
    """
    finished = 0
    work: _Work | None = None
    try:
        while True:
            with busy_when_locked(), transaction.atomic():
                batch = _take(batch_id)
                if batch is None:
                    return finished
                if work is None:
                    work = _Work(batch)
                elif work.at != batch.done:
                    # Another worker has gone on with it meanwhile.
                    return finished
                written = _chunk(batch, work.next_rows(min(chunk_size, batch.quantity - batch.done)), now)
            finished += written
            progressed(written)
    except Busy:
        raise
    except Exception:
        CodeBatch.objects.filter(pk=batch_id, state__in=OPEN_STATES).update(state=CodeBatchState.FAILED)
        raise


def code_batches_run(*, now: datetime, progressed: Callable[[int], object] = lambda _rows: None) -> int:
    """Goes on with every batch that is not done, such as after a crash; returns how many rows were finished."""
    waiting = list(CodeBatch.objects.filter(state__in=OPEN_STATES).order_by("pk").values_list("pk", flat=True))
    return sum(code_batch_run(batch_id=batch_id, now=now, progressed=progressed) for batch_id in waiting)


class _Work:
    """Where one run stands in a batch."""

    def __init__(self, batch: CodeBatch) -> None:
        self.at = batch.done
        self._lines: Iterator[bytes] | None = None
        if batch.kind == CodeBatchKind.IMPORTED:
            source = CodeBatch.objects.values_list("source", flat=True).get(pk=batch.pk)
            self._lines = islice(BytesIO(source or b""), batch.done, None)

    def next_rows(self, count: int) -> list[CodeRow] | int:
        """Returns the next rows of a file, or how many codes to make."""
        self.at += count
        if self._lines is None:
            return count
        return [CodeRow(*json.loads(line)) for line in islice(self._lines, count)]


def _take(batch_id: int) -> CodeBatch | None:
    """Locks a batch that is not done; None when it is, or is in another worker's hands."""
    return (
        CodeBatch.objects.select_for_update(skip_locked=True, of=("self",))
        .defer("source")
        .filter(pk=batch_id, state__in=OPEN_STATES)
        .first()
    )


def _chunk(batch: CodeBatch, rows: list[CodeRow] | int, now: datetime) -> int:
    refusals: list[tuple[CodeRow, CodeRefusal]] = []
    if isinstance(rows, int):
        written = rows
        _surely(lambda: _write_codes(batch, _new_codes(batch.prefix, rows), now))
    else:
        written = len(rows)
        refusals = _surely(lambda: _write_rows(batch, rows, now))
        copy_rows(CodeBatchError, ERROR_FIELDS, _errors(batch, refusals))
    batch.done += written
    batch.refused += len(refusals)
    batch.state = CodeBatchState.RUNNING
    changed = ["done", "refused", "state"]
    if batch.done == batch.quantity:
        batch.state, batch.finished_at, batch.source = CodeBatchState.DONE, now, None
        changed += ["finished_at", "source"]
    batch.save(update_fields=changed)
    return written


def _surely(write: Callable[[], Result]) -> Result:
    """Writes codes; again when one of them has come to exist at this moment."""
    for last in range(TRIES):
        try:
            with transaction.atomic():
                return write()
        except IntegrityError:
            if last == TRIES - 1:
                raise
    raise AssertionError("unreachable")


def _new_codes(prefix: str, count: int) -> Iterator[NewCode]:
    normal_prefix = normalize_code(prefix)
    for normal in random_codes(count):
        yield printed_code(normal, prefix=prefix), normal_prefix + normal, 1


def _write_rows(batch: CodeBatch, rows: list[CodeRow], now: datetime) -> list[tuple[CodeRow, CodeRefusal]]:
    """Writes the rows that are codes; returns the others, each with the reason."""
    refusals: list[tuple[CodeRow, CodeRefusal]] = []
    fresh: dict[str, tuple[CodeRow, int]] = {}
    for row in rows:
        normal, uses = normalize_code(row.text), _uses_of(row.uses)
        if not normal or len(row.text) > TEXT_LENGTH:
            refusals.append((row, CodeRefusal.UNREADABLE))
        elif uses is None:
            refusals.append((row, CodeRefusal.USES))
        elif normal in fresh:
            refusals.append((row, CodeRefusal.DUPLICATE))
        else:
            fresh[normal] = (row, uses)
    taken = Code.objects.filter(normal__in=list(fresh)).values_list("normal", "batch_id")
    for normal, batch_id in taken:
        # What an earlier chunk of this file wrote stands in the file twice.
        reason = CodeRefusal.DUPLICATE if batch_id == batch.pk else CodeRefusal.TAKEN
        refusals.append((fresh.pop(normal)[0], reason))
    _write_codes(batch, ((row.text, normal, uses) for normal, (row, uses) in fresh.items()), now)
    return refusals


def _write_codes(batch: CodeBatch, codes: Iterable[NewCode], now: datetime) -> None:
    copy_rows(
        Code,
        CODE_FIELDS,
        (
            (text, normal, batch.coupon_id, CodeKind.UNIQUE if uses == 1 else CodeKind.SHARED, uses, batch.pk, now)
            for text, normal, uses in codes
        ),
    )


def _errors(batch: CodeBatch, refusals: list[tuple[CodeRow, CodeRefusal]]) -> Iterator[tuple[int, int, str, str]]:
    for row, reason in refusals:
        yield batch.pk, row.number, row.text[:ERROR_TEXT_LENGTH], reason.value


def _uses_of(text: str) -> int | None:
    if not text:
        return 1
    is_number = text.isascii() and text.isdigit() and len(text) <= 10
    return int(text) if is_number and 1 <= int(text) <= MAXIMUM_USES else None
