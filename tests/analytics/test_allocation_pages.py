"""What a marketer sees of an allocation: a dry run, the last result, and deciding at once."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.translation import override

from analytics.enums import RunReason
from analytics.jobs.allocation import dry_run, run_allocation
from analytics.jobs.allocation_decision import NotPossible
from analytics.models import AllocationPlan, Run
from campaigns.models import Exposure
from coupons.models import Allocation
from tests.analytics.builders import make_plan, make_population
from tests.factories import NOW
from users.models import User

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture
def crowd() -> list[User]:
    return make_population(NOW)


@pytest.fixture
def superuser_client(marketer: User) -> Client:
    client = Client()
    client.force_login(marketer, backend="users.backends.IdentifierBackend")
    return client


class TestADryRun:
    def test_looks_a_month_back_and_writes_nothing(self, crowd: list[User]) -> None:
        plan = make_plan(NOW, budget=30_00)
        result = dry_run(plan=plan, now=NOW)
        assert not Run.objects.exists()
        assert not Allocation.objects.exists()
        assert not Exposure.objects.exists()
        assert result["as_of"] == (NOW - 30 * DAY).isoformat()
        assert 0 < result["spend"] <= 30_00
        assert result["chosen_bought"] >= result["bought"] > 0

    def test_says_why_not(self) -> None:
        with pytest.raises(NotPossible) as refused:
            dry_run(plan=make_plan(NOW), now=NOW)
        assert refused.value.reason == RunReason.NO_BUDGET
        with pytest.raises(NotPossible) as refused:
            dry_run(plan=make_plan(NOW, budget=5, amounts=()), now=NOW)
        assert refused.value.reason == RunReason.NOTHING_TO_GIVE


class TestPages:
    def page(self, name: str, plan: AllocationPlan) -> str:
        return reverse(f"admin:analytics_allocationplan_{name}", args=[plan.pk])

    def test_the_result_is_a_sentence(self, superuser_client: Client, crowd: list[User]) -> None:
        plan = make_plan(NOW, budget=30_00)
        run_allocation(plan=plan, now=NOW)
        with override("en"):
            shown = superuser_client.get(self.page("change", plan)).content.decode()
        assert "One more ¥1,000.00 brings ¥" in shown
        assert superuser_client.get(reverse("admin:analytics_allocationplan_changelist")).status_code == 200

    @pytest.mark.parametrize(
        ("figures", "sentence"),
        [
            ({"basis": "history", "scored": 0.0}, "rests on each shopper&#x27;s own history"),
            ({"basis": "response", "scored": 0.42}, "rests for 42% of all pairs"),
            ({"basis": "uplift", "scored": 0.42}, "rests for 42% of all pairs"),
            ({"basis": "uplift", "scored": 0.0}, "Values count only what the coupon causes"),
        ],
    )
    def test_the_result_says_what_it_rests_on(
        self, superuser_client: Client, crowd: list[User], figures: dict[str, Any], sentence: str
    ) -> None:
        plan = make_plan(NOW, budget=30_00)
        run = run_allocation(plan=plan, now=NOW)
        Run.objects.update(metrics={**run.metrics, **figures, "shown": {"campaign": "spring"}})
        with override("en"):
            page = superuser_client.get(self.page("change", plan)).content.decode()
        assert sentence in page.replace("rests on each shopper's", "rests on each shopper&#x27;s")

    def test_a_result_of_before_scores_were_used_can_be_read(self, superuser_client: Client, crowd: list[User]) -> None:
        plan = make_plan(NOW, budget=30_00)
        metrics = {**run_allocation(plan=plan, now=NOW).metrics, "basis": "response"}
        del metrics["scored"], metrics["levels"]
        Run.objects.update(metrics=metrics)
        with override("en"):
            page = superuser_client.get(self.page("change", plan)).content.decode()
        assert "own history: how often they buy" in page

    def test_before_the_first_night(self, superuser_client: Client) -> None:
        shown = superuser_client.get(self.page("change", make_plan(NOW, budget=30_00)))
        assert "Nothing has been decided yet." in shown.content.decode()

    def test_a_dry_run_shows_and_writes_nothing(self, superuser_client: Client, crowd: list[User]) -> None:
        plan = make_plan(NOW, budget=30_00)
        shown = superuser_client.get(self.page("try_last_month", plan))
        assert shown.status_code == 200
        assert "In hindsight" in shown.content.decode()
        assert not Run.objects.exists()
        refused = superuser_client.get(self.page("try_last_month", make_plan(NOW)))
        assert str(RunReason.NO_BUDGET.label) in refused.content.decode()

    def test_deciding_now_needs_a_post(self, superuser_client: Client, crowd: list[User]) -> None:
        plan = make_plan(NOW, budget=30_00)
        assert superuser_client.get(self.page("run_now", plan)).status_code == 200
        assert not Run.objects.exists()
        superuser_client.post(self.page("run_now", plan), {"_form_submitted": "on"})
        assert Run.objects.count() == 1
