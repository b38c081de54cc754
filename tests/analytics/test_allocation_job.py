"""The nightly allocation: within the budget, by what was known, honoured by the claim core."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from analytics.enums import RunReason, RunState
from analytics.jobs import allocation as job
from analytics.jobs import allocation_decision
from analytics.jobs.allocation import dry_run, run_allocation, run_allocations
from analytics.jobs.allocation_decision import Decision, Effect, decide
from analytics.models import AllocationPlan, Run
from analytics.selectors import holdout_results
from analytics.selectors.holdout_results import latest_holdout_result
from analytics.selectors.windows import learning_window
from campaigns.enums import CampaignStatus
from campaigns.models import Campaign, Exposure
from campaigns.services.exposures import campaign_exposures_log
from config.kernel.lots import border_of
from coupons.enums import ClaimChannel, ClaimState
from coupons.errors import NotEligible
from coupons.holdouts import is_held_out
from coupons.models import Allocation, Claim
from coupons.services.claims import claim_create
from tests import factories
from tests.analytics.builders import (
    make_claim_at,
    make_order,
    make_plan,
    make_population,
    make_purchase,
    make_redemption,
)
from tests.campaigns.makers import make_campaign
from tests.factories import NOW
from users.enums import TagSource
from users.models import Tag, User

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture
def crowd() -> list[User]:
    return make_population(NOW)


def decide_by_response(plan: AllocationPlan, *, as_of: datetime = NOW) -> Decision:
    window = learning_window(now=NOW, as_of=as_of, fewest_shoppers=1)
    return decide(plan=plan, window=window, effect=lambda: Effect(None, {}), now=NOW)


def claim_all(plan: AllocationPlan) -> list[Claim]:
    return [
        claim_create(shopper=chosen.shopper, coupon=chosen.coupon, channel=ClaimChannel.WEB, now=NOW)
        for chosen in Allocation.objects.filter(coupon__campaigns=plan.campaign).select_related("shopper", "coupon")
    ]


def rows() -> dict[int, tuple[int, Any]]:
    return {
        shopper: (coupon, explanation["value"])
        for shopper, coupon, explanation in Allocation.objects.values_list("shopper", "coupon", "explanation")
    }


class TestARun:
    def test_sets_coupons_aside_within_the_budget(self, crowd: list[User]) -> None:
        plan = make_plan(NOW, budget=30_00)
        (run,) = run_allocations(now=NOW)
        plan.refresh_from_db()
        assert (run.state, plan.last_run) == (RunState.PUBLISHED, run)
        metrics = run.metrics
        assert 0 < metrics["allocated"] == Allocation.objects.count() < metrics["shoppers"] == len(crowd)
        assert 0 < metrics["spend"] <= 30_00
        assert metrics["value"] > metrics["spend"]
        assert metrics["shadow_price"] > 0
        assert sum(metrics["coupons"].values()) == metrics["allocated"]
        allocation = Allocation.objects.first()
        assert allocation is not None
        assert (allocation.computed_at, allocation.until) == (NOW, NOW + 2 * DAY)
        assert allocation.explanation["run"] == run.pk
        assert 0 < allocation.explanation["chance"] < 1

    def test_whoever_was_chosen_can_claim_and_no_other(self, crowd: list[User]) -> None:
        plan = make_plan(NOW, budget=30_00)
        run_allocation(plan=plan, now=NOW)
        chosen = Allocation.objects.select_related("shopper", "coupon").first()
        assert chosen is not None
        assert claim_create(shopper=chosen.shopper, coupon=chosen.coupon, channel=ClaimChannel.WEB, now=NOW)
        other = next(shopper for shopper in crowd if shopper.pk not in rows())
        with pytest.raises(NotEligible):
            claim_create(shopper=other, coupon=chosen.coupon, channel=ClaimChannel.WEB, now=NOW)

    def test_a_second_run_decides_the_same(self, crowd: list[User]) -> None:
        plan = make_plan(NOW, budget=30_00)
        run_allocation(plan=plan, now=NOW)
        first = rows()
        run_allocation(plan=plan, now=NOW)
        assert rows() == first

    def test_what_happens_later_moves_nothing(self, crowd: list[User]) -> None:
        plan = make_plan(NOW, budget=30_00)
        before = decide_by_response(plan)
        for shopper in crowd[:40]:
            make_purchase(shopper, NOW, value=9_999_00)
            make_order(shopper, NOW + DAY, subtotal=5_000_00)
        after = decide_by_response(plan)
        assert (after.allocation.choice == before.allocation.choice).all()
        assert (after.expected.values == before.expected.values).all()
        # Control: a day later it does.
        later = decide_by_response(plan, as_of=NOW + DAY)
        assert not (later.expected.values == before.expected.values).all()

    def test_more_budget_brings_more(self, crowd: list[User]) -> None:
        plan = make_plan(NOW, budget=10_00)
        poor = run_allocation(plan=plan, now=NOW).metrics
        plan.budget = 40_00
        rich = run_allocation(plan=plan, now=NOW).metrics
        assert rich["value"] > poor["value"]
        assert rich["shadow_price"] <= poor["shadow_price"]

    def test_the_campaigns_budget_serves_where_the_plan_has_none(self, crowd: list[User]) -> None:
        plan = make_plan(NOW)
        assert run_allocation(plan=plan, now=NOW).reason == RunReason.NO_BUDGET
        plan.campaign.budget = factories.make_budget(cap=50_00, spent=20_00)
        assert plan.money == 30_00
        assert run_allocation(plan=plan, now=NOW).metrics["spend"] <= 30_00

    def test_the_holdout_is_exposed_and_gets_nothing(self, crowd: list[User]) -> None:
        plan = make_plan(NOW, budget=60_00, holdout_percent=50)
        metrics = run_allocation(plan=plan, now=NOW).metrics
        coupon = plan.campaign.coupons.first()
        assert coupon is not None
        assert not any(is_held_out(coupon, shopper) for shopper in rows())
        assert metrics["held_out"] > 0
        arms = dict(Exposure.objects.values_list("shopper", "arm"))
        # What the holdout does not cost is spent on the others, and no more. Whom the lot takes differs by campaign.
        assert 40_00 < metrics["spend"] <= 60_00
        assert len(arms) == metrics["held_out"] + metrics["allocated"]
        assert {shopper for shopper, arm in arms.items() if arm == "treated"} == set(rows())

    def test_a_coupon_that_keeps_nobody_out_exposes_nobody(self, crowd: list[User]) -> None:
        # As if it had been public before its campaign.
        plan = make_plan(NOW, budget=60_00, holdout_percent=50, amounts=(5_00,))
        plan.campaign.coupons.update(holdout_salt="", holdout_below="")
        metrics = run_allocation(plan=plan, now=NOW).metrics
        assert metrics["allocated"] > 0
        assert metrics["held_out"] == 0
        assert not Exposure.objects.exists()
        # Control: one that was a draft.
        plan.campaign.coupons.update(holdout_salt="salt", holdout_below=border_of(0.5))
        assert run_allocation(plan=plan, now=NOW).metrics["held_out"] > 0
        assert Exposure.objects.exists()

    def test_floors_reach_every_segment(self, crowd: list[User]) -> None:
        for number, shopper in enumerate(crowd):
            Tag.objects.create(
                shopper=shopper, name=f"segment:s{number // 20}", source=TagSource.SEGMENTATION, set_at=NOW
            )
        plan = make_plan(NOW, budget=100_00)
        free = run_allocation(plan=plan, now=NOW).metrics["segments"]
        assert min(free.values()) < 0.2
        plan.floor_percent = 20
        assert min(run_allocation(plan=plan, now=NOW).metrics["segments"].values()) >= 0.2
        plan.floor_percent, plan.budget = 100, 1
        refused = run_allocation(plan=plan, now=NOW)
        assert (refused.state, refused.reason) == (RunState.SKIPPED, RunReason.FLOORS_TOO_DEAR)

    def test_who_claimed_counts_towards_the_floor(self, crowd: list[User]) -> None:
        for shopper in crowd:
            Tag.objects.create(shopper=shopper, name="segment:all", source=TagSource.SEGMENTATION, set_at=NOW)
        plan = make_plan(NOW, budget=500_00, floor_percent=50)
        run_allocation(plan=plan, now=NOW)
        assert len(claim_all(plan)) >= len(crowd) / 2
        plan.budget = 0
        assert run_allocation(plan=plan, now=NOW).state == RunState.PUBLISHED
        # Control: of claims before the campaign the floor knows nothing.
        Claim.objects.update(claimed_at=plan.campaign.starts_at - DAY)
        assert run_allocation(plan=plan, now=NOW).reason == RunReason.FLOORS_TOO_DEAR

    def test_who_had_enough_gets_nothing(self, crowd: list[User]) -> None:
        plan = make_plan(NOW, budget=30_00)
        run_allocation(plan=plan, now=NOW)
        chosen = next(iter(rows()))
        for _number in range(9):
            factories.make_claim(shopper=User.objects.get(pk=chosen), now=NOW - 5 * DAY)
        plan.most_claims = 9
        metrics = run_allocation(plan=plan, now=NOW).metrics
        assert chosen not in rows()
        assert metrics["excluded"] == 1

    def test_who_has_it_is_not_given_it_again(self, crowd: list[User]) -> None:
        plan = make_plan(NOW, budget=10_000_00, amounts=(5_00,))
        run_allocation(plan=plan, now=NOW)
        chosen = Allocation.objects.select_related("shopper", "coupon").first()
        assert chosen is not None
        claim_create(shopper=chosen.shopper, coupon=chosen.coupon, channel=ClaimChannel.WEB, now=NOW)
        run_allocation(plan=plan, now=NOW)
        assert chosen.shopper_id not in rows()
        assert Claim.objects.filter(coupon=chosen.coupon).count() == 1

    def test_who_has_one_of_a_plan_is_given_no_other(self, crowd: list[User]) -> None:
        plan = make_plan(NOW, budget=10_000_00, amounts=(5_00, 5_01))
        run_allocation(plan=plan, now=NOW)
        claims = claim_all(plan)
        held, used, given, expired = claims[:4]
        Claim.objects.filter(pk=used.pk).update(state=ClaimState.REDEEMED, order=make_order(used.shopper, NOW))
        Claim.objects.filter(pk=given.pk).update(state=ClaimState.GIFTED)
        Claim.objects.filter(pk=expired.pk).update(state=ClaimState.EXPIRED)
        run_allocation(plan=plan, now=NOW)
        assert not {held.shopper_id, used.shopper_id, given.shopper_id} & set(rows())
        # Who let one expire has none, and may have the other; so may who claimed before the campaign.
        assert expired.shopper_id in rows()
        Claim.objects.filter(pk=held.pk).update(claimed_at=plan.campaign.starts_at - DAY)
        run_allocation(plan=plan, now=NOW)
        assert held.shopper_id in rows()

    def test_a_coupon_that_nobody_can_use_goes_to_nobody(self, crowd: list[User]) -> None:
        plan = make_plan(NOW, budget=500_00, amounts=(5_00,), floor_percent=50)
        plan.campaign.coupons.update(minimum_spend=100_000_00)
        for shopper in crowd:
            Tag.objects.create(shopper=shopper, name="segment:all", source=TagSource.SEGMENTATION, set_at=NOW)
        assert run_allocation(plan=plan, now=NOW).metrics["allocated"] == 0
        # Control: one that can be used fills the floor.
        plan.campaign.coupons.update(minimum_spend=10_00)
        assert run_allocation(plan=plan, now=NOW).metrics["allocated"] >= len(crowd) / 2

    def test_a_refused_run_leaves_last_night_as_it_was(self, crowd: list[User]) -> None:
        plan = make_plan(NOW, budget=30_00)
        run_allocation(plan=plan, now=NOW)
        before = rows()
        plan.budget = None
        assert run_allocation(plan=plan, now=NOW).state == RunState.SKIPPED
        assert rows() == before

    def test_only_running_campaigns_and_active_plans(self, crowd: list[User]) -> None:
        idle = make_plan(NOW, budget=1, is_active=False)
        over, paused = make_plan(NOW, budget=1), make_plan(NOW, budget=1)
        type(over.campaign).objects.filter(pk=over.campaign.pk).update(ends_at=NOW)
        type(paused.campaign).objects.filter(pk=paused.campaign.pk).update(status=CampaignStatus.PAUSED)
        assert run_allocations(now=NOW) == []
        assert idle.last_run is None

    def test_what_a_plan_left_that_is_over_is_cleared_away(self, crowd: list[User]) -> None:
        plan = make_plan(NOW, budget=30_00)
        run_allocations(now=NOW)
        assert Allocation.objects.exists()
        Campaign.objects.filter(pk=plan.campaign.pk).update(status=CampaignStatus.ENDED)
        run_allocations(now=NOW + timedelta(days=2))
        assert Allocation.objects.exists()
        assert run_allocations(now=NOW + timedelta(days=4)) == []
        assert not Allocation.objects.exists()

    @pytest.mark.parametrize(
        "fields",
        [{"status": CampaignStatus.DRAFT}, {"status": CampaignStatus.ENDED}, {"ends_at": NOW}],
    )
    def test_deciding_now_needs_a_running_campaign_too(self, crowd: list[User], fields: dict[str, Any]) -> None:
        plan = make_plan(NOW, budget=30_00, holdout_percent=50)
        Campaign.objects.filter(pk=plan.campaign.pk).update(**fields)
        run = run_allocation(plan=AllocationPlan.objects.get(), now=NOW)
        assert (run.state, run.reason) == (RunState.SKIPPED, RunReason.NOTHING_TO_GIVE)
        assert not Allocation.objects.exists()
        assert not Exposure.objects.exists()

    def test_looks_no_further_ahead_than_coupons_can_be_used(self, crowd: list[User]) -> None:
        plan = make_plan(NOW, budget=30_00)

        def buys(days: int) -> Any:
            plan.campaign.coupons.update(usable_until=None, usable_days=days)
            return decide_by_response(plan).expected.buys

        assert (buys(5) < buys(30)).all()
        assert (buys(300) == buys(30)).all()
        # The campaign's end is not the end of what was claimed in it: that may cost its money later.
        month = buys(30)
        plan.campaign.ends_at = NOW + DAY
        assert (decide_by_response(plan).expected.buys == month).all()

    def test_one_that_fails_keeps_no_other_from_being_decided(
        self, crowd: list[User], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        broken, sound = make_plan(NOW, budget=30_00), make_plan(NOW, budget=30_00)
        real = allocation_decision.coupons_to_allocate

        def coupons(plan: AllocationPlan) -> list[Any]:
            if plan.pk == broken.pk:
                raise ZeroDivisionError
            return real(plan)

        monkeypatch.setattr(allocation_decision, "coupons_to_allocate", coupons)
        with pytest.raises(ExceptionGroup) as failed:
            run_allocations(now=NOW)
        assert [type(error) for error in failed.value.exceptions] == [ZeroDivisionError]
        assert list(Run.objects.order_by("pk").values_list("state", flat=True)) == [
            RunState.FAILED,
            RunState.PUBLISHED,
        ]
        assert Allocation.objects.filter(coupon__campaigns=sound.campaign).exists()

    def test_plans_share_what_the_holdout_showed(self, crowd: list[User], monkeypatch: pytest.MonkeyPatch) -> None:
        asked: list[datetime] = []

        def shown(*, before: datetime) -> Effect:
            asked.append(before)
            return Effect(None, {})

        monkeypatch.setattr(job, "effect_shown", shown)
        for _number in range(3):
            make_plan(NOW, budget=30_00)
        assert len(run_allocations(now=NOW)) == 3
        assert asked == [NOW]

    def test_a_shop_without_buyers_gives_nobody_anything(self) -> None:
        assert run_allocation(plan=make_plan(NOW, budget=30_00), now=NOW).metrics["allocated"] == 0


class TestABudget:
    def test_is_not_spent_anew_every_night(self, crowd: list[User]) -> None:
        plan = make_plan(NOW, budget=20_00)
        first = run_allocation(plan=plan, now=NOW).metrics
        assert first["committed"] == 0
        # Control: what nobody has claimed costs nothing.
        assert run_allocation(plan=plan, now=NOW).metrics["spend"] == first["spend"]
        claims = claim_all(plan)
        second = run_allocation(plan=plan, now=NOW).metrics
        assert second["committed"] > 0
        assert second["committed"] + second["spend"] <= 20_01
        # What was used is paid in full, less what was given back.
        for claim in claims[:2]:
            order = make_order(claim.shopper, NOW, discount=5_00)
            Claim.objects.filter(pk=claim.pk).update(state=ClaimState.REDEEMED, order=order)
            make_redemption(claim, order, amount=5_00, refunded=1_00)
        third = decide_by_response(plan).committed
        assert 8_00 < third < 8_00 + second["committed"]
        Claim.objects.filter(state=ClaimState.AVAILABLE).update(state=ClaimState.EXPIRED)
        assert decide_by_response(plan).committed == 8_00

    def test_of_the_campaign_is_without_what_was_used(self, crowd: list[User]) -> None:
        plan = make_plan(NOW)
        plan.campaign.budget = factories.make_budget(cap=50_00, spent=20_00)
        claim = make_claim_at(crowd[0], plan.campaign.coupons.all()[0], NOW)
        order = make_order(crowd[0], NOW, discount=5_00)
        Claim.objects.filter(pk=claim.pk).update(state=ClaimState.REDEEMED, order=order)
        make_redemption(claim, order, amount=5_00)
        assert decide_by_response(plan).committed == 0
        # Control: a plan's own budget has not been told of it.
        plan.budget = 30_00
        assert decide_by_response(plan).committed == 5_00

    def test_counts_claims_of_this_campaign_alone(self, crowd: list[User]) -> None:
        plan = make_plan(NOW, budget=30_00)
        coupon = plan.campaign.coupons.all()[0]
        make_claim_at(crowd[0], coupon, plan.campaign.starts_at - DAY)
        make_claim_at(crowd[0], factories.make_coupon(), NOW)
        assert decide_by_response(plan).committed == 0
        make_claim_at(crowd[0], coupon, plan.campaign.starts_at)
        assert decide_by_response(plan).committed > 0
        # A holder of whom no purchase is known costs what all buyers cost on average.
        before = decide_by_response(plan).committed
        make_claim_at(factories.make_shopper(), coupon, NOW)
        assert decide_by_response(plan).committed > before

    def test_of_a_dry_run_is_whole(self, crowd: list[User]) -> None:
        plan = make_plan(NOW, budget=30_00)
        free = dry_run(plan=plan, now=NOW)
        for shopper in crowd:
            make_claim_at(shopper, plan.campaign.coupons.all()[0], NOW)
        assert dry_run(plan=plan, now=NOW) == free


class TestWhatAHoldoutHasShown:
    @pytest.fixture
    def crowd(self) -> list[User]:
        return make_population(NOW - 20 * DAY, each=10)

    @pytest.fixture
    def ended(self, crowd: list[User], monkeypatch: pytest.MonkeyPatch) -> Campaign:
        """A campaign of the last weeks that exposed everybody; those of the treated arm bought in it."""
        monkeypatch.setattr(holdout_results, "FEWEST_EXPOSED", len(crowd))
        campaign = make_campaign(
            key="ended",
            status=CampaignStatus.ENDED,
            starts_at=NOW - 20 * DAY,
            ends_at=NOW - 5 * DAY,
            holdout_percent=50,
            holdout_salt="ended",
        )
        campaign_exposures_log(campaign=campaign, shopper_ids=[shopper.pk for shopper in crowd], now=NOW - 20 * DAY)
        for shopper in crowd:
            if Exposure.objects.get(shopper=shopper).arm == "treated":
                make_purchase(shopper, NOW - 10 * DAY)
        return campaign

    def test_is_read_as_it_was(self, crowd: list[User], ended: Campaign) -> None:
        result = latest_holdout_result(before=NOW)
        assert result is not None
        assert result.campaign == "ended"
        assert len(result.treated) == len(crowd)
        assert (result.outcome == result.treated).all()
        # What happened after it began is no feature; its control is the outcome.
        for shopper in crowd[:20]:
            make_purchase(shopper, NOW - 15 * DAY, value=99_999_00)
        again = latest_holdout_result(before=NOW)
        assert again is not None
        assert (again.features == result.features).all()
        assert again.outcome.sum() > result.outcome.sum()

    def test_not_before_the_campaign_has_ended_nor_from_a_handful(self, crowd: list[User], ended: Campaign) -> None:
        assert latest_holdout_result(before=NOW - 6 * DAY) is None
        Exposure.objects.filter(shopper=crowd[0]).delete()
        assert latest_holdout_result(before=NOW) is None

    def test_only_buyers_count(self, crowd: list[User], ended: Campaign, monkeypatch: pytest.MonkeyPatch) -> None:
        strangers = [factories.make_shopper().pk for _number in range(5)]
        campaign_exposures_log(campaign=ended, shopper_ids=strangers, now=NOW - 20 * DAY)
        result = latest_holdout_result(before=NOW)
        assert result is not None
        assert len(result.treated) == len(crowd)
        monkeypatch.setattr(holdout_results, "FEWEST_EXPOSED", len(crowd) + 1)
        assert latest_holdout_result(before=NOW) is None

    def test_without_a_reliable_gain_history_decides(self, ended: Campaign) -> None:
        metrics = run_allocation(plan=make_plan(NOW, budget=30_00), now=NOW).metrics
        assert metrics["basis"] == "history"
        assert metrics["shown"]["campaign"] == "ended"
