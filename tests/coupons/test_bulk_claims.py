"""Handing out in bulk: the same answers as one claim after the other, in a handful of statements."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from django.test.utils import CaptureQueriesContext

from config.kernel.errors import DomainError
from coupons.enums import AudienceKind, ClaimChannel, ClaimState, CouponState, Handout, WaitingState
from coupons.errors import Ended, NotEligible, NotStarted, Paused, SoldOut, TermsNeeded
from coupons.models import Claim, Coupon, DailyClaimCount, ReleaseBatch, WaitingEntry
from coupons.services.bulk_claims import claims_create_many
from coupons.services.claims import claim_create
from coupons.services.stock import stock_top_up
from coupons.services.waiting import waiting_join
from tests import factories
from tests.factories import NOW
from tests.forms import rounds
from tests.invariants import assert_invariants
from users.enums import TagSource
from users.models import Tag, User

pytestmark = pytest.mark.django_db


def crowd_of(count: int) -> list[User]:
    return [factories.make_shopper() for _ in range(count)]


def hand_out(
    coupon: Coupon, shoppers: list[User], channel: ClaimChannel = ClaimChannel.WEB, now: Any = NOW
) -> list[Claim | DomainError]:
    with transaction.atomic():
        return claims_create_many(
            coupon_id=coupon.pk, shoppers=[shopper.pk for shopper in shoppers], channel=channel, now=now
        )


def kinds(outcomes: list[Claim | DomainError]) -> list[str]:
    return ["claim" if isinstance(outcome, Claim) else type(outcome).__name__ for outcome in outcomes]


def only(outcomes: list[Claim | DomainError]) -> DomainError:
    (outcome,) = outcomes
    assert isinstance(outcome, DomainError)
    return outcome


class TestClaims:
    def test_are_what_a_single_claim_would_be(self, coupon: Coupon) -> None:
        single = claim_create(shopper=factories.make_shopper(), coupon=coupon, channel=ClaimChannel.WEB, now=NOW)
        (made,) = hand_out(coupon, crowd_of(1))
        assert isinstance(made, Claim)
        stored = Claim.objects.get(pk=made.pk)
        for field in Claim._meta.concrete_fields:
            assert getattr(stored, field.attname) == getattr(made, field.attname)
            if field.name not in ("id", "public_id", "shopper"):
                assert getattr(stored, field.attname) == getattr(single, field.attname)
        (entry,), (other,) = stored.entries.all(), single.entries.all()
        for name in ("from_state", "to_state", "order", "reason", "data", "created_at"):
            assert getattr(entry, name) == getattr(other, name)

    def test_come_in_the_order_of_the_shoppers(self, coupon: Coupon) -> None:
        shoppers = crowd_of(5)
        random.Random(3).shuffle(shoppers)
        outcomes = hand_out(coupon, shoppers)
        assert [claim.shopper_id for claim in outcomes if isinstance(claim, Claim)] == [each.pk for each in shoppers]
        assert_invariants(coupon)

    def test_belong_to_the_callers_transaction(self, coupon: Coupon) -> None:
        with transaction.atomic():
            assert kinds(hand_out(coupon, crowd_of(3))) == ["claim"] * 3
            transaction.set_rollback(True)
        assert not Claim.objects.exists()
        assert coupon.stock.remaining() == 100
        assert_invariants(coupon)

    def test_to_nobody_are_none(self, coupon: Coupon) -> None:
        assert hand_out(coupon, []) == []

    def test_cost_as_many_statements_for_a_hundred_as_for_ten(self, django_assert_max_num_queries: Any) -> None:
        coupon = factories.make_coupon(bucket_count=16, limit_per_day=200, stock=3200)
        ten, hundred = crowd_of(10), crowd_of(100)
        for shoppers in (ten, hundred):
            with django_assert_max_num_queries(11) as seen:
                hand_out(coupon, shoppers)
            assert isinstance(seen, CaptureQueriesContext)
        assert coupon.claims.count() == 110

    @pytest.mark.parametrize("buckets", [1, 16])
    def test_stop_where_the_stock_stops(self, buckets: int) -> None:
        coupon = factories.make_coupon(stock=25, bucket_count=buckets)
        outcomes = hand_out(coupon, crowd_of(40))
        assert kinds(outcomes) == ["claim"] * 25 + ["SoldOut"] * 15
        assert coupon.stock.remaining() == 0
        assert_invariants(coupon)

    def test_stop_where_the_day_stops(self) -> None:
        coupon = factories.make_coupon(limit_per_day=7)
        outcomes = hand_out(coupon, crowd_of(10))
        assert kinds(outcomes) == ["claim"] * 7 + ["LimitReached"] * 3
        assert DailyClaimCount.objects.get(coupon=coupon).claimed == 7
        assert_invariants(coupon)

    def test_of_an_unlimited_coupon_need_no_stock(self) -> None:
        assert kinds(hand_out(factories.make_coupon(stock=None), crowd_of(3))) == ["claim"] * 3

    def test_pass_over_whom_a_limit_stops(self) -> None:
        coupon = factories.make_coupon(stock=2, limit_per_shopper=1)
        shoppers = crowd_of(3)
        hand_out(coupon, shoppers[:1])
        stock_top_up(coupon=coupon, quantity=1, actor=None, now=NOW)
        assert kinds(hand_out(coupon, shoppers)) == ["LimitReached", "claim", "claim"]
        assert_invariants(coupon)

    def test_open_a_release_batch_whose_time_has_come(self) -> None:
        coupon = factories.make_coupon(stock=2)
        ReleaseBatch.objects.create(coupon=coupon, opens_at=NOW, quantity=3)
        later = ReleaseBatch.objects.create(coupon=coupon, opens_at=NOW + timedelta(hours=1), quantity=5)
        assert kinds(hand_out(coupon, crowd_of(7))) == ["claim"] * 5 + ["SoldOut"] * 2
        assert coupon.release_batches.exclude(pk=later.pk).get().opened_at == NOW
        assert_invariants(coupon)


class TestWhoWaits:
    @pytest.fixture
    def coupon(self) -> Coupon:
        return factories.make_coupon(stock=0)

    def test_is_not_overtaken(self, coupon: Coupon) -> None:
        waiting_join(coupon=coupon, shopper=factories.make_shopper(), now=NOW)
        stock_top_up(coupon=coupon, quantity=3, actor=None, now=NOW)
        assert kinds(hand_out(coupon, crowd_of(4))) == ["claim", "claim", "SoldOut", "SoldOut"]
        assert coupon.stock.remaining() == 1
        assert_invariants(coupon)

    def test_is_off_the_list_with_a_claim_from_elsewhere(self, coupon: Coupon) -> None:
        waits, other = crowd_of(2)
        for shopper in (waits, other):
            waiting_join(coupon=coupon, shopper=shopper, now=NOW)
        stock_top_up(coupon=coupon, quantity=3, actor=None, now=NOW)
        newcomer = factories.make_shopper()
        (made, for_newcomer) = hand_out(coupon, [waits, newcomer])
        assert kinds([made, for_newcomer]) == ["claim", "claim"]
        entry = WaitingEntry.objects.get(shopper=waits)
        assert (entry.state, entry.claim, entry.closed_at) == (WaitingState.GRANTED, made, NOW)
        assert WaitingEntry.objects.waiting(coupon.pk).get().shopper == other
        assert coupon.stock.remaining() == 1

    def test_is_served_by_the_list_itself(self, coupon: Coupon) -> None:
        shoppers = crowd_of(2)
        for shopper in shoppers:
            waiting_join(coupon=coupon, shopper=shopper, now=NOW)
        stock_top_up(coupon=coupon, quantity=1, actor=None, now=NOW)
        assert kinds(hand_out(coupon, shoppers, ClaimChannel.WAITING_LIST)) == ["claim", "SoldOut"]


class TestRefusals:
    @pytest.mark.parametrize(
        ("state", "error"),
        [
            (CouponState.SCHEDULED, NotStarted),
            (CouponState.PAUSED, Paused),
            (CouponState.ENDED, Ended),
            (CouponState.DRAFT, Ended),
        ],
    )
    def test_for_a_coupon_that_is_not_open(self, state: CouponState, error: type[DomainError]) -> None:
        assert type(only(hand_out(factories.make_coupon(state=state), crowd_of(1)))) is error

    def test_for_one_that_could_not_be_used(self) -> None:
        coupon = factories.make_coupon(usable_until=NOW)
        assert isinstance(only(hand_out(coupon, crowd_of(1))), Ended)
        assert_invariants(coupon)

    def test_for_one_whose_terms_the_shopper_chooses(self, coupon: Coupon) -> None:
        factories.make_envelope(coupon=coupon)
        assert isinstance(only(hand_out(coupon, crowd_of(1))), TermsNeeded)

    @pytest.mark.parametrize(
        ("handout", "reason"),
        [(Handout.CODE, "code_needed"), (Handout.LOTTERY, "not_claimable"), (Handout.GRANT, "not_claimable")],
    )
    def test_for_one_that_comes_another_way(self, handout: Handout, reason: str) -> None:
        assert only(hand_out(factories.make_coupon(handout=handout), crowd_of(1))).data == {"reason": reason}

    def test_not_for_one_that_is_granted_by_the_shop(self) -> None:
        coupon = factories.make_coupon(handout=Handout.GRANT)
        (made,) = hand_out(coupon, crowd_of(1), ClaimChannel.GRANT)
        assert isinstance(made, Claim)
        assert made.channel == ClaimChannel.GRANT

    def test_for_each_shopper_apart(self) -> None:
        coupon = factories.make_coupon(audience=AudienceKind.TAGGED, audience_tag="vip")
        tagged, closed, plain, expired = crowd_of(4)
        User.objects.filter(pk=closed.pk).update(is_active=False)
        for shopper, ends in ((tagged, None), (closed, None), (expired, NOW)):
            Tag.objects.create(
                shopper=shopper, name="vip", source=TagSource.MARKETER, set_at=factories.LONG_AGO, expires_at=ends
            )
        made, *refusals = hand_out(coupon, [tagged, closed, plain, expired])
        assert isinstance(made, Claim)
        assert [refusal.data["reason"] for refusal in refusals if isinstance(refusal, NotEligible)] == [
            "account_closed",
            "tag_needed",
            "tag_needed",
        ]
        assert_invariants(coupon)

    def test_for_who_has_ordered(self) -> None:
        coupon = factories.make_coupon(audience=AudienceKind.NEW_SHOPPERS)
        shopper, new = crowd_of(2)
        factories.make_paid_order(shopper=shopper, payable=10_00)
        refusal, made = hand_out(coupon, [shopper, new])
        assert isinstance(refusal, NotEligible)
        assert refusal.data == {"reason": "new_shoppers_only"}
        assert isinstance(made, Claim)


def one_after_the_other(coupon: Coupon, shoppers: list[User]) -> list[Claim | DomainError]:
    outcomes: list[Claim | DomainError] = []
    for shopper in shoppers:
        try:
            outcomes.append(claim_create(shopper=shopper, coupon=coupon, channel=ClaimChannel.WEB, now=NOW))
        except DomainError as refusal:
            outcomes.append(refusal)
    return outcomes


def spell(outcomes: list[Claim | DomainError]) -> list[tuple[Any, ...]]:
    """What can be compared between two coupons."""
    return [
        (outcome.shopper_id, outcome.ordinal, outcome.state == ClaimState.AVAILABLE)
        if isinstance(outcome, Claim)
        else (type(outcome), outcome.data)
        for outcome in outcomes
    ]


@pytest.mark.parametrize("seed", range(rounds(short=25, long=1000)))
def test_it_agrees_with_single_claims(seed: int) -> None:
    """Two coupons alike, the same shoppers with the same past: both ways of handing out give the same answers."""
    rng = random.Random(seed)
    shoppers = crowd_of(rng.randint(1, 14))
    fields: dict[str, Any] = {
        "stock": rng.choice([None, 0, 1, rng.randint(0, 20), 200]),
        "bucket_count": rng.choice([1, 1, 4]),
        "limit_per_shopper": rng.choice([1, 2, 3]),
        "limit_per_shopper_per_day": rng.choice([None, None, 1, 2]),
        "limit_per_day": rng.choice([None, None, 1, rng.randint(1, 20)]),
        "audience": rng.choice([AudienceKind.EVERYONE, AudienceKind.EVERYONE, AudienceKind.TAGGED]),
        "audience_tag": "vip",
        "usable_days": rng.choice([None, 7]),
    }
    if fields["usable_days"] is None:
        del fields["usable_days"]
    pair = [factories.make_coupon(**fields) for _ in range(2)]
    for shopper in shoppers:
        if rng.random() < 0.7:
            Tag.objects.create(shopper=shopper, name="vip", source=TagSource.MARKETER, set_at=factories.LONG_AGO)
        if rng.random() < 0.1:
            shopper.is_active = False
            shopper.save(update_fields=["is_active"])
    past = [
        (rng.choice(shoppers), NOW - timedelta(days=rng.choice([0, 0, 1]))) for _ in range(rng.choice([0, 0, 3, 8]))
    ]
    waiting = rng.sample(shoppers, k=rng.choice([0, 0, min(3, len(shoppers))]))
    comes = rng.choice([0, 0, 2, 5])
    for coupon in pair:
        for shopper, then in past:
            hand_out(coupon, [shopper], now=then)
        if coupon.stock.remaining() == 0:
            for shopper in waiting:
                WaitingEntry.objects.create(coupon=coupon, shopper=shopper, joined_at=NOW)
            if comes:
                stock_top_up(coupon=coupon, quantity=comes, actor=None, now=NOW)
    for _again in range(2):
        rng.shuffle(shoppers)
        apart, together = one_after_the_other(pair[0], shoppers), hand_out(pair[1], shoppers)
        assert spell(together) == spell(apart)
        states = [
            list(WaitingEntry.objects.filter(coupon=coupon).order_by("pk").values_list("shopper", "state"))
            for coupon in pair
        ]
        assert states[0] == states[1]
        assert pair[0].stock.remaining() == pair[1].stock.remaining()
        for coupon in pair:
            assert_invariants(coupon)


def test_a_sold_out_coupon_raises_no_counter() -> None:
    """Control of the agreement above: the shoppers who came too late may still claim after a top-up."""
    coupon = factories.make_coupon(stock=1)
    shoppers = crowd_of(3)
    assert kinds(hand_out(coupon, shoppers)) == ["claim", "SoldOut", "SoldOut"]
    assert isinstance(only(hand_out(coupon, shoppers[2:])), SoldOut)
    stock_top_up(coupon=coupon, quantity=2, actor=None, now=NOW)
    assert kinds(hand_out(coupon, shoppers[1:])) == ["claim", "claim"]
    assert_invariants(coupon)
