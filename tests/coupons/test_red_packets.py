"""A red packet from the making to the remainder."""

from __future__ import annotations

import random
from datetime import timedelta
from io import StringIO
from time import perf_counter
from typing import Any

import pytest
from django.core.management import call_command
from django.db.models import Sum

from coupons import tasks
from coupons.enums import ClaimChannel, ClaimState, CouponStatus, RedPacketSplit, RedPacketStanding, RedPacketState
from coupons.errors import (
    NobodyBought,
    NotEligible,
    PacketClosed,
    PacketEnded,
    PacketNotEligible,
    PacketNotStarted,
    PacketPaused,
    PacketSoldOut,
    PacketTooLarge,
    PacketTooSmall,
    WindowOver,
)
from coupons.models import Claim, Coupon, RedPacket, RedPacketShare
from coupons.selectors.red_packets import luckiest_share, open_red_packets, paid_by_shoppers, red_packet_known
from coupons.services.claims import claim_create
from coupons.services.publishing import coupon_pause, coupon_resume
from coupons.services.red_packets import (
    MAXIMUM_SHARES,
    PacketPlan,
    close_red_packets,
    red_packet_close,
    red_packet_create,
    red_packet_grab,
)
from tests.factories import LONG_AGO, NOW, make_paid_order, make_red_packet, make_shopper
from tests.invariants import assert_red_packet_adds_up
from users.models import User

pytestmark = pytest.mark.django_db

INSTANT = timedelta(microseconds=1)
IN_AN_HOUR = NOW + timedelta(hours=1)


def plan(**changes: Any) -> PacketPlan:
    wanted: dict[str, Any] = {
        "title_en": "For you",
        "title_zh": "送给你",
        "split": RedPacketSplit.RANDOM,
        "total": 100_00,
        "share_count": 20,
        "opens_at": NOW,
        "ends_at": IN_AN_HOUR,
        "usable_days": 7,
    }
    return PacketPlan(**(wanted | changes))


def by_purchase(**changes: Any) -> PacketPlan:
    wanted: dict[str, Any] = {
        "split": RedPacketSplit.BY_PURCHASE,
        "share_count": None,
        "bought_since": LONG_AGO,
        "bought_until": IN_AN_HOUR,
    }
    return plan(**(wanted | changes))


def amounts(packet: RedPacket) -> list[int]:
    return list(packet.shares.order_by("number").values_list("amount", flat=True))


def grab(packet: RedPacket, shopper: User | None = None) -> RedPacketShare:
    return red_packet_grab(packet=packet, shopper=shopper or make_shopper(), now=NOW)


class TestMaking:
    def test_cuts_every_share_at_once_and_makes_the_cash_coupon(self, marketer: User) -> None:
        packet = red_packet_create(plan=plan(is_partly_usable=False), actor=marketer, now=NOW)
        assert (packet.state, packet.share_count, packet.created_by) == (RedPacketState.OPEN, 20, marketer)
        assert_red_packet_adds_up(packet)
        coupon = packet.coupon
        assert (coupon.benefit_type, coupon.handout, coupon.status) == ("cash", "red_packet", "published")
        assert (coupon.usable_days, coupon.is_partly_usable, coupon.is_giftable) == (7, False, False)
        assert (coupon.title_en, coupon.title_zh) == ("For you", "送给你")
        assert coupon.stock.is_unlimited
        assert coupon.history.get().history_user == marketer

    def test_luck_comes_from_the_generator_that_is_given(self, marketer: User) -> None:
        first, second, other = (
            amounts(red_packet_create(plan=plan(), actor=marketer, now=NOW, rng=random.Random(seed)))
            for seed in (1, 1, 2)
        )
        assert first == second != other

    def test_without_one_no_two_packets_are_alike(self) -> None:
        first, second = (amounts(red_packet_create(plan=plan(), actor=None, now=NOW)) for _ in range(2))
        assert first != second

    def test_by_purchase_reserves_a_share_for_everybody_who_paid(self) -> None:
        mei, bo, chen = make_shopper(), make_shopper(), make_shopper()
        make_paid_order(shopper=mei, payable=300_00)
        make_paid_order(shopper=bo, payable=500_00, refunded=400_00)
        make_paid_order(shopper=bo, payable=500_00)
        make_paid_order(shopper=chen, payable=50_00, refunded=50_00)
        packet = red_packet_create(plan=by_purchase(total=90_00), actor=None, now=NOW)
        assert dict(packet.shares.values_list("reserved_for", "amount")) == {bo.pk: 60_00, mei.pk: 30_00}
        assert packet.share_count == 2
        assert_red_packet_adds_up(packet)

    def test_by_purchase_may_be_for_the_best_customers_only(self) -> None:
        shoppers = [make_shopper() for _ in range(5)]
        for place, shopper in enumerate(shoppers, start=1):
            make_paid_order(shopper=shopper, payable=place * 100_00)
        packet = red_packet_create(plan=by_purchase(share_count=2), actor=None, now=NOW)
        assert set(packet.shares.values_list("reserved_for", flat=True)) == {shoppers[4].pk, shoppers[3].pk}

    def test_by_purchase_counts_payments_of_its_window_alone(self) -> None:
        shopper = make_shopper()
        for moment in (NOW - INSTANT, NOW, IN_AN_HOUR - INSTANT, IN_AN_HOUR):
            make_paid_order(shopper=shopper, payable=10_00, paid_at=moment)
        assert paid_by_shoppers(since=NOW, until=IN_AN_HOUR) == [(shopper.pk, 20_00)]

    @pytest.mark.parametrize(
        ("changes", "error"),
        [
            ({"total": 19}, PacketTooSmall),
            ({"share_count": 0}, PacketTooSmall),
            ({"share_count": MAXIMUM_SHARES + 1, "total": 10**9}, PacketTooLarge),
            ({"ends_at": NOW}, WindowOver),
            ({"opens_at": NOW - timedelta(days=2), "ends_at": NOW - timedelta(days=1)}, WindowOver),
        ],
    )
    def test_what_cannot_be_is_refused_and_leaves_nothing(self, changes: Any, error: type[Exception]) -> None:
        with pytest.raises(error):
            red_packet_create(plan=plan(**changes), actor=None, now=NOW)
        assert not RedPacket.objects.exists()
        assert not Coupon.objects.exists()

    def test_by_purchase_needs_somebody_who_bought(self) -> None:
        with pytest.raises(NobodyBought):
            red_packet_create(plan=by_purchase(), actor=None, now=NOW)

    def test_a_hundred_thousand_shares_are_made_in_seconds(self) -> None:
        started = perf_counter()
        packet = red_packet_create(plan=plan(share_count=100_000, total=1_000_000_00), actor=None, now=NOW)
        assert packet.shares.aggregate(sum=Sum("amount"))["sum"] == 1_000_000_00
        # Two or three on an idle machine; one row at a time would take minutes.
        assert perf_counter() - started < 30


