"""The waiting list of a sold-out coupon."""

from __future__ import annotations

from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command

from coupons import tasks
from coupons.enums import AudienceKind, ClaimChannel, WaitingState
from coupons.errors import Ended, LimitReached, NotEligible, NotSoldOut, NotStarted, Paused, SoldOut, TermsNeeded
from coupons.models import Claim, Coupon, Envelope, WaitingEntry
from coupons.selectors.waiting import waiting_position
from coupons.services.claims import claim_create
from coupons.services.publishing import coupon_end, coupon_pause, coupon_resume
from coupons.services.stock import reserve_open, stock_top_up
from coupons.services.waiting import waiting_grant_due, waiting_join, waiting_leave
from tests import factories
from tests.factories import NOW, THAT_MORNING
from tests.invariants import assert_invariants
from users.models import User

pytestmark = pytest.mark.django_db

SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)


@pytest.fixture
def coupon() -> Coupon:
    return factories.make_coupon(stock=0, reserve=50)


def join(coupon: Coupon, shopper: User | None = None, now: datetime = NOW) -> WaitingEntry:
    return waiting_join(coupon=coupon, shopper=shopper or factories.make_shopper(), now=now)


def claim(coupon: Coupon, shopper: User | None = None) -> Claim:
    who = shopper or factories.make_shopper()
    return claim_create(shopper=who, coupon=coupon, channel=ClaimChannel.WEB, now=NOW)


def top_up(coupon: Coupon, quantity: int) -> None:
    stock_top_up(coupon=coupon, quantity=quantity, actor=None, now=NOW)


def states(coupon: Coupon) -> list[str]:
    """Of the entries, in their order."""
    return list(WaitingEntry.objects.filter(coupon=coupon).order_by("joined_at", "pk").values_list("state", flat=True))


class TestJoining:
    def test_takes_the_last_place(self, coupon: Coupon) -> None:
        first, second = join(coupon), join(coupon)
        assert (first.state, first.joined_at) == (WaitingState.WAITING, NOW)
        assert [waiting_position(entry) for entry in (first, second)] == [1, 2]

    def test_twice_keeps_the_place(self, coupon: Coupon, shopper: User) -> None:
        first = join(coupon, shopper)
        join(coupon)
        again = join(coupon, shopper, NOW + SECOND)
        assert (again, waiting_position(again)) == (first, 1)

    def test_after_leaving_starts_at_the_end(self, coupon: Coupon, shopper: User) -> None:
        first = join(coupon, shopper)
        join(coupon, now=NOW + SECOND)
        waiting_leave(coupon=coupon, shopper=shopper, now=NOW + SECOND)
        again = join(coupon, shopper, NOW + 2 * SECOND)
        assert (again != first, waiting_position(again)) == (True, 2)

    def test_is_for_sold_out_coupons(self) -> None:
        for stock in (1, None):
            with pytest.raises(NotSoldOut):
                join(factories.make_coupon(stock=stock))

    def test_what_is_spoken_for_is_sold_out(self, coupon: Coupon) -> None:
        join(coupon)
        top_up(coupon, 1)
        assert waiting_position(join(coupon)) == 2
        top_up(coupon, 2)
        with pytest.raises(NotSoldOut):
            join(coupon)

    @pytest.mark.parametrize(
        ("fields", "refusal"),
        [
            ({"state": "scheduled"}, NotStarted),
            ({"state": "paused"}, Paused),
            ({"state": "ended"}, Ended),
            ({"handout": "code"}, NotEligible),
            ({"handout": "grant"}, NotEligible),
            ({"audience": AudienceKind.TAGGED, "audience_tag": "vip"}, NotEligible),
        ],
    )
    def test_asks_what_a_claim_asks(self, fields: dict[str, Any], refusal: type[Exception]) -> None:
        with pytest.raises(refusal):
            join(factories.make_coupon(stock=0, **fields))

    def test_nobody_waits_for_a_coupon_to_be_fitted(self, coupon: Coupon) -> None:
        Envelope.objects.create(
            coupon=coupon, amount_minimum=5_00, amount_maximum=30_00, amount_step=1_00, spend_maximum=240_00
        )
        with pytest.raises(TermsNeeded):
            join(coupon)

    def test_who_has_had_enough_need_not_wait(self, shopper: User) -> None:
        coupon = factories.make_coupon(stock=1)
        claim(coupon, shopper)
        with pytest.raises(LimitReached):
            join(coupon, shopper)


class TestLeaving:
    def test_frees_the_place(self, coupon: Coupon, shopper: User) -> None:
        join(coupon, shopper)
        second = join(coupon, now=NOW + SECOND)
        assert waiting_leave(coupon=coupon, shopper=shopper, now=NOW)
        assert states(coupon) == ["left", "waiting"]
        assert waiting_position(second) == 1

    def test_twice_or_without_waiting_changes_nothing(self, coupon: Coupon, shopper: User) -> None:
        assert not waiting_leave(coupon=coupon, shopper=shopper, now=NOW)
        join(coupon, shopper)
        waiting_leave(coupon=coupon, shopper=shopper, now=NOW)
        assert not waiting_leave(coupon=coupon, shopper=shopper, now=NOW + SECOND)
        assert WaitingEntry.objects.get().closed_at == NOW


