"""A lottery from the announcement to the closing: who may enter, and what is shown."""

from __future__ import annotations

from typing import Any

import pytest

from coupons.draws import seed_commitment
from coupons.enums import ClaimChannel, CouponState, Handout, LotteryStanding, LotteryState
from coupons.errors import (
    LimitReached,
    LotteryEnded,
    LotteryNotStarted,
    LotteryPaused,
    NotEligible,
    NotForLottery,
    NothingToUse,
    StockTooSmall,
    TooManyWinners,
    WindowOver,
)
from coupons.models import Coupon, Envelope, Lottery, LotteryEntry
from coupons.selectors.lotteries import lotteries_shown, lottery_known
from coupons.services.claims import claim_create, claim_create_by_lot
from coupons.services.lotteries import (
    MAXIMUM_WINNERS,
    lottery_create,
    lottery_enter,
    lottery_seal,
)
from coupons.services.publishing import coupon_end, coupon_pause, coupon_resume
from tests.coupons.lotteries import A_DAY, IN_AN_HOUR, INSTANT, drawn, enter, entered, plan
from tests.factories import LONG_AGO, LONG_FROM_NOW, NOW, make_coupon, make_lottery, make_shopper
from users.models import Tag, User

pytestmark = pytest.mark.django_db


class TestAnnouncing:
    def test_commits_to_a_seed_of_its_own(self) -> None:
        first, second = (lottery_create(plan=plan(), now=NOW) for _ in range(2))
        assert first.state == LotteryState.OPEN
        assert first.seed_commitment == seed_commitment(Lottery.objects.get(pk=first.pk).seed)
        assert len(first.seed) == 64
        assert first.seed != second.seed

    def test_the_seed_is_sealed_in_the_database(self) -> None:
        lottery = make_lottery()
        (stored,) = Lottery.objects.extra(select={"raw": "seed || ''"}).values_list("raw", flat=True)
        assert lottery.seed not in stored

    def test_a_weight_without_a_tag_is_none(self) -> None:
        assert lottery_create(plan=plan(weight=5), now=NOW).weight == 1

    @pytest.mark.parametrize(
        ("changes", "error"),
        [
            ({"closes_at": NOW}, WindowOver),
            ({"opens_at": NOW - 2 * A_DAY, "closes_at": NOW - A_DAY}, WindowOver),
            ({"winner_count": MAXIMUM_WINNERS + 1}, TooManyWinners),
            ({"winner_count": 101}, StockTooSmall),
        ],
    )
    def test_what_cannot_be_is_refused(self, changes: Any, error: type[Exception]) -> None:
        with pytest.raises(error):
            lottery_create(plan=plan(**changes), now=NOW)
        assert not Lottery.objects.exists()

    @pytest.mark.parametrize(
        ("fields", "error"),
        [
            ({"handout": Handout.SHOWCASE}, NotForLottery),
            ({"state": CouponState.DRAFT}, NotForLottery),
            ({"state": CouponState.PAUSED}, NotForLottery),
            ({"state": CouponState.ENDED}, NotForLottery),
            ({"usable_until": IN_AN_HOUR}, NothingToUse),
        ],
    )
    def test_the_coupon_must_be_one_that_winners_can_have_and_use(self, fields: Any, error: type[Exception]) -> None:
        with pytest.raises(error):
            lottery_create(plan=plan(coupon=make_coupon(**{"handout": Handout.LOTTERY, **fields})), now=NOW)

    def test_a_coupon_that_is_fitted_to_taste_is_none_of_them(self) -> None:
        coupon = make_coupon(handout=Handout.LOTTERY)
        Envelope.objects.create(coupon=coupon, amount_minimum=1, amount_maximum=2, amount_step=1, spend_maximum=3)
        with pytest.raises(NotForLottery):
            lottery_create(plan=plan(coupon=coupon), now=NOW)

    def test_what_one_lottery_promised_no_other_can(self) -> None:
        coupon = make_coupon(handout=Handout.LOTTERY, stock=5)
        lottery = make_lottery(coupon=coupon, winner_count=3)
        with pytest.raises(StockTooSmall) as caught:
            make_lottery(coupon=coupon, winner_count=3)
        assert caught.value.data == {"remaining": 2}
        Lottery.objects.filter(pk=lottery.pk).delete()
        make_lottery(coupon=coupon, winner_count=5)

    def test_unlimited_stock_is_enough_for_any(self) -> None:
        make_lottery(coupon=make_coupon(handout=Handout.LOTTERY, stock=None), winner_count=1000)


