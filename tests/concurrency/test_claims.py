"""Claiming under a rush: exact, with no false refusal; and the proof that the guard is what makes it so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import partial
from time import perf_counter

import pytest

from coupons.enums import ClaimChannel
from coupons.errors import SoldOut, StockTooSmall
from coupons.models import Claim, Coupon, Stock, StockBucket
from coupons.services import claim_writing
from coupons.services import claims as claims_service
from coupons.services.claims import claim_create, claim_create_by_code
from coupons.services.publishing import coupon_pause
from coupons.services.stock import stock_top_up, stock_withdraw
from tests import factories
from tests.concurrency.crowd import MeetingPoint, rush, standing_crowd, tally
from tests.factories import NOW
from tests.figures import Figures
from tests.forms import rounds
from tests.invariants import assert_invariants
from users.models import User

pytestmark = pytest.mark.django_db(transaction=True)

BUCKETS = pytest.mark.parametrize("buckets", [1, 16], ids=["one row", "16 buckets"])


def crowd_of(count: int, *, name: str = "crowd") -> list[User]:
    return User.objects.bulk_create(User(username=f"{name}-{number}", password="!") for number in range(count))


def claim(coupon: Coupon, shopper: User) -> Claim:
    return claim_create(shopper=shopper, coupon=coupon, channel=ClaimChannel.WEB, now=NOW)


@BUCKETS
@pytest.mark.reliability(1)
def test_fifty_threads_and_a_coupon_of_a_hundred(buckets: int) -> None:
    coupon = factories.make_coupon(stock=100, bucket_count=buckets)
    results = rush([partial(claim, coupon, shopper) for shopper in crowd_of(400)], threads=50)
    assert tally(results) == {"done": 100, "SoldOut": 300}
    assert coupon.stock.remaining() == 0
    assert_invariants(coupon)


@BUCKETS
@pytest.mark.reliability(1)
def test_more_attempts_than_shoppers_and_more_shoppers_than_coupons(buckets: int, figures: Figures) -> None:
    stock = rounds(short=100, long=1000)
    coupon = factories.make_coupon(stock=stock, bucket_count=buckets)
    shoppers = (crowd_of(3 * stock) * 4)[: 10 * stock]
    results = rush([partial(claim, coupon, shopper) for shopper in shoppers], threads=30)
    done, left = tally(results)["done"], coupon.stock.remaining()
    figures.note(
        1,
        f"{10 * stock:,} claims by {3 * stock:,} shoppers over {stock:,}, "
        + ("one row" if buckets == 1 else "16 buckets"),
        rounds=1,
        acknowledged=done,
        oversold=max(0, coupon.claims.count() - stock),
        unsold=left,
        lost=done - coupon.claims.count(),
    )
    assert (done, left) == (stock, 0)
    assert set(tally(results)) <= {"done", "SoldOut", "LimitReached"}
    assert_invariants(coupon)


@pytest.mark.reliability(11)
def test_everybody_wins_while_there_is_enough() -> None:
    coupon = factories.make_coupon(stock=300, bucket_count=16)
    results = rush([partial(claim, coupon, shopper) for shopper in crowd_of(300)], threads=30)
    assert tally(results) == {"done": 300}
    assert_invariants(coupon)


@pytest.mark.parametrize("limit", [1, 3])
@pytest.mark.reliability(2)
def test_one_shopper_and_two_hundred_parallel_claims(limit: int, figures: Figures) -> None:
    """On as many connections in the long form; on one row too, where no gate stands before the database."""
    times = rounds(short=1, long=10)
    for buckets in (16, 1) * times:
        coupon = factories.make_coupon(stock=1000, bucket_count=buckets, limit_per_shopper=limit)
        shopper = factories.make_shopper()
        results = rush([partial(claim, coupon, shopper)] * 200, threads=rounds(short=30, long=180))
        assert tally(results)["done"] == limit
        # While the first ones are being worked on, the gate says so to those behind them.
        assert set(tally(results)) <= {"done", "LimitReached", *(["ClaimInFlight"] if buckets > 1 else [])}
        assert_invariants(coupon)
    figures.note(
        2,
        f"200 parallel claims of one shopper, limit {limit}",
        rounds=2 * times,
        acknowledged=2 * times * limit,
        doubled=0,
    )


@pytest.mark.reliability(4)
def test_daily_limits_hold() -> None:
    coupon = factories.make_coupon(stock=1000, limit_per_shopper=99, limit_per_shopper_per_day=2, limit_per_day=25)
    shoppers = crowd_of(20)
    results = rush([partial(claim, coupon, shopper) for shopper in shoppers * 5])
    assert tally(results) == {"done": 25, "LimitReached": 75}
    assert all(coupon.claims.filter(shopper=shopper).count() <= 2 for shopper in shoppers)
    assert_invariants(coupon)


@pytest.mark.reliability(4)
def test_every_limit_at_once(figures: Figures) -> None:
    """Thirty threads against the total, the day, the shopper and the shopper's day; each of them binds in its turn."""
    times, over, done = rounds(short=1, long=20), 0, 0
    limits = [
        {"stock": 30, "limit_per_shopper": 99, "limit_per_day": 99},
        {"stock": 99, "limit_per_shopper": 99, "limit_per_day": 30},
        {"stock": 99, "limit_per_shopper": 2, "limit_per_day": 99},
        {"stock": 99, "limit_per_shopper": 99, "limit_per_shopper_per_day": 2, "limit_per_day": 99},
    ]
    shoppers = crowd_of(15)
    with standing_crowd(30) as rush_again:
        for number in range(times * len(limits)):
            coupon = factories.make_coupon(bucket_count=(1, 16)[number % 2], **limits[number // 2 % len(limits)])
            # Each of them asks four times.
            results = rush_again([partial(claim, coupon, shopper) for shopper in shoppers] * 4)
            # Whatever binds, it is thirty: no refusal was false, and nothing was handed out beyond it.
            assert set(tally(results)) <= {"done", "SoldOut", "LimitReached", "ClaimInFlight"}
            over += max(0, tally(results)["done"] - 30)
            done += tally(results)["done"]
            if "ClaimInFlight" not in tally(results):
                assert tally(results)["done"] == 30
            assert_invariants(coupon)
    figures.note(4, "total, day, shopper and shopper's day, 30 threads", rounds=times, acknowledged=done, oversold=over)
    assert over == 0


@pytest.mark.reliability(4)
@pytest.mark.parametrize("maximum_uses", [1, 10])
def test_a_code_is_used_as_often_as_allowed(maximum_uses: int) -> None:
    coupon = factories.make_coupon(stock=100, bucket_count=16, handout="code")
    code = factories.make_code(coupon=coupon, text="RUSH2026", maximum_uses=maximum_uses)
    results = rush(
        partial(claim_create_by_code, shopper=shopper, text="rush-2026", channel=ClaimChannel.CODE, now=NOW)
        for shopper in crowd_of(60)
    )
    assert tally(results) == {"done": maximum_uses, "CodeInvalid": 60 - maximum_uses}
    code.refresh_from_db()
    assert code.used == maximum_uses
    assert_invariants(coupon)


class TestTheGuardIsWhatHolds:
    """Control: the same rush with the guard taken out must go wrong, or the tests above prove nothing."""

    ROUNDS = rounds(short=5, long=20)

    @pytest.mark.reliability(5)
    def test_reading_before_writing_oversells(self, monkeypatch: pytest.MonkeyPatch, figures: Figures) -> None:
        """Fifty threads and a coupon of a hundred, as above: everybody who read in the same moment wins."""
        go_the_long_way(monkeypatch)
        monkeypatch.setattr(claim_writing, "stock_take_one", taker_that_reads_first(MeetingPoint(50)))
        times, shoppers = rounds(short=1, long=20), crowd_of(400)
        for _round in range(times):
            coupon = factories.make_coupon(stock=100)
            results = rush([partial(claim, coupon, shopper) for shopper in shoppers], threads=50)
            # The stock falls by one where fifty were handed out.
            assert tally(results) == {"done": 400}
            with pytest.raises(AssertionError):
                assert_invariants(coupon)
        figures.note(
            5, "the same without the guard (control)", rounds=times, acknowledged=times * 400, oversold=times * 300
        )

    @pytest.mark.reliability(5)
    def test_it_does_so_every_round(self, monkeypatch: pytest.MonkeyPatch) -> None:
        go_the_long_way(monkeypatch)
        for number in range(self.ROUNDS):
            monkeypatch.setattr(claim_writing, "stock_take_one", taker_that_reads_first(MeetingPoint(10)))
            coupon = factories.make_coupon(stock=5)
            rush([partial(claim, coupon, shopper) for shopper in crowd_of(10, name=f"round-{number}")], threads=10)
            assert coupon.claims.count() == 10

    @pytest.mark.reliability(5)
    def test_with_the_guard_the_same_rounds_never_do(self) -> None:
        for number in range(self.ROUNDS):
            coupon = factories.make_coupon(stock=5)
            rush([partial(claim, coupon, shopper) for shopper in crowd_of(10, name=f"round-{number}")], threads=10)
            assert coupon.claims.count() == 5
            assert_invariants(coupon)

    @pytest.mark.reliability(2)
    def test_without_the_counter_the_constraint_still_holds_the_limit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        meeting = MeetingPoint(10)

        def count_by_reading(coupon: Coupon, shopper: User, _now: datetime) -> int:
            held = Claim.objects.filter(coupon=coupon, shopper=shopper).count()
            meeting.wait()
            return held + 1

        go_the_long_way(monkeypatch)
        monkeypatch.setattr(claim_writing, "_count_claim", count_by_reading)
        coupon, shopper = factories.make_coupon(), factories.make_shopper()
        results = rush([partial(claim, coupon, shopper)] * 10, threads=10)
        assert tally(results) == {"done": 1, "IntegrityError": 9}
        assert coupon.stock.remaining() == 99


def go_the_long_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes every claim go step by step, so that one step can be taken out."""
    monkeypatch.setattr(claims_service, "plain_claim", lambda **_claim: None)


def taker_that_reads_first(meeting: MeetingPoint) -> Callable[..., None]:
    """The taker as one writes it first: read, decide, write; the callers meet after they have read."""

    def take(*, coupon_id: int, stock: Stock) -> None:
        bucket = StockBucket.objects.get(coupon_id=coupon_id)
        if bucket.remaining < 1:
            raise SoldOut
        meeting.wait()
        bucket.remaining -= 1
        bucket.save(update_fields=["remaining"])

    return take


class TestAgainstAMarketer:
    @pytest.mark.reliability(8)
    def test_withdrawing_what_is_being_claimed(self, figures: Figures) -> None:
        """What was issued is never more than the total that is left, or else the withdrawal was refused."""
        times, refused, shoppers = rounds(short=5, long=200), 0, crowd_of(20)
        with standing_crowd(11) as rush_again:
            for number in range(times):
                coupon = factories.make_coupon(stock=20, bucket_count=(4, 1)[number % 2])
                calls = [partial(claim, coupon, shopper) for shopper in shoppers]
                calls.insert(number % 20, partial(stock_withdraw, coupon=coupon, quantity=10, actor=None, now=NOW))
                results = rush_again(calls)
                kinds = tally(results)
                was_refused = isinstance(results.pop(number % 20), StockTooSmall)
                refused += was_refused
                assert set(kinds) <= {"done", "SoldOut", "StockTooSmall"}
                # Nothing is left over either: who was refused was refused because all was gone.
                assert coupon.claims.count() == tally(results)["done"] == (20 if was_refused else 10)
                assert_invariants(coupon)
        figures.note(
            8,
            "claiming 20 against withdrawing 10 of them",
            rounds=times,
            oversold=0,
            unsold=0,
            beside=f"withdrawn {times - refused}, refused {refused}",
        )

    @pytest.mark.reliability(8)
    def test_topping_up_what_is_being_claimed(self, figures: Figures) -> None:
        times, shoppers = rounds(short=5, long=200), crowd_of(20)
        with standing_crowd(11) as rush_again:
            for number in range(times):
                coupon = factories.make_coupon(stock=5, bucket_count=(4, 1)[number % 2])
                calls = [partial(claim, coupon, shopper) for shopper in shoppers]
                calls.insert(number % 20, partial(stock_top_up, coupon=coupon, quantity=5, actor=None, now=NOW))
                kinds = tally(rush_again(calls))
                assert set(kinds) <= {"done", "SoldOut"}
                assert 5 <= coupon.claims.count() == kinds["done"] - 1 <= 10
                assert_invariants(coupon)
        figures.note(8, "claiming against topping up by 5", rounds=times, oversold=0)

    @pytest.mark.reliability(8)
    def test_operators_who_withdraw_at_once_never_take_more_than_there_is(self) -> None:
        coupon = factories.make_coupon(stock=100, bucket_count=4)
        results = rush([partial(stock_withdraw, coupon=coupon, quantity=15, actor=None, now=NOW)] * 10, threads=10)
        assert tally(results) == {"done": 6, "StockTooSmall": 4}
        assert coupon.stock.remaining() == 10
        assert_invariants(coupon)

    @pytest.mark.reliability(9)
    def test_no_claim_begins_after_a_pause_was_committed(self, figures: Figures) -> None:
        times, late, done, marketer, crowd = rounds(short=1, long=20), 0, 0, factories.make_marketer(), crowd_of(200)

        def begin_and_claim(coupon: Coupon, shopper: User) -> float:
            began = perf_counter()
            claim(coupon, shopper)
            return began

        def pause(coupon: Coupon) -> float:
            coupon_pause(coupon=coupon, actor=marketer, now=NOW)
            return perf_counter()

        for number in range(times):
            coupon = factories.make_coupon(stock=1000, bucket_count=(16, 1)[number % 2])
            calls: list[Callable[[], float]] = [partial(begin_and_claim, coupon, shopper) for shopper in crowd]
            calls.insert(60, partial(pause, coupon))
            results = rush(calls, threads=20)
            paused = results.pop(60)
            assert set(tally(results)) <= {"done", "Paused"}
            assert tally(results)["Paused"] > 0
            late += sum(began >= paused for began in results if isinstance(began, float))
            done += tally(results)["done"]
            assert_invariants(coupon)
        figures.note(9, "a pause in a rush of 200", rounds=times, acknowledged=done, beside=f"begun after it: {late}")
        assert late == 0
