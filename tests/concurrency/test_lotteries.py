"""Entering and drawing under a rush: one ticket each, one draw, one prize each, no entry lost between the two."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from threading import Event
from typing import Any

import pytest
from django.db import transaction

from coupons.draws import entries_commitment
from coupons.errors import EntriesChanged
from coupons.models import Claim, Lottery, LotteryEntry
from coupons.selectors.lotteries import tickets_of
from coupons.services import lotteries as service
from coupons.services.lotteries import draw_lotteries, lottery_draw, lottery_enter, lottery_seal
from tests import factories
from tests.concurrency.crowd import PATIENCE, rush, tally, until_somebody_waits_for_a_lock
from tests.factories import NOW
from tests.invariants import assert_invariants
from users.models import User

pytestmark = pytest.mark.django_db(transaction=True)

IN_AN_HOUR = NOW + timedelta(hours=1)


def crowd_of(count: int) -> list[User]:
    return User.objects.bulk_create(User(username=f"crowd-{number}", password="!") for number in range(count))


def enter(lottery: Lottery, shopper: User, now: datetime = NOW) -> LotteryEntry:
    return lottery_enter(lottery=lottery, shopper=shopper, now=now)


def assert_one_whole_draw(lottery: Lottery, winners: int) -> None:
    lottery.refresh_from_db()
    won = LotteryEntry.objects.winners().filter(lottery=lottery)
    assert [entry.rank for entry in won] == list(range(1, winners + 1))
    assert Claim.objects.filter(coupon=lottery.coupon).count() == winners
    assert lottery.entries_commitment == entries_commitment(tickets_of(lottery))
    assert_invariants(lottery.coupon)


def test_one_shopper_and_fifty_parallel_entries() -> None:
    lottery = factories.make_lottery()
    results = rush([partial(enter, lottery, factories.make_shopper())] * 50, threads=30)
    assert tally(results) == {"done": 50}
    assert len({entry.pk for entry in results}) == 1
    assert LotteryEntry.objects.count() == 1


def test_a_crowd_enters_beside_each_other() -> None:
    lottery, shoppers = factories.make_lottery(), crowd_of(100)
    assert tally(rush([partial(enter, lottery, shopper) for shopper in shoppers], threads=30)) == {"done": 100}
    assert LotteryEntry.objects.count() == 100


def test_ten_draws_at_once_are_one() -> None:
    lottery = factories.make_lottery(closes_at=IN_AN_HOUR, winner_count=20)
    for shopper in crowd_of(50):
        enter(lottery, shopper)
    draws = [partial(lottery_draw, lottery=lottery, now=IN_AN_HOUR), partial(draw_lotteries, now=IN_AN_HOUR)] * 5
    assert tally(rush(draws, threads=10)) == {"done": 10}
    assert_one_whole_draw(lottery, 20)


def test_entering_while_the_list_is_fixed() -> None:
    """Each entry is in the list or was refused, whoever comes first."""
    for number in range(5):
        lottery = factories.make_lottery(closes_at=IN_AN_HOUR)
        entries = [partial(enter, lottery, factories.make_shopper()) for _ in range(30)]
        seal: Any = partial(lottery_seal, lottery=lottery, now=IN_AN_HOUR)
        results = rush([*entries[: 6 * number], seal, *entries[6 * number :]], threads=31)
        assert set(tally(results)) <= {"done", "LotteryEnded"}
        drawn = lottery_draw(lottery=lottery, now=IN_AN_HOUR)
        assert_one_whole_draw(drawn, min(3, LotteryEntry.objects.filter(lottery=lottery).count()))


class TestTheGuardIsWhatHolds:
    """One interleaving, step by step: somebody has entered and not committed yet when the list is fixed."""

    def test_fixing_the_list_waits_for_who_is_entering(self) -> None:
        lottery = self._seal_while_somebody_enters()
        assert LotteryEntry.objects.filter(lottery=lottery).count() == 1
        assert_one_whole_draw(lottery_draw(lottery=lottery, now=IN_AN_HOUR), 1)

    def test_without_the_share_of_the_row_the_entry_is_in_no_list(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(service, "_hold_open", lambda lottery_id: Lottery.objects.get(pk=lottery_id))
        lottery = self._seal_while_somebody_enters(waits=False)
        with pytest.raises(EntriesChanged):
            lottery_draw(lottery=lottery, now=IN_AN_HOUR)

    def _seal_while_somebody_enters(self, *, waits: bool = True) -> Lottery:
        lottery, shopper = factories.make_lottery(closes_at=IN_AN_HOUR), factories.make_shopper()
        has_entered, may_commit = Event(), Event()

        def enter_slowly() -> None:
            with transaction.atomic():
                enter(lottery, shopper)
                has_entered.set()
                assert may_commit.wait(PATIENCE)

        def seal() -> None:
            assert has_entered.wait(PATIENCE)
            lottery_seal(lottery=lottery, now=IN_AN_HOUR)
            may_commit.set()

        def commit_once_the_seal_waits() -> None:
            assert has_entered.wait(PATIENCE)
            if waits:
                until_somebody_waits_for_a_lock()
                may_commit.set()

        assert tally(rush([enter_slowly, seal, commit_once_the_seal_waits], threads=3)) == {"done": 3}
        lottery.refresh_from_db()
        assert lottery.entries_commitment
        return lottery
