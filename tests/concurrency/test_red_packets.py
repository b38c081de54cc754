"""Grabbing under a rush: each share once, nobody sent away falsely; and the proof that the guards make it so."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from threading import Event, Thread
from typing import Any

import pytest
from django.db import connection, transaction

from coupons.enums import RedPacketSplit, RedPacketState
from coupons.errors import PacketEnded
from coupons.models import Claim, RedPacket, RedPacketShare
from coupons.services import red_packets as service
from coupons.services.red_packets import close_red_packets, red_packet_close, red_packet_grab
from tests import factories
from tests.concurrency.crowd import PATIENCE, MeetingPoint, rush, tally, until_somebody_waits_for_a_lock
from tests.factories import NOW
from tests.invariants import assert_red_packet_adds_up
from users.models import User

pytestmark = pytest.mark.django_db(transaction=True)

IN_AN_HOUR = NOW + timedelta(hours=1)


def crowd_of(count: int) -> list[User]:
    return User.objects.bulk_create(User(username=f"crowd-{number}", password="!") for number in range(count))


def grab(packet: RedPacket, shopper: User) -> RedPacketShare:
    return red_packet_grab(packet=packet, shopper=shopper, now=NOW)


def lucky_packet(**changes: Any) -> RedPacket:
    return factories.make_red_packet(split=RedPacketSplit.RANDOM, **{"share_count": 20, "total": 100_00, **changes})


def test_fifty_threads_and_a_packet_of_twenty() -> None:
    packet = lucky_packet()
    results = rush([partial(grab, packet, shopper) for shopper in crowd_of(200)], threads=50)
    assert tally(results) == {"done": 20, "PacketSoldOut": 180}
    assert Claim.objects.count() == 20
    assert_red_packet_adds_up(packet)


def test_everybody_wins_while_there_is_enough() -> None:
    packet = lucky_packet(share_count=200, total=1_000_00)
    results = rush([partial(grab, packet, shopper) for shopper in crowd_of(200)], threads=50)
    assert tally(results) == {"done": 200}
    assert_red_packet_adds_up(packet)


def test_one_shopper_and_fifty_parallel_grabs() -> None:
    packet = lucky_packet()
    results = rush([partial(grab, packet, factories.make_shopper())] * 50, threads=50)
    assert tally(results) == {"done": 50}
    assert len({share.pk for share in results}) == 1
    assert_red_packet_adds_up(packet)


def test_the_last_share_and_many_attempts_of_each_of_three() -> None:
    """One wins and hears so every time; the others never do."""
    packet = lucky_packet(share_count=1)
    shoppers = crowd_of(3)
    results = rush([partial(grab, packet, shopper) for shopper in shoppers * 10], threads=30)
    assert tally(results) == {"done": 10, "PacketSoldOut": 20}
    assert_red_packet_adds_up(packet)


def test_what_is_reserved_is_grabbed_by_everybody_at_once() -> None:
    shoppers = crowd_of(30)
    packet = factories.make_red_packet(owners=shoppers)
    results = rush([partial(grab, packet, shopper) for shopper in shoppers * 2], threads=30)
    assert tally(results) == {"done": 60}
    assert_red_packet_adds_up(packet)


@pytest.mark.parametrize("early", [True, False], ids=["by a marketer", "by the job"])
def test_grabbing_while_the_packet_closes(early: bool) -> None:
    """Every share is either somebody's or returned, never both, whoever comes first."""
    marketer = factories.make_marketer()
    shoppers = crowd_of(60)
    for number in range(5):
        packet = lucky_packet(share_count=40, total=200_00, ends_at=IN_AN_HOUR)
        close = (
            partial(red_packet_close, packet=packet, actor=marketer, now=NOW)
            if early
            else partial(close_red_packets, now=IN_AN_HOUR)
        )
        grabs = [partial(grab, packet, shopper) for shopper in shoppers]
        # The closing thread starts with the others and comes somewhere among their calls.
        results = rush([*grabs[: 10 * number], close, *grabs[10 * number :]], threads=30)
        assert set(tally(results)) <= {"done", "PacketSoldOut", "PacketEnded"}
        packet.refresh_from_db()
        assert packet.state == RedPacketState.CLOSED
        assert_red_packet_adds_up(packet)


def test_two_jobs_close_it_once() -> None:
    packet = lucky_packet(ends_at=IN_AN_HOUR)
    results = rush([partial(close_red_packets, now=IN_AN_HOUR)] * 10, threads=10)
    assert sum(results) == 1
    assert_red_packet_adds_up(packet)