class TestGrabbing:
    def test_a_share_is_cash_in_the_wallet(self, shopper: User) -> None:
        packet = make_red_packet(usable_days=14)
        share = grab(packet, shopper)
        claim = Claim.objects.get()
        assert (share.claim, share.shopper, share.taken_at) == (claim, shopper, NOW)
        assert (claim.shopper, claim.coupon, claim.amount_off) == (shopper, packet.coupon, 2_00)
        assert (claim.channel, claim.ordinal, claim.state) == (ClaimChannel.RED_PACKET, None, ClaimState.AVAILABLE)
        assert (claim.usable_from, claim.expires_at) == (NOW, NOW + timedelta(days=14))
        entry = claim.entries.get()
        assert (entry.from_state, entry.to_state, entry.reason) == ("", ClaimState.AVAILABLE, "grabbed")
        assert_red_packet_adds_up(packet)

    def test_grabbing_again_answers_the_same_share(self, shopper: User) -> None:
        packet = make_red_packet()
        assert grab(packet, shopper) == grab(packet, shopper)
        assert Claim.objects.count() == 1

    def test_it_does_so_after_the_last_share_and_after_the_end(self, shopper: User) -> None:
        packet = make_red_packet(share_count=1, ends_at=IN_AN_HOUR)
        share = grab(packet, shopper)
        close_red_packets(now=IN_AN_HOUR)
        assert red_packet_grab(packet=packet, shopper=shopper, now=IN_AN_HOUR) == share

    def test_when_all_are_taken_the_next_hears_so(self) -> None:
        packet = make_red_packet(share_count=3)
        shares = {grab(packet).pk for _ in range(3)}
        assert len(shares) == 3
        with pytest.raises(PacketSoldOut):
            grab(packet)
        assert_red_packet_adds_up(packet)

    @pytest.mark.parametrize(
        ("moment", "error"),
        [
            (NOW - INSTANT, PacketNotStarted),
            (NOW, None),
            (IN_AN_HOUR - INSTANT, None),
            (IN_AN_HOUR, PacketEnded),
        ],
    )
    def test_the_window_opens_and_ends_to_the_microsecond(
        self, shopper: User, moment: Any, error: type[Exception] | None
    ) -> None:
        packet = make_red_packet(opens_at=NOW, ends_at=IN_AN_HOUR)
        if error is None:
            red_packet_grab(packet=packet, shopper=shopper, now=moment)
            return
        with pytest.raises(error) as caught:
            red_packet_grab(packet=packet, shopper=shopper, now=moment)
        if error is PacketNotStarted:
            assert caught.value.data == {"starts_at": NOW}
        assert not Claim.objects.exists()

    def test_what_is_reserved_goes_to_nobody_else(self, shopper: User, outsider: User) -> None:
        packet = make_red_packet(owners=[shopper, make_shopper()])
        with pytest.raises(PacketNotEligible) as caught:
            grab(packet, outsider)
        assert caught.value.data == {"reason": "reserved"}
        assert grab(packet, shopper).reserved_for == shopper

    def test_a_closed_account_gets_nothing(self) -> None:
        with pytest.raises(PacketNotEligible):
            grab(make_red_packet(), make_shopper(is_active=False))

    def test_pausing_the_coupon_stops_the_packet(self, shopper: User, marketer: User) -> None:
        packet = make_red_packet()
        coupon_pause(coupon=packet.coupon, actor=marketer, now=NOW)
        with pytest.raises(PacketPaused):
            grab(packet, shopper)
        coupon_resume(coupon=packet.coupon, actor=marketer, now=NOW)
        assert grab(packet, shopper).shopper == shopper

    def test_the_coupon_itself_cannot_be_claimed(self, shopper: User) -> None:
        packet = make_red_packet()
        with pytest.raises(NotEligible) as caught:
            claim_create(shopper=shopper, coupon=packet.coupon, channel=ClaimChannel.WEB, now=NOW)
        assert caught.value.data == {"reason": "not_claimable"}