class TestGranting:
    def test_follows_the_order_as_far_as_the_stock_goes(self, coupon: Coupon) -> None:
        late, early = join(coupon, now=NOW), join(coupon, now=THAT_MORNING)
        join(coupon, now=NOW + SECOND)
        top_up(coupon, 2)

        assert waiting_grant_due(now=NOW) == 2

        assert states(coupon) == ["granted", "granted", "waiting"]
        for entry in (early, late):
            entry.refresh_from_db()
            assert entry.claim is not None
            assert (entry.claim.shopper, entry.claim.channel) == (entry.shopper, ClaimChannel.WAITING_LIST)
            assert entry.closed_at == NOW
        assert_invariants(coupon)

    @pytest.mark.reliability(26)
    def test_runs_twice_as_once(self, coupon: Coupon) -> None:
        join(coupon)
        top_up(coupon, 3)
        assert (tasks.grant_waiting(), tasks.grant_waiting()) == (1, 0)
        assert coupon.stock.remaining() == 2
        assert_invariants(coupon)

    def test_does_nothing_without_stock(self, coupon: Coupon) -> None:
        join(coupon)
        assert waiting_grant_due(now=NOW) == 0
        assert states(coupon) == ["waiting"]

    def test_uses_the_reserve_when_it_opens(self, coupon: Coupon) -> None:
        join(coupon)
        reserve_open(coupon=coupon, quantity=1, actor=None, now=NOW)
        assert waiting_grant_due(now=NOW) == 1

    def test_passes_over_who_may_not_have_it_any_more(self, coupon: Coupon) -> None:
        closed, other = join(coupon).shopper, join(coupon, now=NOW + SECOND)
        User.objects.filter(pk=closed.pk).update(is_active=False)
        top_up(coupon, 1)
        assert waiting_grant_due(now=NOW) == 1
        other.refresh_from_db()
        assert (states(coupon), other.claim is not None) == (["skipped", "granted"], True)
        assert_invariants(coupon)

    def test_of_a_paused_coupon_waits(self, coupon: Coupon, marketer: User) -> None:
        join(coupon)
        top_up(coupon, 1)
        coupon_pause(coupon=coupon, actor=marketer, now=NOW)
        assert waiting_grant_due(now=NOW) == 0
        assert states(coupon) == ["waiting"]
        coupon_resume(coupon=coupon, actor=marketer, now=NOW)
        assert waiting_grant_due(now=NOW) == 1

    def test_of_an_ended_coupon_closes_the_list(self, coupon: Coupon, marketer: User) -> None:
        join(coupon), join(coupon)
        coupon_end(coupon=coupon, actor=marketer, now=NOW)
        assert waiting_grant_due(now=NOW) == 0
        assert states(coupon) == ["skipped", "skipped"]

    def test_goes_on_tomorrow_when_the_day_has_had_enough(self) -> None:
        coupon = factories.make_coupon(stock=0, limit_per_day=1)
        join(coupon), join(coupon)
        top_up(coupon, 2)
        assert waiting_grant_due(now=NOW) == 1
        assert states(coupon) == ["granted", "waiting"]
        assert waiting_grant_due(now=NOW + DAY) == 1

    def test_serves_every_coupon(self, coupon: Coupon) -> None:
        other = factories.make_coupon(stock=0)
        join(coupon), join(other)
        top_up(coupon, 1), top_up(other, 1)
        steps: list[int] = []
        assert waiting_grant_due(now=NOW, progressed=steps.append) == 2
        assert steps == [1, 1]

    def test_the_command_says_what_it_did(self, coupon: Coupon) -> None:
        join(coupon)
        top_up(coupon, 1)
        out = StringIO()
        call_command("grant_waiting", stdout=out)
        assert "Granted 1 claims." in out.getvalue()


class TestNobodyOvertakes:
    def test_what_returns_is_not_for_who_comes_now(self, coupon: Coupon) -> None:
        join(coupon)
        top_up(coupon, 1)
        with pytest.raises(SoldOut):
            claim(coupon)
        assert waiting_grant_due(now=NOW) == 1
        assert_invariants(coupon)

    def test_what_lies_beyond_the_list_is(self, coupon: Coupon) -> None:
        join(coupon), join(coupon)
        top_up(coupon, 3)
        claim(coupon)
        with pytest.raises(SoldOut):
            claim(coupon)
        assert waiting_grant_due(now=NOW) == 2
        assert_invariants(coupon)

    def test_who_waits_and_claims_beyond_the_list_has_got_it(self, coupon: Coupon, shopper: User) -> None:
        entry = join(coupon, shopper)
        top_up(coupon, 2)
        mine = claim(coupon, shopper)
        entry.refresh_from_db()
        assert (entry.state, entry.claim) == (WaitingState.GRANTED, mine)
        assert waiting_grant_due(now=NOW) == 0

    def test_once_the_list_is_empty_the_coupon_is_everybodys(self, coupon: Coupon, shopper: User) -> None:
        join(coupon, shopper)
        top_up(coupon, 1)
        waiting_leave(coupon=coupon, shopper=shopper, now=NOW)
        claim(coupon)
        assert_invariants(coupon)
