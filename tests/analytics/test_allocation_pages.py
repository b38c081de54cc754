"""What a marketer sees of an allocation: a dry run, the last result, and deciding at once."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils.translation import override

from analytics.enums import RequestKind, RequestState, RunReason
from analytics.errors import AskedAlready, RunInProgress
from analytics.jobs import plan_requests as job
from analytics.jobs.allocation import dry_run, run_allocation
from analytics.jobs.allocation_decision import NotPossible
from analytics.jobs.exclusive import exclusively
from analytics.jobs.plan_requests import plan_request_run, plan_requests_run
from analytics.models import AllocationPlan, PlanRequest, Run
from analytics.services.plan_requests import plan_request_create
from campaigns.models import Exposure
from config.kernel.clock import database_now
from config.kernel.errors import NotFound
from coupons.models import Allocation
from tests import factories
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

    def ask(self, client: Client, name: str, plan: AllocationPlan) -> PlanRequest:
        """Presses a button and lets a worker do what it asks."""
        assert client.get(self.page(name, plan)).status_code == 200
        client.post(self.page(name, plan), {"_form_submitted": "on"})
        asked = PlanRequest.objects.latest("pk")
        assert asked.state == RequestState.WAITING
        plan_request_run(request_id=asked.pk, clock=lambda: NOW)
        asked.refresh_from_db()
        return asked

    def test_a_dry_run_is_asked_for_and_shown(self, superuser_client: Client, crowd: list[User]) -> None:
        plan = make_plan(NOW, budget=30_00)
        assert superuser_client.get(self.page("dry_run", plan)).status_code == 404
        assert self.ask(superuser_client, "try_last_month", plan).state == RequestState.DONE
        with override("en"):
            assert "Show what it found" in superuser_client.get(self.page("change", plan)).content.decode()
            assert "In hindsight" in superuser_client.get(self.page("dry_run", plan)).content.decode()
        assert not Run.objects.exists()
        assert not Allocation.objects.exists()

    def test_what_cannot_be_done_says_why(self, superuser_client: Client, crowd: list[User]) -> None:
        plan = make_plan(NOW)
        assert self.ask(superuser_client, "try_last_month", plan).state == RequestState.REFUSED
        with override("en"):
            page = superuser_client.get(self.page("change", plan)).content.decode()
        assert str(RunReason.NO_BUDGET.label) in page

    def test_deciding_now_needs_a_post_and_a_worker(self, superuser_client: Client, crowd: list[User]) -> None:
        plan = make_plan(NOW, budget=30_00)
        assert superuser_client.get(self.page("run_now", plan)).status_code == 200
        assert not PlanRequest.objects.exists()
        asked = self.ask(superuser_client, "run_now", plan)
        assert (asked.state, asked.run) == (RequestState.DONE, Run.objects.get())
        assert Allocation.objects.exists()

    def test_the_page_follows_what_is_open(self, superuser_client: Client, crowd: list[User]) -> None:
        plan = make_plan(NOW, budget=30_00)
        for _twice in range(2):
            superuser_client.post(self.page("try_last_month", plan), {"_form_submitted": "on"})
        # Whoever asks twice waits for the one answer.
        asked = PlanRequest.objects.get()
        answer = superuser_client.get(self.page("progress", plan), headers={"accept-language": "en"})
        assert "hx-get" in answer.content.decode()
        assert "No worker has taken it up" not in answer.content.decode()
        assert "HX-Refresh" not in answer
        # A broker that lost the message is told of, as long as nobody has taken it up.
        PlanRequest.objects.update(asked_at=asked.asked_at - timedelta(minutes=2))
        late = superuser_client.get(self.page("progress", plan), headers={"accept-language": "en"})
        assert "No worker has taken it up" in late.content.decode()
        # It waits for one that is at work on another plan's.
        other = plan_request_create(
            plan=make_plan(NOW), kind=RequestKind.DRY_RUN, actor=factories.make_marketer(), now=NOW
        )
        PlanRequest.objects.filter(pk=other.pk).update(state=RequestState.RUNNING, started_at=database_now())
        waits = superuser_client.get(self.page("progress", plan), headers={"accept-language": "en"})
        assert "No worker has taken it up" not in waits.content.decode()
        plan_requests_run(clock=lambda: NOW)
        over = superuser_client.get(self.page("progress", plan))
        assert "hx-get" not in over.content.decode()
        assert over["HX-Refresh"] == "true"

    def test_needs_a_right(self, client: Client) -> None:
        plan = make_plan(NOW, budget=30_00)
        client.force_login(factories.make_shopper(is_staff=True))
        for name in ("progress", "dry_run", "try_last_month", "run_now"):
            assert client.get(self.page(name, plan)).status_code in (302, 403), name


class TestRequests:
    def ask(self, plan: AllocationPlan, kind: RequestKind = RequestKind.DECIDE) -> PlanRequest:
        return plan_request_create(plan=plan, kind=kind, actor=factories.make_marketer(), now=NOW)

    def state_of(self, asked: PlanRequest) -> tuple[str, str]:
        asked.refresh_from_db()
        return asked.state, asked.reason

    def test_are_done_once(self, crowd: list[User]) -> None:
        asked = self.ask(make_plan(NOW, budget=30_00))
        with pytest.raises(AskedAlready):
            self.ask(asked.plan)
        assert plan_request_run(request_id=asked.pk, clock=lambda: NOW) == 1
        assert plan_request_run(request_id=asked.pk, clock=lambda: NOW) == 0
        assert plan_requests_run(clock=lambda: NOW) == 0
        assert Run.objects.count() == 1
        # What is done can be asked for again; both kinds side by side.
        self.ask(asked.plan)
        self.ask(asked.plan, RequestKind.DRY_RUN)
        assert plan_requests_run(clock=lambda: NOW) == 2

    def test_of_a_plan_that_was_deleted_are_none(self) -> None:
        plan = make_plan(NOW, budget=30_00)
        AllocationPlan.objects.filter(pk=plan.pk).delete()
        with pytest.raises(NotFound):
            self.ask(plan)
        assert not PlanRequest.objects.exists()

    def test_wait_while_the_night_decides(self, crowd: list[User], monkeypatch: pytest.MonkeyPatch) -> None:
        asked = self.ask(make_plan(NOW, budget=30_00))

        def refuse(**_arguments: object) -> Run:
            raise RunInProgress

        with monkeypatch.context() as patched:
            patched.setattr(job, "run_allocation", refuse)
            assert plan_requests_run(clock=lambda: NOW) == 0
        assert self.state_of(asked) == (RequestState.WAITING, "")
        assert plan_requests_run(clock=lambda: NOW) == 1
        assert self.state_of(asked) == (RequestState.DONE, "")

    def test_tell_of_an_error(self, crowd: list[User], monkeypatch: pytest.MonkeyPatch) -> None:
        asked = self.ask(make_plan(NOW, budget=30_00), RequestKind.DRY_RUN)

        def fail(**_arguments: object) -> Run:
            raise ZeroDivisionError("none left")

        monkeypatch.setattr(job, "dry_run", fail)
        with pytest.raises(ZeroDivisionError):
            plan_requests_run(clock=lambda: NOW)
        assert self.state_of(asked) == (RequestState.FAILED, "ZeroDivisionError: none left")

    def test_of_a_worker_that_died_are_closed(self) -> None:
        asked = self.ask(make_plan(NOW, budget=30_00))
        PlanRequest.objects.update(state=RequestState.RUNNING, started_at=NOW)
        plan_requests_run(clock=lambda: NOW)
        assert self.state_of(asked) == (RequestState.FAILED, RunReason.INTERRUPTED)

    def test_of_long_ago_are_forgotten(self, crowd: list[User]) -> None:
        asked = self.ask(make_plan(NOW, budget=30_00))
        plan_requests_run(clock=lambda: NOW)
        PlanRequest.objects.update(asked_at=NOW - 31 * DAY)
        self.ask(asked.plan)
        assert not PlanRequest.objects.filter(pk=asked.pk).exists()


@pytest.mark.django_db(transaction=True)
def test_one_worker_at_a_time_does_what_is_asked() -> None:
    """However many plans are tried at once, other work finds workers."""
    if connection.vendor != "postgresql":
        pytest.skip("another database has no lock to hold")
    first, second = (
        plan_request_create(plan=make_plan(NOW), kind=RequestKind.DRY_RUN, actor=factories.make_marketer(), now=NOW)
        for _ in range(2)
    )
    PlanRequest.objects.filter(pk=first.pk).update(state=RequestState.RUNNING, started_at=NOW)
    done: list[int] = []

    def other() -> None:
        try:
            done.append(plan_request_run(request_id=second.pk, clock=lambda: NOW))
            done.append(plan_requests_run(clock=lambda: NOW))
        finally:
            connection.close()

    def states() -> list[str]:
        return list(PlanRequest.objects.order_by("pk").values_list("state", flat=True))

    with exclusively(job.REQUESTS):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert done == [0, 0]
    assert states() == [RequestState.RUNNING, RequestState.WAITING]
    # Control: once that worker is gone, the next round does what waits and closes what was left behind.
    other()
    assert done[2:] == [1, 0]
    assert states() == [RequestState.FAILED, RequestState.REFUSED]


@pytest.mark.django_db(transaction=True)
def test_of_many_who_ask_at_once_one_is_heard() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("another database has one writer")
    plan, actor = make_plan(NOW), factories.make_marketer()
    together = threading.Barrier(4)

    def ask(_number: int) -> str:
        try:
            together.wait()
            plan_request_create(plan=plan, kind=RequestKind.DRY_RUN, actor=actor, now=NOW)
        except AskedAlready as refusal:
            return refusal.code
        finally:
            connection.close()
        return "asked"

    with ThreadPoolExecutor(4) as pool:
        answers = sorted(pool.map(ask, range(4)))
    assert answers == ["asked", "asked_already", "asked_already", "asked_already"]
    assert PlanRequest.objects.count() == 1
