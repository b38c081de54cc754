"""A marketer's decisions, and what they refuse to do."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import IntegrityError, transaction

from coupons.enums import AudienceKind, BenefitType, CouponState, CouponStatus, TierBasis
from coupons.errors import BenefitIncomplete, NoStock, NothingToUse, WindowOver, WrongCouponState
from coupons.models import Coupon, Stock
from coupons.services.publishing import coupon_end, coupon_pause, coupon_publish, coupon_resume
from tests import factories
from tests.factories import NOW
from users.models import User

pytestmark = pytest.mark.django_db

DECISIONS = {"publish": coupon_publish, "pause": coupon_pause, "resume": coupon_resume, "end": coupon_end}


class TestDecisions:
    @pytest.mark.parametrize(
        ("before", "decision", "after"),
        [
            (CouponState.DRAFT, "publish", CouponState.LIVE),
            (CouponState.LIVE, "pause", CouponState.PAUSED),
            (CouponState.SCHEDULED, "pause", CouponState.PAUSED),
            (CouponState.PAUSED, "resume", CouponState.LIVE),
            (CouponState.LIVE, "end", CouponState.ENDED),
            (CouponState.PAUSED, "end", CouponState.ENDED),
        ],
    )
    def test_move_a_coupon(self, marketer: User, before: CouponState, decision: str, after: CouponState) -> None:
        coupon = DECISIONS[decision](coupon=factories.make_coupon(state=before), actor=marketer, now=NOW)
        assert coupon.state(NOW) == after

    @pytest.mark.parametrize(
        ("state", "decision"),
        [
            (CouponState.LIVE, "publish"),
            (CouponState.ENDED, "publish"),
            (CouponState.DRAFT, "pause"),
            (CouponState.ENDED, "pause"),
            (CouponState.LIVE, "resume"),
            (CouponState.ENDED, "resume"),
            (CouponState.DRAFT, "end"),
            (CouponState.ENDED, "end"),
        ],
    )
    def test_that_make_no_sense_are_refused(self, marketer: User, state: CouponState, decision: str) -> None:
        coupon = factories.make_coupon(state=state)
        with pytest.raises(WrongCouponState):
            DECISIONS[decision](coupon=coupon, actor=marketer, now=NOW)

    def test_are_remembered_with_who_and_what(self, marketer: User) -> None:
        coupon = coupon_publish(coupon=factories.make_coupon(state=CouponState.DRAFT), actor=marketer, now=NOW)
        newest = coupon.history.first()
        assert (newest.history_user, newest.history_change_reason) == (marketer, "published")


class TestPublishing:
    def test_an_over_window_is_refused(self, marketer: User) -> None:
        coupon = factories.make_coupon(state=CouponState.DRAFT)
        with pytest.raises(WindowOver):
            coupon_publish(coupon=coupon, actor=marketer, now=coupon.claim_ends_at)

    def test_a_coupon_that_nobody_could_use_is_refused(self, marketer: User) -> None:
        coupon = factories.make_coupon(state=CouponState.DRAFT, usable_until=NOW - timedelta(days=1))
        with pytest.raises(NothingToUse):
            coupon_publish(coupon=coupon, actor=marketer, now=NOW)

    def test_a_coupon_without_stock_is_refused(self, marketer: User) -> None:
        coupon = factories.make_coupon(state=CouponState.DRAFT)
        coupon.stock_buckets.all().delete()
        Stock.objects.filter(coupon=coupon).delete()
        with pytest.raises(NoStock):
            coupon_publish(coupon=coupon, actor=marketer, now=NOW)

    def test_without_a_tier(self, marketer: User) -> None:
        coupon = factories.make_coupon(
            state=CouponState.DRAFT, benefit_type=BenefitType.TIERED, tier_basis=TierBasis.AMOUNT
        )
        with pytest.raises(BenefitIncomplete):
            coupon_publish(coupon=coupon, actor=marketer, now=NOW)
        coupon.tiers.create(minimum_spend=100_00, amount_off=10_00)
        assert coupon_publish(coupon=coupon, actor=marketer, now=NOW).status == CouponStatus.PUBLISHED


class TestTheDatabaseRefuses:
    """Whoever goes around the forms meets the constraints."""

    @pytest.mark.parametrize(
        "wrong",
        [
            {"amount_off": 0},
            {"amount_off": -1},
            {"amount_off": None},
            {"percent_off": 10},
            {"benefit_type": BenefitType.PERCENT_OFF},
            {"benefit_type": BenefitType.PERCENT_OFF, "amount_off": None, "percent_off": 101},
            {"benefit_type": BenefitType.PERCENT_OFF, "amount_off": None, "percent_off": 10, "discount_cap": 0},
            {"benefit_type": "free_beer"},
            {"minimum_spend": -1},
            {"status": "open"},
            {"claim_ends_at": factories.LONG_AGO},
            {"usable_until": None},
            {"usable_from": factories.LONG_FROM_NOW + timedelta(days=1)},
            {"limit_per_shopper": 0},
            {"limit_per_day": 0},
            {"limit_per_shopper_per_day": 0},
            {"audience": AudienceKind.TAGGED},
        ],
    )
    def test_an_impossible_coupon(self, coupon: Coupon, wrong: dict[str, object]) -> None:
        with pytest.raises(IntegrityError), transaction.atomic():
            Coupon.objects.filter(pk=coupon.pk).update(**wrong)

    def test_an_unlimited_coupon_with_stock(self, coupon: Coupon) -> None:
        with pytest.raises(IntegrityError), transaction.atomic():
            Stock.objects.filter(coupon=coupon).update(is_unlimited=True)

    def test_negative_stock(self, coupon: Coupon) -> None:
        with pytest.raises(IntegrityError), transaction.atomic():
            coupon.stock_buckets.update(remaining=-1)


def test_a_new_coupon_is_a_draft() -> None:
    assert Coupon().status == CouponStatus.DRAFT
