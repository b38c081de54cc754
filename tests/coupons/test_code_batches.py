"""Codes in bulk: unique, unguessable, and carried on wherever the work stopped."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from coupons.codes import ALPHABET, RANDOM_LENGTH, normalize_code, random_codes
from coupons.enums import ClaimChannel, CodeBatchState, CodeKind
from coupons.errors import FileEmpty, PrefixInvalid, WrongBatchState
from coupons.models import Code, CodeBatch, CodeBatchError, Coupon
from coupons.services import code_batches
from coupons.services.claims import claim_create_by_code
from coupons.services.code_batches import (
    CodeRow,
    code_batch_generate,
    code_batch_import,
    code_batch_resume,
    code_batch_run,
    code_batches_run,
)
from coupons.tasks import run_code_batch, run_code_batches
from tests import factories
from tests.factories import NOW

pytestmark = pytest.mark.django_db


@pytest.fixture
def coupon(db: None) -> Coupon:
    return factories.make_coupon(handout="code", stock=None)


def generate(coupon: Coupon, quantity: int, prefix: str = "") -> CodeBatch:
    return code_batch_generate(coupon=coupon, quantity=quantity, prefix=prefix, actor=None, now=NOW)


def read(coupon: Coupon, *cells: tuple[str, str] | str) -> CodeBatch:
    pairs = [(cell, "") if isinstance(cell, str) else cell for cell in cells]
    rows = [CodeRow(number, *pair) for number, pair in enumerate(pairs, start=1)]
    return code_batch_import(coupon=coupon, rows=rows, actor=None, now=NOW)


def run(batch: CodeBatch, **arguments: Any) -> CodeBatch:
    code_batch_run(batch_id=batch.pk, now=NOW, **arguments)
    batch.refresh_from_db()
    return batch


def refusals(batch: CodeBatch) -> list[tuple[int, str, str]]:
    return list(batch.errors.values_list("row", "text", "reason"))


@pytest.mark.reliability(51)
def test_a_hundred_thousand_codes_have_no_duplicate_and_65_bits_each(coupon: Coupon) -> None:
    batch = run(generate(coupon, 100_000, "A"))
    assert (batch.state, batch.done, batch.refused) == (CodeBatchState.DONE, 100_000, 0)
    codes = batch.codes.values_list("normal", flat=True)
    assert len(set(codes)) == 100_000
    # Thirteen characters after the prefix, each of 32 that come equally often: 13 × 5 bits.
    assert (RANDOM_LENGTH, len(ALPHABET)) == (13, 32)
    assert {len(code) for code in codes} == {1 + RANDOM_LENGTH}
    for place in range(1, 1 + RANDOM_LENGTH):
        counts = [sum(code[place] == letter for code in codes[:32_000]) for letter in ALPHABET]
        # A thousand each; six standard deviations are 190.
        assert max(counts) - 1000 < 190
        assert 1000 - min(counts) < 190


def test_a_code_works_as_it_is_printed_and_as_it_is_typed(coupon: Coupon) -> None:
    batch = run(generate(coupon, 2, "oil"))
    first, second = batch.codes.all()
    assert first.text.startswith("OIL-")
    assert first.normal == normalize_code(first.text)
    for text in (first.text, second.text.replace("-", " ").lower()):
        claim = claim_create_by_code(shopper=factories.make_shopper(), text=text, channel=ClaimChannel.CODE, now=NOW)
        assert claim.coupon == coupon


def test_a_code_that_exists_already_is_made_anew(coupon: Coupon, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = next(random_codes(1))
    Code.objects.create(coupon=coupon, text=taken, kind=CodeKind.UNIQUE, maximum_uses=1)
    draws = iter([[taken, *random_codes(4)], list(random_codes(5))])

    def draw(_count: int) -> Iterator[str]:
        return iter(next(draws))

    monkeypatch.setattr(code_batches, "random_codes", draw)
    assert run(generate(coupon, 5)).codes.count() == 5


def test_what_never_works_fails_and_can_be_carried_on(coupon: Coupon, monkeypatch: pytest.MonkeyPatch) -> None:
    taken = next(random_codes(1))
    Code.objects.create(coupon=coupon, text=taken, kind=CodeKind.UNIQUE, maximum_uses=1)
    batch = generate(coupon, 1)
    with monkeypatch.context() as patched:
        patched.setattr(code_batches, "random_codes", lambda _count: iter([taken]))
        with pytest.raises(Exception, match="unique"):
            run(batch)
    batch.refresh_from_db()
    assert (batch.state, batch.done) == (CodeBatchState.FAILED, 0)
    assert run(batch).done == 0
    code_batch_resume(batch=batch, now=NOW)
    assert run(batch).state == CodeBatchState.DONE
    with pytest.raises(WrongBatchState):
        code_batch_resume(batch=batch, now=NOW)


@pytest.mark.parametrize("imported", [False, True])
def test_work_goes_on_where_it_stopped(coupon: Coupon, imported: bool) -> None:
    batch = read(coupon, *(f"CODE{number}" for number in range(25))) if imported else generate(coupon, 25)

    class Crash(BaseException):
        """Kills the worker after its second chunk."""

    chunks: list[int] = []

    def crash_after_two(rows: int) -> None:
        chunks.append(rows)
        if len(chunks) == 2:
            raise Crash

    with pytest.raises(Crash):
        run(batch, chunk_size=10, progressed=crash_after_two)
    batch.refresh_from_db()
    assert (batch.state, batch.done, batch.codes.count()) == (CodeBatchState.RUNNING, 20, 20)
    assert code_batches_run(now=NOW) == 5
    batch.refresh_from_db()
    assert (batch.state, batch.codes.count(), batch.finished_at) == (CodeBatchState.DONE, 25, NOW)
    assert batch.source is None


@pytest.mark.reliability(26)
def test_a_batch_that_is_run_twice_is_made_once(coupon: Coupon) -> None:
    batch = generate(coupon, 30)
    assert [run_code_batch(batch.pk), run_code_batch(batch.pk), run_code_batches()] == [30, 0, 0]
    assert batch.codes.count() == 30


@pytest.mark.parametrize("prefix", ["A-B", "ÄÖ", "券", "THIRTEENCHARS", "A B", "="])
def test_a_prefix_has_letters_and_digits(coupon: Coupon, prefix: str) -> None:
    with pytest.raises(PrefixInvalid):
        generate(coupon, 1, prefix)


class TestReading:
    def test_every_row_is_a_code_or_a_refusal_with_its_reason(self, coupon: Coupon) -> None:
        factories.make_code(coupon=coupon, text="WELCOME")
        batch = read(
            coupon, "one-1", ("TWO", "5"), "WELC0ME", "ONEI", "", "A" * 41, "券", ("FOUR", "0"), ("FIVE", "many")
        )
        run(batch)
        assert list(batch.codes.order_by("pk").values_list("text", "normal", "kind", "maximum_uses")) == [
            ("one-1", "0NE1", CodeKind.UNIQUE, 1),
            ("TWO", "TW0", CodeKind.SHARED, 5),
        ]
        assert refusals(batch) == [
            (3, "WELC0ME", "taken"),
            (4, "ONEI", "duplicate"),
            (5, "", "unreadable"),
            (6, "A" * 41, "unreadable"),
            (7, "券", "unreadable"),
            (8, "FOUR", "uses"),
            (9, "FIVE", "uses"),
        ]
        assert (batch.done, batch.refused) == (9, 7)

    def test_a_code_that_stands_in_two_chunks_is_a_duplicate_too(self, coupon: Coupon) -> None:
        batch = run(read(coupon, "AAA", "BBB", "aaa"), chunk_size=2)
        assert refusals(batch) == [(3, "aaa", "duplicate")]

    def test_an_empty_file_is_no_batch(self, coupon: Coupon) -> None:
        with pytest.raises(FileEmpty):
            read(coupon)
        assert not CodeBatch.objects.exists()

    def test_memory_does_not_grow_with_the_file(self, coupon: Coupon) -> None:
        def peak(rows: int) -> int:
            lines = (CodeRow(number, f"N{rows}X{number}") for number in range(1, rows + 1))
            batch = code_batch_import(coupon=coupon, rows=lines, actor=None, now=NOW)
            tracemalloc.start()
            run(batch, chunk_size=2000)
            (_now, most) = tracemalloc.get_traced_memory()
            tracemalloc.stop()
            return most

        few, many = peak(4000), peak(40_000)
        # The lines of the file themselves, about 25 bytes each, are read in one piece.
        assert many < few + 3 * 36_000 * 25
        assert CodeBatchError.objects.count() == 0


class TestCommand:
    def test_makes_codes(self, coupon: Coupon) -> None:
        out = StringIO()
        call_command("make_codes", str(coupon.public_id), "12", "--prefix", "SHOP", stdout=out)
        assert "Made 12 codes" in out.getvalue()
        assert coupon.codes.filter(text__startswith="SHOP-").count() == 12

    def test_goes_on_with_what_is_left(self, coupon: Coupon) -> None:
        out = StringIO()
        generate(coupon, 7)
        call_command("run_code_batches", stdout=out)
        assert "Finished 7 rows" in out.getvalue()

    @pytest.mark.parametrize("arguments", [("nonsense", "1"), ("{coupon}", "0"), ("{coupon}", "1", "--prefix", "?")])
    def test_says_what_is_wrong(self, coupon: Coupon, arguments: tuple[str, ...]) -> None:
        with pytest.raises(CommandError):
            call_command("make_codes", *(part.format(coupon=coupon.public_id) for part in arguments))
