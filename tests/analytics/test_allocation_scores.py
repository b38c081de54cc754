"""What an allocation makes of a night's scores, and of the shop's margin."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from analytics.enums import Job, RunState
from analytics.jobs import allocation_decision
from analytics.jobs.allocation import dry_run, run_allocation
from analytics.models import AllocationPlan, Run
from analytics.selectors.response_scores import coupon_scores, scores_made_at
from analytics.services.registry import model_promote
from analytics.services.runs import run_finish, run_start
from campaigns.models import CouponScore, VariantGroup
from campaigns.services.scores import ScoreDraft, coupon_scores_write
from coupons.enums import ClaimState
from coupons.models import Allocation, Claim
from tests.analytics.builders import WINDOW, make_claim_at, make_model, make_order, make_plan, make_population
from tests.analytics.test_allocation_job import decide_by_response
from tests.factories import NOW
from users.models import User

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


@pytest.fixture
def crowd() -> list[User]:
    return make_population(NOW)


class TestTheMargin:
    def test_is_the_shops_unless_the_plan_has_its_own(self, crowd: list[User], settings: Any) -> None:
        settings.GROSS_MARGIN_PERCENT = 40
        plan = make_plan(NOW, budget=30_00)
        of_shop = decide_by_response(plan).expected.values
        plan.margin_percent = 20
        assert decide_by_response(plan).expected.values == pytest.approx(of_shop / 2)
        plan.margin_percent = 0
        assert plan.margin == 0
        assert not decide_by_response(plan).expected.values.any()
        # A group of variants reckons with the same.
        assert VariantGroup(margin_percent=None).margin == 40
        assert VariantGroup(margin_percent=25).margin == 25


class TestWhatAModelHasScored:
    @pytest.fixture
    def plan(self, crowd: list[User]) -> AllocationPlan:
        return make_plan(NOW, budget=30_00, amounts=(5_00,))

    def score(self, plan: AllocationPlan, crowd: list[User], *, at: datetime = NOW - HOUR) -> Run:
        """Scores as a night of response leaves them: the later a shopper came to the shop, the likelier."""
        model = make_model()
        model_promote(version=model, reason="better", now=at)
        run = run_start(job=Job.RESPONSE, window=WINDOW, seed=7, parameters={}, now=at)
        run_finish(run=run, state=RunState.PUBLISHED, metrics={"model": model.pk}, now=at)
        coupon = plan.campaign.coupons.all()[0]
        drafts = [
            ScoreDraft(shopper.pk, coupon.pk, (place + 1) / len(crowd), 1.0) for place, shopper in enumerate(crowd)
        ]
        coupon_scores_write(drafts=drafts, now=at)
        return run

    def test_decides_who_is_likelier_and_not_how_many(self, crowd: list[User], plan: AllocationPlan) -> None:
        by_history = decide_by_response(plan)
        self.score(plan, crowd)
        by_response = decide_by_response(plan)
        assert (by_history.basis, by_response.basis) == ("history", "response")
        assert by_response.expected.uses.sum() == pytest.approx(by_history.expected.uses.sum())
        assert (by_response.expected.uses != by_history.expected.uses).any()
        run = run_allocation(plan=plan, now=NOW)
        assert (run.metrics["basis"], run.metrics["scored"]) == ("response", 1.0)
        assert {row.explanation["basis"] for row in Allocation.objects.all()} == {"response"}

    def test_of_some_shoppers_leaves_the_others_to_history(self, crowd: list[User], plan: AllocationPlan) -> None:
        self.score(plan, crowd)
        CouponScore.objects.filter(shopper__in=crowd[::2]).delete()
        assert run_allocation(plan=plan, now=NOW).metrics["scored"] == 0.5

    def test_counts_only_while_fresh_and_by_the_model_in_use(self, crowd: list[User], plan: AllocationPlan) -> None:
        run = self.score(plan, crowd)
        assert scores_made_at(NOW) == NOW - HOUR
        assert scores_made_at(NOW + 34 * HOUR) == NOW - HOUR
        assert scores_made_at(NOW + 35 * HOUR) is None
        # What another moment left in the table is not of this run.
        CouponScore.objects.update(computed_at=NOW - 2 * HOUR)
        assert decide_by_response(plan).basis == "history"
        CouponScore.objects.update(computed_at=NOW - HOUR)
        assert decide_by_response(plan).basis == "response"
        # Somebody put another model into use since.
        model_promote(version=make_model(2.0), reason="by hand", now=NOW)
        assert scores_made_at(NOW) is None
        assert decide_by_response(plan).basis == "history"
        Run.objects.filter(pk=run.pk).update(metrics={})
        assert scores_made_at(NOW) is None

    def test_counts_for_nobody_while_a_run_renews_it(
        self, crowd: list[User], plan: AllocationPlan, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.score(plan, crowd)
        coupon = plan.campaign.coupons.all()[0]

        def renew() -> None:
            drafts = [ScoreDraft(shopper.pk, coupon.pk, 0.5, 1.0) for shopper in crowd[::2]]
            coupon_scores_write(drafts=drafts, now=NOW - HOUR / 2)

        def read(**asked: Any) -> Any:
            found = coupon_scores(**asked)
            assert found is not None
            renew()
            return coupon_scores(**asked)

        # Control: a run that has written nothing yet leaves what there is.
        run_start(job=Job.RESPONSE, window=WINDOW, seed=7, parameters={}, now=NOW - HOUR / 2)
        assert decide_by_response(plan).basis == "response"
        # It begins after the allocation asked which scores hold.
        monkeypatch.setattr(allocation_decision, "coupon_scores", read)
        assert decide_by_response(plan).basis == "history"
        monkeypatch.undo()
        run = run_allocation(plan=plan, now=NOW)
        assert (run.metrics["basis"], run.metrics["scored"]) == ("history", 0.0)
        assert scores_made_at(NOW) is None

    def test_is_unknown_to_a_dry_run(self, crowd: list[User], plan: AllocationPlan) -> None:
        before = dry_run(plan=plan, now=NOW)
        self.score(plan, crowd)
        assert dry_run(plan=plan, now=NOW) == before
        assert before["basis"] == "history"

    def test_is_corrected_by_what_came_of_claims(self, crowd: list[User], plan: AllocationPlan) -> None:
        self.score(plan, crowd)
        coupon = plan.campaign.coupons.all()[0]
        before = decide_by_response(plan)
        for shopper in crowd:
            make_claim_at(shopper, coupon, NOW - 9 * DAY)
        unused = decide_by_response(plan)
        assert unused.levels[0] < 1 == before.levels[0]
        assert unused.expected.uses.sum() < before.expected.uses.sum()
        for claim in Claim.objects.filter(coupon=coupon):
            order = make_order(claim.shopper, NOW - DAY)
            Claim.objects.filter(pk=claim.pk).update(state=ClaimState.REDEEMED, order=order)
        used = decide_by_response(plan)
        assert used.levels[0] > 1
        assert used.expected.uses.sum() > before.expected.uses.sum()
