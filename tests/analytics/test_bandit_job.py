"""The nightly bandit: outcomes by hand, shares that follow the evidence, the gate, and the way back."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from django.core.management import call_command

from analytics.enums import Job, ModelState, RunReason, RunState
from analytics.jobs.bandit import FEWEST_TO_JUDGE, REIGNS_FOR, run_bandit
from analytics.models import ModelPromotion, ModelVersion, Run
from analytics.selectors.decisions import Outcome, outcomes_due
from campaigns.models import Decision, DecisionReward, VariantGroup
from config.kernel.clock import shop_date
from coupons.models import Order
from tests import factories
from tests.analytics.builders import make_claim_at, make_order, make_redemption
from tests.campaigns.test_variants import make_group
from users.models import BehaviourEvent, User

NOW = factories.NOW
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def make_decision(group: VariantGroup, at: datetime, *, arm: int = 0, shopper: User | None = None) -> Decision:
    coupon = group.arms.order_by("pk")[arm].coupon
    return Decision.objects.create(
        group=group,
        shopper=shopper or factories.make_shopper(),
        coupon=coupon,
        propensity=0.5,
        policy=group.policy,
        day=shop_date(at),
        decided_at=at,
    )


def use(decision: Decision, at: datetime, *, subtotal: int = 100_00, discount: int = 10_00) -> Order:
    claim = make_claim_at(decision.shopper, decision.coupon, at)
    order = make_order(decision.shopper, at, subtotal=subtotal, discount=discount)
    make_redemption(claim, order, amount=discount)
    return order


def look(decision: Decision, at: datetime, data: Any) -> None:
    BehaviourEvent.objects.create(
        sender="shop", event_id=f"{decision.pk}-{at.isoformat()}", shopper=decision.shopper, kind="dwell",
        coupon_public_id=decision.coupon.public_id, data=data, occurred_at=at, received_at=at,
    )  # fmt: skip


def due(at: datetime = NOW) -> list[Outcome]:
    return [outcome for chunk in outcomes_due(as_of=at) for outcome in chunk]


def make_log(
    group: VariantGroup, *, means: list[float], each: int = 300, at: datetime = NOW - DAY, seed: int = 1
) -> None:
    """Measured decisions: so many of each arm, with rewards of 0 and 1 around these means."""
    random = np.random.default_rng(seed)
    shoppers = User.objects.bulk_create(
        User(username=f"led-{group.pk}-{at.timestamp()}-{number}", joined_at=at) for number in range(each * len(means))
    )
    arms = [arm.coupon for arm in group.arms.order_by("pk")]
    decisions = Decision.objects.bulk_create(
        Decision(group=group, shopper=shopper, coupon=arms[number // each], propensity=1 / len(means),
                 policy=group.policy, day=shop_date(at), decided_at=at)
        for number, shopper in enumerate(shoppers)
    )  # fmt: skip
    DecisionReward.objects.bulk_create(
        DecisionReward(decision=decision, reward=float(random.random() < means[number // each]), clicked=True,
                       redeemed=False, measured_at=at)
        for number, decision in enumerate(decisions)
    )  # fmt: skip


def shares(group: VariantGroup) -> list[float | None]:
    return list(group.arms.order_by("pk").values_list("share", flat=True))


@pytest.mark.django_db
class TestOutcomes:
    LONG_AGO = NOW - 10 * DAY

    def test_by_hand(self) -> None:
        decision = make_decision(make_group(0.5, 0.5), self.LONG_AGO)
        use(decision, self.LONG_AGO + 2 * DAY)
        look(decision, self.LONG_AGO + HOUR, {"seconds": 30})
        look(decision, self.LONG_AGO + 2 * HOUR, {"seconds": 12})

        (outcome,) = due()
        assert (outcome.clicked, outcome.dwell_seconds, outcome.redeemed) == (True, 42, True)
        # A quarter of 100.00, less 10.00.
        assert outcome.margin == 15_00

    def test_nothing_done_is_nothing_earned(self) -> None:
        make_decision(make_group(0.5, 0.5), self.LONG_AGO)

        (outcome,) = due()
        assert (outcome.clicked, outcome.dwell_seconds, outcome.redeemed, outcome.margin) == (False, 0, False, 0)

    @pytest.mark.parametrize("offset", [-HOUR, 7 * DAY])
    def test_what_lies_outside_its_time_is_not_its_doing(self, offset: timedelta) -> None:
        decision = make_decision(make_group(0.5, 0.5), self.LONG_AGO)
        use(decision, self.LONG_AGO + offset)
        look(decision, self.LONG_AGO + offset, {"seconds": 30})

        (outcome,) = due()
        assert (outcome.clicked, outcome.redeemed) == (False, False)

    def test_another_shoppers_or_coupons_uses_do_not_count(self) -> None:
        group = make_group(0.5, 0.5)
        decision = make_decision(group, self.LONG_AGO)
        use(make_decision(group, self.LONG_AGO), self.LONG_AGO + HOUR)
        claim = make_claim_at(decision.shopper, factories.make_coupon(), self.LONG_AGO + HOUR)
        make_redemption(claim, make_order(decision.shopper, self.LONG_AGO + HOUR), amount=1)

        assert [outcome.redeemed for outcome in due() if outcome.decision.pk == decision.pk] == [False]

    def test_a_refunded_order_does_not_count(self) -> None:
        decision = make_decision(make_group(0.5, 0.5), self.LONG_AGO)
        order = use(decision, self.LONG_AGO + HOUR)
        Order.objects.filter(pk=order.pk).update(state="refunded", closed_at=NOW)

        assert [outcome.redeemed for outcome in due()] == [False]

    def test_counts_once_for_who_is_led_twice(self) -> None:
        group, shopper = make_group(0.5, 0.5), factories.make_shopper()
        for days in (0, 1):
            make_decision(group, self.LONG_AGO + days * DAY, shopper=shopper)
        use(Decision.objects.latest("pk"), self.LONG_AGO + 2 * DAY)

        assert [outcome.redeemed for outcome in due()] == [False, True]

    def test_waits_for_its_time_and_is_measured_once(self) -> None:
        group = make_group(0.5, 0.5)
        make_decision(group, NOW - 7 * DAY + HOUR)
        assert due() == []
        assert len(due(NOW + HOUR)) == 1

        run_bandit(now=NOW + HOUR)
        assert due(NOW + HOUR) == []

    @pytest.mark.parametrize(
        "data", [None, [], {}, {"seconds": "30"}, {"seconds": -5}, {"seconds": True}, {"seconds": [1]}]
    )
    def test_senders_may_write_what_they_like(self, data: Any) -> None:
        decision = make_decision(make_group(0.5, 0.5), self.LONG_AGO)
        look(decision, self.LONG_AGO + HOUR, {} if data is None else data)

        (outcome,) = due()
        assert (outcome.clicked, outcome.dwell_seconds) == (True, 0)


@pytest.mark.django_db
class TestANight:
    def test_draws_more_of_what_earns_more(self) -> None:
        group = make_group(None, None, None)
        make_log(group, means=[0.1, 0.3, 0.1])
        run = run_bandit(now=NOW)

        assert run.state == RunState.PUBLISHED
        assert shares(group) == pytest.approx([0.05, 0.9, 0.05], abs=0.01)
        group.refresh_from_db()
        version = ModelVersion.objects.get(state=ModelState.CHAMPION, job=Job.BANDIT)
        assert group.policy == version.pk
        (figures,) = run.metrics["estimates"]
        assert figures["decisions"] == 900
        # It would have earned about .28 where the equal shares earned about .17.
        assert figures["doubly_robust"][0] == pytest.approx(0.28, abs=0.03)
        assert figures["gain"][1] > 0

    def test_again_on_the_same_evidence_changes_nothing(self) -> None:
        group = make_group(None, None)
        make_log(group, means=[0.1, 0.3])
        run_bandit(now=NOW)
        before = shares(group), ModelVersion.objects.count()
        run = run_bandit(now=NOW + HOUR)

        assert (run.state, run.reason) == (RunState.SKIPPED, RunReason.TOO_SOON)
        assert (shares(group), ModelVersion.objects.count()) == before

    def test_promotes_anew_once_the_model_has_been_judged(self) -> None:
        group = make_group(None, None)
        make_log(group, means=[0.1, 0.3])
        run_bandit(now=NOW)
        run = run_bandit(now=NOW + REIGNS_FOR)

        assert run.state == RunState.PUBLISHED
        assert ModelPromotion.objects.filter(job=Job.BANDIT).count() == 2

    @pytest.mark.parametrize("arms", [0, 1, 2])
    def test_without_evidence_publishes_nothing(self, arms: int) -> None:
        group = make_group(*[None] * arms)
        run = run_bandit(now=NOW)

        assert (run.state, run.reason) == (RunState.SKIPPED, RunReason.NO_DECISIONS)
        assert shares(group) == [None] * arms

    def test_by_hand_says_why_nothing_was_published(self, capsys: pytest.CaptureFixture[str]) -> None:
        call_command("run_bandit")

        assert "No decision between variants" in capsys.readouterr().out

    def test_of_a_shop_without_groups_is_skipped(self) -> None:
        assert run_bandit(now=NOW).reason == RunReason.NO_DECISIONS

    def test_knows_nothing_of_what_comes_after(self) -> None:
        group = make_group(None, None)
        make_log(group, means=[0.2, 0.4], at=NOW - DAY)
        make_log(group, means=[0.9, 0.0], at=NOW, seed=2)
        run_bandit(now=NOW)
        seen = shares(group)
        assert seen[1] == pytest.approx(0.95, abs=0.01)

        # Control: a moment later the other arm's luck is known.
        run_bandit(now=NOW + REIGNS_FOR)
        assert shares(group)[0] != pytest.approx(seen[0], abs=0.3)

    def test_that_would_have_earned_less_does_not_go_live(self, monkeypatch: pytest.MonkeyPatch) -> None:
        group = make_group(0.5, 0.5)
        make_log(group, means=[0.1, 0.5])
        # A learner that has gone wrong: it draws what earns less.
        monkeypatch.setattr("analytics.jobs.bandit.thompson_shares", lambda arms, floor: np.array([0.95, 0.05]))
        run = run_bandit(now=NOW)

        assert (run.state, run.reason) == (RunState.SKIPPED, RunReason.WORSE)
        assert shares(group) == [0.5, 0.5]
        assert not ModelVersion.objects.exists()


@pytest.mark.django_db
class TestTheWayBack:
    def reign(self, group: VariantGroup, means: list[float], at: datetime, *, each: int = FEWEST_TO_JUDGE) -> None:
        group.refresh_from_db()
        make_log(group, means=means, each=each, at=at)

    def test_is_taken_when_the_model_in_use_earns_reliably_less(self) -> None:
        group = make_group(None, None)
        self.reign(group, [0.3, 0.4], NOW - DAY)
        run_bandit(now=NOW)
        self.reign(group, [0.4, 0.5], NOW + DAY)
        run_bandit(now=NOW + REIGNS_FOR)
        first, second = ModelVersion.objects.order_by("pk")
        former = ModelPromotion.objects.get(model=second).before
        assert former == first

        self.reign(group, [0.05, 0.05], NOW + REIGNS_FOR + DAY)
        run = run_bandit(now=NOW + REIGNS_FOR + 2 * DAY)

        assert (run.state, run.reason) == (RunState.SKIPPED, RunReason.ROLLED_BACK)
        assert run.metrics["earned"][2] < run.metrics["earned_before"][1]
        first.refresh_from_db()
        group.refresh_from_db()
        assert (first.state, group.policy) == (ModelState.CHAMPION, first.pk)
        assert "those of the model before" in ModelPromotion.objects.filter(kind="rolled_back").get().reason

    @pytest.mark.parametrize(("means", "each"), [([0.4, 0.5], FEWEST_TO_JUDGE), ([0.0, 0.0], 20)])
    def test_is_not_taken_by_chance_or_too_early(self, means: list[float], each: int) -> None:
        group = make_group(None, None)
        self.reign(group, [0.3, 0.4], NOW - DAY)
        run_bandit(now=NOW)
        self.reign(group, [0.4, 0.5], NOW + DAY)
        run_bandit(now=NOW + REIGNS_FOR)
        self.reign(group, means, NOW + REIGNS_FOR + DAY, each=each)
        run_bandit(now=NOW + REIGNS_FOR + 2 * DAY)

        assert not ModelPromotion.objects.filter(kind="rolled_back").exists()
        assert Run.objects.count() == 3
