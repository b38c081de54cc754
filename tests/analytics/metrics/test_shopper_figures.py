"""Funnel, revenue, repurchase, satisfaction and profit, each computed by hand."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db.models import BooleanField, Case, DateTimeField, F, Value, When

from analytics.selectors.metrics.cut import Cut
from analytics.selectors.metrics.funnel import Funnel, funnel
from analytics.selectors.metrics.incremental import campaign_incremental_profit, incremental_profit
from analytics.selectors.metrics.money import revenue
from analytics.selectors.metrics.repurchase import Returning, repurchase
from analytics.selectors.metrics.satisfaction import satisfaction
from analytics.selectors.metrics.totals import totals
from campaigns.assignment import HOLDOUT, TREATED
from campaigns.models import Campaign, CampaignCoupon
from campaigns.services.exposures import exposures_log
from coupons.enums import ClaimState
from coupons.models import ClaimRating, Coupon, Order, Refund
from tests import factories
from tests.analytics.builders import make_claim_at, make_order
from tests.analytics.metrics.makers import IN_JUNE, JUNE, in_june, make_event, use_coupon
from tests.campaigns.makers import make_campaign
from users.enums import TagSource
from users.models import Tag, User

pytestmark = pytest.mark.django_db


@pytest.fixture
def coupon() -> Coupon:
    return factories.make_coupon(stock=None, limit_per_shopper=9)


@pytest.fixture
def people() -> list[User]:
    return [factories.make_shopper() for _ in range(5)]


def of_campaign(coupon: Coupon) -> Cut:
    campaign = Campaign.objects.create(key="june", title_en="June", starts_at=JUNE.start, ends_at=JUNE.end)
    CampaignCoupon.objects.create(campaign=campaign, coupon=coupon)
    return Cut(JUNE, campaign_id=campaign.pk)


class TestFunnel:
    @pytest.fixture
    def june(self, people: list[User], coupon: Coupon) -> None:
        """One only looked, one looked and claimed, one also used it; one claimed before looking; one without a look."""
        looker, claimer, user, early, granted = people
        for number, shopper in enumerate((looker, claimer, user)):
            make_event(shopper, in_june(2, hour=9 + number), coupon=coupon)
        make_event(looker, in_june(3), coupon=coupon)
        make_claim_at(claimer, coupon, in_june(2, hour=15))
        use_coupon(user, coupon, in_june(4))
        make_claim_at(early, coupon, in_june(5))
        make_event(early, in_june(6), coupon=coupon)
        use_coupon(granted, coupon, in_june(7))
        # In May, and of no coupon.
        make_event(granted, JUNE.start - timedelta(seconds=1), coupon=coupon)
        make_event(granted, in_june(8))

    def test_counts_shoppers(self, june: None) -> None:
        assert funnel(IN_JUNE) == Funnel(viewed=4, viewed_claimed=2, viewed_used=1, claimed=4, used=2)

    def test_of_another_coupon_is_empty(self, june: None) -> None:
        other = factories.make_coupon()

        assert funnel(Cut(JUNE, coupon_id=other.pk)) == Funnel(0, 0, 0, 0, 0)
        assert funnel(of_campaign(other)) == Funnel(0, 0, 0, 0, 0)

    def test_of_this_coupon_and_campaign_is_the_same(self, june: None, coupon: Coupon) -> None:
        assert funnel(Cut(JUNE, coupon_id=coupon.pk)) == funnel(IN_JUNE) == funnel(of_campaign(coupon))

    def test_of_a_segment(self, june: None, people: list[User]) -> None:
        for shopper in people[1:3]:
            Tag.objects.create(shopper=shopper, name="segment:x", source=TagSource.SEGMENTATION, set_at=JUNE.start)
        cut = Cut(JUNE, tag="segment:x")

        assert funnel(cut) == Funnel(2, 2, 1, 2, 1)
        assert (totals(cut).claims, totals(cut).redemptions, totals(cut).with_coupon.count) == (2, 1, 1)

    def test_another_coupons_look_is_no_look_at_this_one(self, people: list[User], coupon: Coupon) -> None:
        make_event(people[0], in_june(1), coupon=factories.make_coupon())
        make_claim_at(people[0], coupon, in_june(2))

        assert funnel(IN_JUNE) == Funnel(viewed=1, viewed_claimed=0, viewed_used=0, claimed=1, used=0)

    def test_rates_have_intervals(self, june: None) -> None:
        found = funnel(IN_JUNE)

        assert found.view_to_claim is not None
        assert found.view_to_claim.estimate == 0.5
        assert found.claim_to_use is not None
        assert found.claim_to_use.estimate == 0.5
        assert Funnel(0, 0, 0, 0, 0).view_to_claim is None


class TestRevenue:
    def test_is_goods_less_discount_and_refunds(self, people: list[User], coupon: Coupon) -> None:
        use_coupon(people[0], coupon, in_june(2))
        order = use_coupon(people[1], coupon, in_june(3), subtotal=60_00, refunded=4_00)
        # 20 came back, 5 of it for shipping.
        Order.objects.filter(pk=order.pk).update(shipping=5_00, payable=55_00, refunded=20_00)
        Refund.objects.create(order=order, amount=20_00, shipping=5_00, created_at=in_june(4))
        make_order(people[2], in_june(5), subtotal=500_00)
        found = revenue(IN_JUNE)

        # 90 + 50 - 15; 10 + 10 - 4
        assert (found.orders, found.revenue, found.cost) == (2, 125_00, 16_00)
        assert found.cost_share == pytest.approx(12.8)

    def test_leaves_added_tax_out(self, people: list[User], coupon: Coupon) -> None:
        order = use_coupon(people[0], coupon, in_june(2))
        # Goods 90, tax 9: half of both came back.
        Order.objects.filter(pk=order.pk).update(tax=9_00, payable=99_00, refunded=49_50)

        assert revenue(IN_JUNE).revenue == 45_00

    def test_of_nothing(self) -> None:
        assert (revenue(IN_JUNE).revenue, revenue(IN_JUNE).cost_share) == (0, None)


class TestRepurchase:
    def test_counts_each_shopper_once(self, people: list[User], coupon: Coupon) -> None:
        again, once, plain, plain_once, late = people
        # With the coupon: one ordered again on the thirtieth day, one an instant too late.
        use_coupon(again, coupon, in_june(2))
        make_order(again, in_june(32))
        use_coupon(once, coupon, in_june(2))
        make_order(once, in_june(32) + timedelta(microseconds=1))
        # Without: one ordered again, one did not.
        make_order(plain, in_june(3))
        make_order(plain, in_june(4))
        make_order(plain_once, in_june(3))
        # Could still come back.
        use_coupon(late, coupon, in_june(20))
        found = repurchase(IN_JUNE, known_until=in_june(45))

        assert found.with_coupon == Returning(shoppers=2, returned=1)
        assert found.without_coupon == Returning(shoppers=2, returned=1)
        assert found.with_coupon.rate is not None
        assert found.with_coupon.rate.estimate == 0.5

    def test_leaves_users_of_other_coupons_out(self, people: list[User], coupon: Coupon) -> None:
        use_coupon(people[0], factories.make_coupon(), in_june(2))
        use_coupon(people[1], coupon, in_june(2))
        found = repurchase(Cut(JUNE, coupon_id=coupon.pk), known_until=in_june(60))

        assert (found.with_coupon.shoppers, found.without_coupon.shoppers) == (1, 0)

    def test_begins_with_the_use_and_not_with_an_earlier_order(self, people: list[User], coupon: Coupon) -> None:
        make_order(people[0], in_june(1))
        use_coupon(people[0], coupon, in_june(2))

        assert repurchase(IN_JUNE, known_until=in_june(60)).with_coupon == Returning(1, 0)

    def test_of_nobody(self) -> None:
        assert repurchase(IN_JUNE, known_until=in_june(60)).with_coupon.rate is None


class TestSatisfaction:
    def test_has_mean_count_and_interval(self, people: list[User], coupon: Coupon) -> None:
        for shopper, score in zip(people, (5, 4, 3), strict=False):
            claim = use_coupon(shopper, coupon, in_june(2)).redemptions.get().claim
            ClaimRating.objects.create(claim=claim, score=score, rated_at=in_june(9))
        unanswered = use_coupon(people[3], coupon, in_june(2)).redemptions.get().claim
        ClaimRating.objects.create(claim=unanswered, score=1, rated_at=JUNE.end)
        found = satisfaction(IN_JUNE)

        assert (found.asked, found.answers, found.by_score, found.mean) == (4, 3, (0, 0, 1, 1, 1), 4)
        # 4 ± 4.3027 × sqrt(1 / 3), cut off at five stars.
        assert found.interval is not None
        assert (found.interval.low, found.interval.high) == (pytest.approx(1.516, abs=1e-3), 5)
        assert satisfaction(Cut(JUNE, coupon_id=factories.make_coupon().pk)).answers == 0

    def test_of_one_answer_has_no_interval(self, people: list[User], coupon: Coupon) -> None:
        claim = use_coupon(people[0], coupon, in_june(2)).redemptions.get().claim
        ClaimRating.objects.create(claim=claim, score=5, rated_at=in_june(9))

        assert (satisfaction(IN_JUNE).mean, satisfaction(IN_JUNE).interval) == (5, None)


class TestIncrementalProfit:
    def arms(self, treated: list[User]):
        """As the table of assignments answers: shopper, arm and since when."""
        is_treated = Case(
            When(pk__in=[shopper.pk for shopper in treated], then=True), default=False, output_field=BooleanField()
        )
        return User.objects.shoppers().annotate(
            shopper_id=F("pk"),
            is_treated=is_treated,
            assigned_at=Value(in_june(2), output_field=DateTimeField()),
        )

    def test_is_the_difference_of_means(self, people: list[User], coupon: Coupon) -> None:
        first, second, third, held, _held_too = people
        # At a margin of 40 %: 100 less 10 less 60 paid for it is 30; 50 of it came back of 90 paid: 30 × 4 / 9.
        use_coupon(first, coupon, in_june(3))
        half = use_coupon(second, coupon, in_june(3))
        Order.objects.filter(pk=half.pk).update(refunded=50_00)
        # Without a coupon 20 of 50; before the assignment, after the end and cancelled nothing.
        make_order(held, in_june(4), subtotal=50_00)
        make_order(held, in_june(2) - timedelta(seconds=1), subtotal=900_00)
        make_order(third, JUNE.end, subtotal=900_00)
        make_order(third, in_june(5), subtotal=900_00, refunded_at=in_june(6))
        found = incremental_profit(arms=self.arms([first, second, third]), until=JUNE.end, margin_percent=40)

        assert (found.treated.count, found.holdout.count) == (3, 2)
        assert found.treated.total == pytest.approx(30_00 + 30_00 * 4 / 9)
        assert found.holdout.total == pytest.approx(20_00)
        assert found.per_shopper is not None
        assert found.total is not None
        # (30 + 13.33) / 3 - 20 / 2
        assert found.per_shopper.estimate == pytest.approx(4_44.44, abs=0.01)
        assert found.total.estimate == pytest.approx(13_33.33, abs=0.01)
        assert not found.per_shopper.is_clear_of_zero

    def test_without_a_holdout_is_not_known(self, people: list[User]) -> None:
        found = incremental_profit(arms=self.arms(people), until=JUNE.end)

        assert (found.per_shopper, found.total) == (None, None)

    def test_of_a_campaign_goes_by_who_was_exposed_and_since_when(self, people: list[User]) -> None:
        campaign = make_campaign()
        arms = dict(zip((person.pk for person in people), (TREATED, TREATED, HOLDOUT, HOLDOUT), strict=False))
        exposures_log(experiment=campaign.experiment, arms=arms.items(), now=in_june(5))
        exposures_log(experiment="campaign:another", arms=[(people[4].pk, TREATED)], now=in_june(5))
        for person in people:
            # Before anybody was exposed, and after.
            make_order(person, in_june(4), subtotal=900_00)
        make_order(people[0], in_june(6), subtotal=80_00)
        make_order(people[2], in_june(6), subtotal=20_00)
        make_order(people[4], in_june(6), subtotal=900_00)

        found = campaign_incremental_profit(campaign=campaign, until=JUNE.end)

        assert (found.treated.count, found.holdout.count) == (2, 2)
        assert (found.treated.total, found.holdout.total) == (24_00, 6_00)

    def test_of_a_campaign_without_a_holdout_is_not_known(self, people: list[User]) -> None:
        found = campaign_incremental_profit(campaign=make_campaign(), until=JUNE.end)

        assert (found.treated.count, found.holdout.count, found.total) == (0, 0, None)


def test_a_claim_that_was_given_back_is_claimed_and_not_used(people: list[User], coupon: Coupon) -> None:
    make_claim_at(people[0], coupon, in_june(2), state=ClaimState.EXPIRED)

    assert (funnel(IN_JUNE).claimed, funnel(IN_JUNE).used) == (1, 0)