class TestEntering:
    def test_gives_one_ticket_and_the_same_again(self, shopper: User) -> None:
        lottery = make_lottery()
        entry = enter(lottery, shopper)
        assert (entry.shopper, entry.weight, entry.rank, entry.claim) == (shopper, 1, None, None)
        assert enter(lottery, shopper) == entry
        assert LotteryEntry.objects.count() == 1

    def test_it_does_so_after_the_draw(self, shopper: User) -> None:
        lottery = make_lottery(closes_at=IN_AN_HOUR)
        entry = enter(lottery, shopper)
        drawn(lottery)
        again = lottery_enter(lottery=lottery, shopper=shopper, now=IN_AN_HOUR)
        assert (again.pk, again.rank) == (entry.pk, 1)

    @pytest.mark.parametrize(
        ("moment", "error"),
        [(NOW - INSTANT, LotteryNotStarted), (NOW, None), (IN_AN_HOUR - INSTANT, None), (IN_AN_HOUR, LotteryEnded)],
    )
    @pytest.mark.reliability(37)
    def test_the_window_opens_and_closes_to_the_microsecond(
        self, shopper: User, moment: Any, error: type[Exception] | None
    ) -> None:
        lottery = make_lottery(opens_at=NOW, closes_at=IN_AN_HOUR)
        if error is None:
            lottery_enter(lottery=lottery, shopper=shopper, now=moment)
            return
        with pytest.raises(error):
            lottery_enter(lottery=lottery, shopper=shopper, now=moment)

    def test_who_comes_after_the_list_was_fixed_is_too_late_whatever_their_clock(self, shopper: User) -> None:
        lottery = entered()
        lottery_seal(lottery=lottery, now=IN_AN_HOUR)
        with pytest.raises(LotteryEnded):
            enter(lottery, shopper)

    def test_is_for_the_audience_of_the_coupon(self, shopper: User, outsider: User) -> None:
        coupon = make_coupon(handout=Handout.LOTTERY, audience="tagged", audience_tag="vip")
        lottery = make_lottery(coupon=coupon)
        Tag.objects.create(shopper=shopper, name="vip", source="marketer", set_at=LONG_AGO)
        assert enter(lottery, shopper)
        with pytest.raises(NotEligible):
            enter(lottery, outsider)
        with pytest.raises(NotEligible):
            enter(make_lottery(), make_shopper(is_active=False))

    def test_the_tag_of_the_rules_gives_more_lots_at_that_moment(self, shopper: User, outsider: User) -> None:
        lottery = make_lottery(weight_tag="vip", weight=3)
        Tag.objects.create(shopper=shopper, name="vip", source="marketer", set_at=LONG_AGO)
        Tag.objects.create(shopper=outsider, name="vip", source="marketer", set_at=LONG_AGO, expires_at=NOW)
        assert (enter(lottery, shopper).weight, enter(lottery, outsider).weight) == (3, 1)

    def test_who_could_not_keep_the_prize_cannot_enter(self, shopper: User) -> None:
        coupon = make_coupon(handout=Handout.LOTTERY, limit_per_shopper=2)
        claim_create_by_lot(shopper=shopper, coupon=coupon, now=NOW)
        first, second = make_lottery(coupon=coupon), make_lottery(coupon=coupon)
        enter(first, shopper)
        with pytest.raises(LimitReached) as caught:
            enter(second, shopper)
        assert caught.value.data == {"limit": 2, "scope": "shopper"}

    def test_stops_and_goes_on_with_the_coupon(self, shopper: User, marketer: User) -> None:
        lottery = make_lottery()
        coupon_pause(coupon=lottery.coupon, actor=marketer, now=NOW)
        with pytest.raises(LotteryPaused):
            enter(lottery, shopper)
        coupon_resume(coupon=lottery.coupon, actor=marketer, now=NOW)
        assert enter(lottery, shopper)
        coupon_end(coupon=lottery.coupon, actor=marketer, now=NOW)
        with pytest.raises(LotteryEnded):
            enter(lottery, make_shopper())

    def test_the_coupon_itself_cannot_be_claimed(self, shopper: User) -> None:
        with pytest.raises(NotEligible) as caught:
            claim_create(shopper=shopper, coupon=make_lottery().coupon, channel=ClaimChannel.WEB, now=NOW)
        assert caught.value.data == {"reason": "not_claimable"}

    def test_no_other_coupon_is_won(self, shopper: User) -> None:
        with pytest.raises(NotEligible):
            claim_create_by_lot(shopper=shopper, coupon=make_coupon(), now=NOW)


class TestLooking:
    def test_stands_where_state_clock_and_coupon_put_it(self, marketer: User) -> None:
        lottery = make_lottery(opens_at=NOW, closes_at=IN_AN_HOUR)

        def standing(moment: Any = NOW) -> LotteryStanding:
            return lottery_known(public_id=lottery.public_id).standing(moment)

        assert standing(NOW - INSTANT) == LotteryStanding.UPCOMING
        assert standing() == LotteryStanding.OPEN
        assert standing(IN_AN_HOUR) == LotteryStanding.CLOSED
        coupon_pause(coupon=lottery.coupon, actor=marketer, now=NOW)
        assert standing() == LotteryStanding.PAUSED
        coupon_resume(coupon=lottery.coupon, actor=marketer, now=NOW)
        enter(lottery)
        assert lottery_known(public_id=lottery.public_id).entry_count == 1
        drawn(lottery)
        assert standing() == LotteryStanding.DRAWN

    def test_the_showcase_leads_to_what_can_be_entered(self, shopper: User) -> None:
        later = make_lottery(closes_at=LONG_FROM_NOW - A_DAY)
        sooner = make_lottery(closes_at=IN_AN_HOUR)
        make_lottery(opens_at=IN_AN_HOUR)
        make_lottery(closes_at=NOW)
        paused = make_lottery()
        Coupon.objects.filter(pk=paused.coupon_id).update(status="paused")
        for visitor in (None, shopper):
            assert list(lotteries_shown(now=NOW, shopper=visitor)) == [sooner, later]

    def test_and_to_what_the_shopper_entered_until_the_result_is_old(self, shopper: User, marketer: User) -> None:
        lottery, called_off = make_lottery(closes_at=IN_AN_HOUR), make_lottery(closes_at=IN_AN_HOUR)
        for each in (lottery, called_off):
            enter(each, shopper)
        coupon_end(coupon=called_off.coupon, actor=marketer, now=NOW)

        def shown(moment: Any, visitor: User | None = shopper) -> list[Lottery]:
            return list(lotteries_shown(now=moment, shopper=visitor))

        assert shown(IN_AN_HOUR) == [lottery]
        drawn(lottery)
        assert shown(IN_AN_HOUR + 3 * A_DAY - INSTANT) == [lottery]
        assert shown(IN_AN_HOUR + 3 * A_DAY) == []
        assert shown(IN_AN_HOUR, None) == []