class TestTheGuardIsWhatHolds:
    """Control: the same with the guard taken out must go wrong, or the tests above prove nothing."""

    def test_reading_without_a_lock_gives_one_share_to_many(self, monkeypatch: pytest.MonkeyPatch) -> None:
        meeting = MeetingPoint(10)

        def pick_unlocked(packet: RedPacket, _shopper: User) -> RedPacketShare:
            share = RedPacketShare.objects.free().filter(packet=packet).order_by("pk").first()
            meeting.wait()
            assert share is not None
            return share

        monkeypatch.setattr(service, "_pick_unheld", pick_unlocked)
        packet = lucky_packet()
        results = rush([partial(grab, packet, shopper) for shopper in crowd_of(10)], threads=10)
        assert tally(results) == {"done": 10}
        assert packet.shares.taken().count() == 1
        with pytest.raises(AssertionError):
            assert_red_packet_adds_up(packet)

    def test_looking_for_a_share_of_ones_own_is_not_what_limits_to_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Without that look the constraint still lets one attempt through and no more."""
        monkeypatch.setattr(service, "share_held", lambda **_who: None)
        packet = lucky_packet()
        results = rush([partial(grab, packet, factories.make_shopper())] * 10, threads=10)
        assert tally(results) == {"done": 1, "IntegrityError": 9}
        assert_red_packet_adds_up(packet)


class TestSingleMoments:
    """Moments that a rush may or may not hit, arranged so that they always happen."""

    def test_the_last_share_comes_back_when_its_holder_gives_up(self) -> None:
        packet = lucky_packet(share_count=1)
        with another_connection(lambda: hold_every_share(packet)):
            share = grab(packet, factories.make_shopper())
        assert share.amount == packet.total
        assert_red_packet_adds_up(packet)

    def test_control_without_waiting_a_shopper_hears_sold_out_and_the_share_stays(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(service, "_pick_after_waiting", lambda _packet, _shopper: None)
        packet = lucky_packet(share_count=1)
        with transaction.atomic():
            RedPacketShare.objects.select_for_update().get()
            results = rush([partial(grab, packet, factories.make_shopper())], threads=1)
        assert tally(results) == {"PacketSoldOut": 1}
        assert packet.shares.free().count() == 1

    def test_closing_waits_for_a_share_that_is_just_being_taken(self, monkeypatch: pytest.MonkeyPatch) -> None:
        packet = lucky_packet(share_count=1, ends_at=IN_AN_HOUR)
        write_claim, shopper = service._write_claim, factories.make_shopper()
        holds = Event()

        def write_claim_once_the_packet_closes(*details: Any) -> Claim:
            holds.set()
            until_somebody_waits_for_a_lock()
            return write_claim(*details)

        monkeypatch.setattr(service, "_write_claim", write_claim_once_the_packet_closes)

        def close() -> int:
            assert holds.wait(timeout=PATIENCE)
            return close_red_packets(now=IN_AN_HOUR)

        assert tally(rush([partial(grab, packet, shopper), close], threads=2)) == {"done": 2}
        packet.refresh_from_db()
        assert (packet.state, packet.returned) == (RedPacketState.CLOSED, 0)
        assert_red_packet_adds_up(packet)

    def test_a_late_grab_hears_that_the_packet_has_closed(self) -> None:
        packet = lucky_packet(share_count=1)

        def close() -> None:
            service._close(RedPacket.objects.get(pk=packet.pk), NOW)

        with another_connection(close), pytest.raises(PacketEnded):
            grab(packet, factories.make_shopper())
        assert_red_packet_adds_up(packet)


@contextmanager
def another_connection(does: Callable[[], object]) -> Iterator[None]:
    """Runs something in a transaction of its own that ends once somebody else waits for it."""
    done = Event()
    failures: list[BaseException] = []

    def work() -> None:
        try:
            with transaction.atomic():
                does()
                done.set()
                until_somebody_waits_for_a_lock()
        except BaseException as error:
            failures.append(error)
            done.set()
        finally:
            connection.close()

    worker = Thread(target=work)
    worker.start()
    try:
        assert done.wait(timeout=PATIENCE)
        yield
    finally:
        worker.join(timeout=PATIENCE)
    assert not failures


def hold_every_share(packet: RedPacket) -> None:
    """Locks them and lets go with the transaction, without having taken any."""
    assert list(RedPacketShare.objects.select_for_update().filter(packet=packet))
