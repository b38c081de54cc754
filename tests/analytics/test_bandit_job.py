"""The nightly bandit: outcomes by hand, shares that follow the evidence, the gate, and the way back."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from django.core.management import call_command

from analytics.enums import Job, ModelState, RunReason, RunState, WindowEnd
from analytics.jobs.bandit import FEWEST_TO_JUDGE, REIGNS_FOR, run_bandit
from analytics.models import ModelPromotion, ModelVersion, Run
from analytics.selectors.decisions import Outcome, outcomes_due
from analytics.selectors.windows import Window
from analytics.services.registry import model_load, model_promote, model_roll_back, model_save
from analytics.services.runs import run_start
from campaigns.models import REWARD_RULE, Decision, DecisionReward, VariantArm, VariantGroup
from config.kernel.clock import shop_date
from coupons.models import Order
from tests import factories
from tests.analytics.builders import make_claim_at, make_order, make_redemption
from tests.campaigns.test_variants import make_group
from users.models import BehaviourEvent, User
from users.services.views import coupon_view_note, coupon_views_write

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
    group: VariantGroup,
    *,
    means: list[float],
    each: int = 300,
    at: datetime = NOW - DAY,
    seed: int = 1,
    segment: str = "",
    rule: int = REWARD_RULE,
) -> None:
    """Measured decisions: so many of each arm in turn, with rewards of 0 and 1 around these means."""
    random = np.random.default_rng(seed)
    shoppers = User.objects.bulk_create(
        User(username=f"led-{group.pk}-{at.timestamp()}-{segment}-{number}", joined_at=at)
        for number in range(each * len(means))
    )
    arms = [arm.coupon for arm in group.arms.order_by("pk")]
    decisions = Decision.objects.bulk_create(
        Decision(group=group, shopper=shopper, coupon=arms[number % len(means)], propensity=1 / len(means),
                 policy=group.policy, segment=segment, day=shop_date(at), decided_at=at)
        for number, shopper in enumerate(shoppers)
    )  # fmt: skip
    DecisionReward.objects.bulk_create(
        DecisionReward(decision=decision, reward=float(random.random() < means[number % len(means)]), claimed=True,
                       redeemed=False, rule=rule, measured_at=at)
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
        assert (outcome.claimed, outcome.dwell_seconds, outcome.redeemed) == (True, 42, True)
        # The shop keeps 30 % of 100.00, less 10.00.
        assert outcome.margin == 20_00

    def test_nothing_done_is_nothing_earned(self) -> None:
        make_decision(make_group(0.5, 0.5), self.LONG_AGO)

        (outcome,) = due()
        assert (outcome.claimed, outcome.dwell_seconds, outcome.redeemed, outcome.margin) == (False, 0, False, 0)

    @pytest.mark.parametrize("offset", [-HOUR, 7 * DAY])
    def test_what_lies_outside_its_time_is_not_its_doing(self, offset: timedelta) -> None:
        decision = make_decision(make_group(0.5, 0.5), self.LONG_AGO)
        use(decision, self.LONG_AGO + offset)
        look(decision, self.LONG_AGO + offset, {"seconds": 30})

        (outcome,) = due()
        assert (outcome.claimed, outcome.redeemed) == (False, False)

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
        assert (outcome.claimed, outcome.dwell_seconds) == (False, 0)

    def test_opening_what_one_was_led_to_earns_nothing(self) -> None:
        """Following the link opens the coupon, so that it would say the same of all; claiming is an answer."""
        group = make_group(0.5, 0.5)
        opened, claimed = (make_decision(group, self.LONG_AGO) for _number in range(2))
        for decision in (opened, claimed):
            coupon_view_note(shopper=decision.shopper, coupon=decision.coupon.public_id, now=self.LONG_AGO + HOUR)
        make_claim_at(claimed.shopper, claimed.coupon, self.LONG_AGO + HOUR)
        assert coupon_views_write(now=NOW) == 2

        run_bandit(now=NOW)
        assert DecisionReward.objects.get(decision=opened).reward == 0
        assert DecisionReward.objects.get(decision=claimed).reward == pytest.approx(0.05)


@pytest.mark.django_db
class TestANight:
    def test_draws_more_of_what_earns_more(self) -> None:
        group = make_group(None, None, None)
        make_log(group, means=[0.1, 0.3, 0.1], each=900)
        run = run_bandit(now=NOW)

        assert run.state == RunState.PUBLISHED
        assert shares(group) == pytest.approx([0.05, 0.9, 0.05], abs=0.01)
        group.refresh_from_db()
        version = ModelVersion.objects.get(state=ModelState.CHAMPION, job=Job.BANDIT)
        assert group.policy == version.pk
        (figures,) = run.metrics["estimates"]
        # The newer half judges what was learned from the older one.
        assert figures["decisions"] == 1350
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
        group.refresh_from_db()
        make_log(group, means=[0.1, 0.3], each=FEWEST_TO_JUDGE // 2, at=NOW + DAY)
        run = run_bandit(now=NOW + REIGNS_FOR)

        assert run.state == RunState.PUBLISHED
        assert ModelPromotion.objects.filter(job=Job.BANDIT).count() == 2

    @pytest.mark.parametrize("first", [True, False])
    def test_promotes_nothing_before_enough_decisions_could_judge_what_is_in_use(self, first: bool) -> None:
        group = make_group(None, None)
        if not first:
            make_log(group, means=[0.1, 0.3])
            run_bandit(now=NOW)
            group.refresh_from_db()
        make_log(group, means=[0.1, 0.3], each=FEWEST_TO_JUDGE // 2 - 1, at=NOW + DAY)
        run = run_bandit(now=NOW + REIGNS_FOR)

        assert (run.state, run.reason) == (RunState.SKIPPED, RunReason.TOO_SOON)

    def test_gives_a_new_arm_no_more_than_an_equal_share(self) -> None:
        group = make_group(None, None)
        make_log(group, means=[0.02, 0.02])
        VariantArm.objects.create(group=group, coupon=factories.make_coupon())
        run_bandit(now=NOW)

        assert shares(group)[2] == pytest.approx(1 / 3)

    def test_judges_by_the_chances_among_the_arms_that_are_left(self) -> None:
        group = make_group(None, None, None)
        make_log(group, means=[0.2, 0.2, 0.2])
        group.arms.order_by("pk")[2].delete()
        run = run_bandit(now=NOW)

        # With the logged thirds, halves would seem to earn half as much again.
        (figures,) = run.metrics["estimates"]
        assert figures["decisions"] == 300
        assert figures["ips"][0] == pytest.approx(0.2, abs=0.04)

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

    @pytest.mark.parametrize(
        ("rule", "state"), [(REWARD_RULE - 1, RunState.SKIPPED), (REWARD_RULE, RunState.PUBLISHED)]
    )
    def test_learns_only_from_what_todays_rule_measured(self, rule: int, state: RunState) -> None:
        make_log(make_group(None, None), means=[0.1, 0.3], rule=rule)

        assert run_bandit(now=NOW).state == state

    @pytest.mark.parametrize(("at", "is_known"), [(NOW, False), (NOW - HOUR, True)])
    def test_knows_nothing_of_what_comes_after(self, at: datetime, is_known: bool) -> None:
        group = make_group(None, None)
        make_log(group, means=[0.2, 0.4], at=NOW - DAY)
        make_log(group, means=[0.9, 0.0], at=at, seed=2)
        run = run_bandit(now=NOW)

        # An hour earlier the luck of the other arm is known, and speaks against what was learned before.
        assert run.reason == (RunReason.WORSE if is_known else "")
        if not is_known:
            assert shares(group)[1] == pytest.approx(0.95, abs=0.01)

    def test_that_would_have_earned_less_does_not_go_live(self, monkeypatch: pytest.MonkeyPatch) -> None:
        group = make_group(0.5, 0.5)
        make_log(group, means=[0.1, 0.5])
        # A learner that has gone wrong: it draws what earns less.
        monkeypatch.setattr(
            "analytics.learners.bandit_contexts.thompson_shares", lambda arms, floor: np.array([0.95, 0.05])
        )
        run = run_bandit(now=NOW)

        assert (run.state, run.reason) == (RunState.SKIPPED, RunReason.WORSE)
        assert shares(group) == [0.5, 0.5]
        assert not ModelVersion.objects.exists()


@pytest.mark.django_db
class TestTheWayBack:
    def reign(self, group: VariantGroup, means: list[float], at: datetime, *, each: int = FEWEST_TO_JUDGE) -> None:
        group.refresh_from_db()
        make_log(group, means=means, each=each, at=at)

    def two_models(self, group: VariantGroup) -> tuple[ModelVersion, ModelVersion]:
        self.reign(group, [0.3, 0.4], NOW - DAY)
        run_bandit(now=NOW)
        self.reign(group, [0.4, 0.5], NOW + DAY)
        run_bandit(now=NOW + REIGNS_FOR)
        first, second = ModelVersion.objects.order_by("pk")
        assert ModelPromotion.objects.get(model=second).before == first
        return first, second

    def test_is_taken_when_the_model_in_use_earns_reliably_less(self) -> None:
        group = make_group(None, None)
        first, _second = self.two_models(group)
        self.reign(group, [0.05, 0.05], NOW + REIGNS_FOR + DAY)
        run = run_bandit(now=NOW + 2 * REIGNS_FOR)

        assert (run.state, run.reason) == (RunState.SKIPPED, RunReason.ROLLED_BACK)
        assert run.metrics["earned"][2] < run.metrics["earned_before"][1]
        first.refresh_from_db()
        group.refresh_from_db()
        assert (first.state, group.policy) == (ModelState.CHAMPION, first.pk)
        assert "those of the model before" in ModelPromotion.objects.filter(kind="rolled_back").get().reason

    @pytest.mark.parametrize(
        ("means", "each", "after"),
        [
            ([0.4, 0.5], FEWEST_TO_JUDGE, REIGNS_FOR),
            ([0.0, 0.0], 20, REIGNS_FOR),
            ([0.0, 0.0], FEWEST_TO_JUDGE, REIGNS_FOR - HOUR),
        ],
    )
    def test_is_not_taken_by_chance_or_too_early(self, means: list[float], each: int, after: timedelta) -> None:
        group = make_group(None, None)
        self.two_models(group)
        self.reign(group, means, NOW + REIGNS_FOR + DAY, each=each)
        run_bandit(now=NOW + REIGNS_FOR + after)

        assert not ModelPromotion.objects.filter(kind="rolled_back").exists()
        assert Run.objects.count() == 3

    @pytest.mark.parametrize(("after", "changes"), [(REIGNS_FOR - HOUR, 3), (REIGNS_FOR, 4)])
    def test_is_left_no_earlier_than_any_other_change(self, after: timedelta, changes: int) -> None:
        group = make_group(None, None)
        self.two_models(group)
        self.reign(group, [0.05, 0.05], NOW + REIGNS_FOR + DAY)
        run_bandit(now=NOW + 2 * REIGNS_FOR)
        # The model that came back would be condemned as well, or followed by a new one.
        self.reign(group, [0.0, 0.0], NOW + 2 * REIGNS_FOR + HOUR, each=3 * FEWEST_TO_JUDGE)
        run_bandit(now=NOW + 2 * REIGNS_FOR + after)

        assert ModelPromotion.objects.count() == changes

    def test_of_the_first_model_leads_to_equal_shares(self) -> None:
        group = make_group(None, None)
        self.reign(group, [0.3, 0.4], NOW - DAY)
        run_bandit(now=NOW)
        self.reign(group, [0.05, 0.05], NOW + DAY)
        run = run_bandit(now=NOW + REIGNS_FOR)

        assert run.reason == RunReason.ROLLED_BACK
        for later in (timedelta(0), DAY):
            run_bandit(now=NOW + REIGNS_FOR + later)
            group.refresh_from_db()
            assert (group.policy, shares(group)) == (0, [None, None])
        assert "those of the model before" in ModelPromotion.objects.latest("pk").reason

    def test_compares_only_groups_that_both_served(self) -> None:
        group = make_group(None, None)
        self.reign(group, [0.3, 0.4], NOW - DAY)
        run_bandit(now=NOW)
        # A group that earns nothing, and came after the model before.
        other = make_group(0.5, 0.5, key="dear")
        self.reign(group, [0.4, 0.5], NOW + DAY)
        run_bandit(now=NOW + REIGNS_FOR)
        for each in (group, other):
            self.reign(each, [0.4, 0.5] if each == group else [0.0, 0.0], NOW + REIGNS_FOR + DAY)
        assert other.policy == group.policy == ModelVersion.objects.latest("pk").pk
        run = run_bandit(now=NOW + 2 * REIGNS_FOR)

        assert run.reason != RunReason.ROLLED_BACK

    def test_weighs_the_groups_of_both_models_alike(self) -> None:
        # Both earn the same in each group; the newer model served more often the one that earns less.
        group, other = make_group(None, None), make_group(None, None, key="dear")
        self.reign(other, [0.9, 0.9], NOW - DAY, each=400)
        self.reign(group, [0.1, 0.1], NOW - DAY, each=50)
        run_bandit(now=NOW)
        self.reign(other, [0.9, 0.9], NOW + DAY, each=50)
        self.reign(group, [0.1, 0.1], NOW + DAY, each=400)
        run = run_bandit(now=NOW + REIGNS_FOR)

        assert run.reason != RunReason.ROLLED_BACK

    def test_leads_to_a_model_from_before_there_were_segments_too(self) -> None:
        group = make_group(None, None)
        coupons = np.array(group.arms.order_by("pk").values_list("coupon_id", flat=True))
        run = run_start(job=Job.BANDIT, window=Window(NOW - DAY, NOW, WindowEnd.NOW), seed=0, parameters={}, now=NOW)
        arrays = {"group": np.full(2, group.pk), "coupon": coupons, "share": np.array([0.2, 0.8])}
        kept = model_save(run=run, arrays=arrays, metrics={}, description={}, now=NOW)
        model_promote(version=kept, reason="Kept by an earlier release", now=NOW)
        run_bandit(now=NOW + HOUR)

        group.refresh_from_db()
        assert (group.policy, shares(group)) == (kept.pk, [0.2, 0.8])

    def test_by_hand_is_brought_into_force_the_next_night(self) -> None:
        group = make_group(None, None)
        first, second = self.two_models(group)
        known, newer = shares(group), make_group(0.3, 0.7, key="newer")
        VariantGroup.objects.filter(pk=newer.pk).update(policy=second.pk)
        model_roll_back(job=Job.BANDIT, reason="Odd coupons", now=NOW + REIGNS_FOR + HOUR)
        run = run_bandit(now=NOW + REIGNS_FOR + DAY)

        assert run.reason == RunReason.TOO_SOON
        group.refresh_from_db()
        newer.refresh_from_db()
        assert group.policy == first.pk
        assert shares(group) == model_load(first).arrays["share"].tolist()
        # What the model that came back does not know does not keep the shares of the rejected one.
        assert (newer.policy, shares(newer)) == (0, [None, None])

        model_promote(version=second, reason="Back again", now=NOW + REIGNS_FOR + 2 * DAY)
        run_bandit(now=NOW + REIGNS_FOR + 3 * DAY)
        group.refresh_from_db()
        assert (group.policy, shares(group)) == (second.pk, known)