class TestClosing:
    @pytest.mark.reliability(26)
    def test_what_nobody_grabbed_is_returned_once(self) -> None:
        packet = make_red_packet(ends_at=IN_AN_HOUR)
        for _ in range(3):
            grab(packet)
        assert [close_red_packets(now=IN_AN_HOUR) for _ in range(2)] == [1, 0]
        packet.refresh_from_db()
        assert (packet.state, packet.returned, packet.closed_at) == (RedPacketState.CLOSED, 14_00, IN_AN_HOUR)
        assert_red_packet_adds_up(packet)

    @pytest.mark.reliability(26)
    def test_the_task_and_the_command_close_what_is_over(self) -> None:
        packets = [make_red_packet(ends_at=LONG_AGO + timedelta(days=1)) for _ in range(2)]
        out = StringIO()
        call_command("close_red_packets", stdout=out)
        assert out.getvalue() == "Closed 2 red packets.\n"
        assert tasks.close_red_packets() == 0
        for packet in packets:
            assert_red_packet_adds_up(packet)

    def test_not_before_its_end(self) -> None:
        packet = make_red_packet(ends_at=IN_AN_HOUR)
        assert close_red_packets(now=IN_AN_HOUR - INSTANT) == 0
        packet.refresh_from_db()
        assert packet.state == RedPacketState.OPEN

    def test_a_marketer_may_close_it_early(self, marketer: User) -> None:
        packet = make_red_packet()
        share = grab(packet)
        closed = red_packet_close(packet=packet, actor=marketer, now=NOW)
        assert (closed.state, closed.returned) == (RedPacketState.CLOSED, 18_00)
        assert Coupon.objects.get(pk=packet.coupon_id).status == CouponStatus.ENDED
        assert Claim.objects.get(pk=share.claim_id).state == ClaimState.AVAILABLE
        with pytest.raises(PacketEnded):
            grab(packet)
        with pytest.raises(PacketClosed):
            red_packet_close(packet=packet, actor=marketer, now=NOW)


class TestLooking:
    def test_stands_where_state_clock_and_shares_put_it(self, marketer: User) -> None:
        packet = make_red_packet(share_count=2, opens_at=NOW, ends_at=IN_AN_HOUR)

        def standing(moment: Any = NOW) -> RedPacketStanding:
            return red_packet_known(public_id=packet.public_id).standing(moment)

        assert standing(NOW - INSTANT) == RedPacketStanding.UPCOMING
        assert standing() == RedPacketStanding.OPEN
        assert standing(IN_AN_HOUR) == RedPacketStanding.OVER
        coupon_pause(coupon=packet.coupon, actor=marketer, now=NOW)
        assert standing() == RedPacketStanding.PAUSED
        coupon_resume(coupon=packet.coupon, actor=marketer, now=NOW)
        grab(packet)
        assert standing() == RedPacketStanding.OPEN
        assert red_packet_known(public_id=packet.public_id).taken_count == 1
        grab(packet)
        assert standing() == RedPacketStanding.ALL_TAKEN

    def test_the_luckiest_has_the_largest_share(self) -> None:
        packet = make_red_packet(split=RedPacketSplit.RANDOM)
        for _ in range(10):
            grab(packet)
        luckiest = luckiest_share(packet=packet)
        assert luckiest is not None
        assert luckiest.amount == max(amounts(packet))
        assert luckiest_share(packet=make_red_packet()) is None

    def test_the_showcase_lists_what_the_visitor_can_still_get(self, shopper: User, outsider: User) -> None:
        now = {"now": NOW}
        later = make_red_packet(ends_at=IN_AN_HOUR + timedelta(hours=1))
        sooner = make_red_packet(ends_at=IN_AN_HOUR)
        reserved = make_red_packet(owners=[shopper])
        make_red_packet(opens_at=IN_AN_HOUR)
        gone = make_red_packet(share_count=1)
        grab(gone)
        assert list(open_red_packets(shopper=None, **now)) == [sooner, later]
        assert list(open_red_packets(shopper=outsider, **now)) == [sooner, later]
        assert list(open_red_packets(shopper=shopper, **now)) == [sooner, later, reserved]
        grab(sooner, shopper)
        assert list(open_red_packets(shopper=shopper, **now)) == [later, reserved]
