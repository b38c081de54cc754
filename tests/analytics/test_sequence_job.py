"""The job of the sequence model: kept always, in use only if it wins, and one sentence where PyTorch is missing."""

from __future__ import annotations

import sys
from datetime import timedelta
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.utils import translation

from analytics.enums import Job, ModelState, RunReason, RunState, WindowEnd
from analytics.errors import TorchMissing
from analytics.evaluation.tasks import TASKS
from analytics.jobs import sequence as job
from analytics.jobs.sequence import DEFAULT_SEED, compare, day_of, material_of, model_in_use, run_sequence
from analytics.learners.histories import lessons_on
from analytics.models import ModelVersion, Run
from analytics.schedules import SCHEDULE
from analytics.selectors.purchases import buyers_of, kinds_of
from analytics.selectors.sequences import orders_with_coupon
from analytics.selectors.windows import Window
from analytics.services.registry import HELD_BY_HAND, champion, model_promote, model_roll_back
from coupons.models import Order
from tests import factories
from tests.analytics.builders import make_claim_at, make_model, make_redemption
from tests.analytics.shopping import Shop, buy, make_shop
from tests.factories import NOW

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
WINDOW = Window(start=NOW - 365 * DAY, end=NOW, ends_with=WindowEnd.GIVEN)
needs_torch = pytest.mark.skipif(find_spec("torch") is None, reason="requirements-torch.txt is not installed")


@pytest.fixture
def without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """The machine of a shop that did not install the extra."""
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.delitem(sys.modules, "analytics.learners.sequence", raising=False)
    monkeypatch.delattr("analytics.learners.sequence", raising=False)


@pytest.fixture
def shop() -> Shop:
    return make_shop(NOW)


class TestWithoutTheExtra:
    @pytest.mark.usefixtures("without_torch")
    def test_nothing_is_started_and_the_sentence_says_what_to_install(self, shop: Shop) -> None:
        with pytest.raises(CommandError, match=r"requirements-torch\.txt"):
            call_command("run_sequence")
        with pytest.raises(CommandError, match=r"requirements-torch\.txt"):
            call_command("evaluate", "--task", "sequence")
        assert not Run.objects.exists()
        with translation.override("zh-hans"):
            assert "PyTorch" in TorchMissing().sentence
            assert "需要" in TorchMissing().sentence

    def test_another_missing_module_is_no_missing_extra(self, monkeypatch: pytest.MonkeyPatch) -> None:
        if find_spec("torch") is None:
            pytest.skip("requirements-torch.txt is not installed")
        monkeypatch.delitem(sys.modules, "analytics.learners.sequence", raising=False)
        monkeypatch.delattr("analytics.learners.sequence", raising=False)
        monkeypatch.setitem(sys.modules, "analytics.learners.batches", None)

        with pytest.raises(ModuleNotFoundError):
            job.learner()

    def test_it_has_no_time_in_the_night(self) -> None:
        assert not [entry for entry in SCHEDULE.values() if "sequence" in entry["task"]]
        assert "sequence" in TASKS


class TestWhatKeepsItBack:
    def test_a_roll_back_by_hand_for_a_week(self) -> None:
        for value in (1.0, 2.0):
            model_promote(version=make_model(value, job=Job.SEQUENCE), reason="better", now=NOW - DAY)
        assert job.why_kept_back(wins=True, now=NOW) == ""
        model_roll_back(job=Job.SEQUENCE, reason="odd", now=NOW, decided_by=factories.make_marketer())

        assert job.why_kept_back(wins=True, now=NOW + HELD_BY_HAND - DAY) == RunReason.HELD
        assert job.why_kept_back(wins=True, now=NOW + HELD_BY_HAND) == ""

    def test_that_it_did_not_win(self) -> None:
        assert job.why_kept_back(wins=False, now=NOW) == RunReason.NOT_BETTER


class TestWhatItReads:
    def test_orders_with_a_coupon(self) -> None:
        product, shopper = factories.make_product(), factories.make_shopper()
        plain, redeemed, reduced, later = (buy(shopper, [product], NOW - days * DAY) for days in (3, 2, 1, -1))
        coupon = factories.make_coupon()
        for order in (redeemed, later):
            make_redemption(make_claim_at(shopper, coupon, order.placed_at, order=order), order, amount=0)
        Order.objects.filter(pk=reduced.pk).update(discount=1, subtotal=reduced.subtotal + 1)

        assert orders_with_coupon(WINDOW).tolist() == [redeemed.pk, reduced.pk]
        assert plain.pk not in orders_with_coupon(WINDOW)


@needs_torch
class TestARun:
    def test_too_few_buyers_are_no_lesson(self) -> None:
        run = run_sequence(now=NOW)

        assert (run.state, run.reason) == (RunState.SKIPPED, RunReason.TOO_FEW)
        assert not ModelVersion.objects.exists()

    def test_too_few_months_are_no_lesson(self) -> None:
        make_shop(NOW, weeks=12)

        run = run_sequence(now=NOW)

        assert (run.state, run.reason) == (RunState.SKIPPED, RunReason.TOO_FEW)

    def test_what_does_not_win_is_kept_and_not_used(self, shop: Shop) -> None:
        # Two tastes without any order in time: nobody can beat counting them.
        run = run_sequence(now=NOW)

        assert (run.state, run.reason) == (RunState.SKIPPED, RunReason.NOT_BETTER)
        assert run.metrics["promoted"] is False
        assert ModelVersion.objects.get(job=Job.SEQUENCE).state == ModelState.CHALLENGER
        assert champion(Job.SEQUENCE) is None

    def test_what_wins_waits_after_a_roll_back_by_hand(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(job, "simple_scores", _nonsense)
        for value in (1.0, 2.0):
            model_promote(version=make_model(value, job=Job.SEQUENCE), reason="better", now=NOW - DAY)
        model_roll_back(job=Job.SEQUENCE, reason="odd", now=NOW - DAY, decided_by=factories.make_marketer())

        run = run_sequence(now=NOW)

        assert (run.state, run.reason) == (RunState.SKIPPED, RunReason.HELD)
        assert run.metrics["promoted"] is False

    def test_what_wins_is_used_and_says_why(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        # That order alone can win is shown on the learner; here the simple ways are made worse than chance.
        monkeypatch.setattr(job, "simple_scores", _nonsense)

        run = run_sequence(now=NOW)

        assert run.state == RunState.PUBLISHED
        in_use = champion(Job.SEQUENCE)
        assert in_use is not None
        assert in_use.version.metrics["ndcg_sequence"] > in_use.version.metrics["ndcg_nonsense"]
        assert "nonsense" in in_use.version.promotions.get().reason
        model, keys = model_in_use(in_use)
        assert model.is_quantised
        material = material_of(WINDOW, kinds_of(WINDOW), buyers_of(WINDOW))
        lessons = lessons_on(material.purchases, material.histories, day=day_of(NOW), end=None)
        scores = model.scores(material.histories, lessons)
        assert scores.shape == (len(shop.everybody), len(keys))
        favourites = {
            shopper.pk: kinds
            for taste, kinds in (("breakfast", {"Yogurt", "Granola"}), ("dinner", {"Pasta", "Tomato Sauce"}))
            for shopper in shop.shoppers[taste]
        }
        ids = material.purchases.shopper_ids[lessons.shopper].tolist()
        best = [keys[kind] for kind in np.argmax(scores, axis=1)]
        hits = [kind in favourites[shopper_id] for shopper_id, kind in zip(ids, best, strict=True)]
        assert np.mean(hits) > 0.9

    def test_the_same_seed_keeps_the_same_model(self, shop: Shop) -> None:
        for _ in range(2):
            run_sequence(now=NOW)

        one, other = ModelVersion.objects.filter(job=Job.SEQUENCE)
        assert one.checksum == other.checksum

    def test_what_follows_the_cut_off_moves_nothing(self, shop: Shop) -> None:
        run_sequence(now=NOW + 5 * DAY, as_of=NOW)
        self._change_what_follows(shop, NOW)
        run_sequence(now=NOW + 5 * DAY, as_of=NOW)
        # The control: a later cut-off sees it.
        run_sequence(now=NOW + 5 * DAY, as_of=NOW + 4 * DAY)

        later, again, first = (version.checksum for version in ModelVersion.objects.filter(job=Job.SEQUENCE))
        assert first == again != later

    def test_the_last_month_teaches_nothing(self, shop: Shop) -> None:
        month_ago = NOW - 30 * DAY
        before = self._taught()
        self._change_what_follows(shop, month_ago)

        after = self._taught()

        assert all(np.array_equal(array, after[name]) for name, array in before.items())
        # The control: what came before it does.
        self._change_what_follows(shop, NOW - 60 * DAY)
        changed = self._taught()
        assert not all(np.array_equal(array, changed[name]) for name, array in before.items())

    def test_a_break_down_is_written_down(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(job, "orders_with_coupon", _broken)

        with pytest.raises(RuntimeError):
            run_sequence(now=NOW)
        assert Run.objects.get().state == RunState.FAILED

    def test_the_command_says_what_came_of_it(self, shop: Shop, capsys: pytest.CaptureFixture[str]) -> None:
        call_command("run_sequence", "--as-of", NOW.isoformat())

        printed = capsys.readouterr().out
        assert "no new model is in use" in printed
        assert "NDCG@10 decayed_frequency" in printed
        with pytest.raises(CommandError):
            call_command("run_sequence", "--seed", "-1")

    def _taught(self) -> dict[str, Any]:
        material = material_of(WINDOW, kinds_of(WINDOW), buyers_of(WINDOW))
        verdict = compare(material, end=day_of(NOW), seed=DEFAULT_SEED)
        assert verdict is not None
        return dict(verdict.taught.model.arrays())

    def _change_what_follows(self, shop: Shop, moment: Any) -> None:
        """Everybody buys the other taste's honey and basil every day from then on."""
        odd = {"breakfast": [shop.products["Basil"]], "dinner": [shop.products["Honey"]]}
        for taste, shoppers in shop.shoppers.items():
            for shopper in shoppers[:10]:
                for day in range(4):
                    buy(shopper, odd[taste], moment + day * DAY + timedelta(hours=1))


def _nonsense(purchases: Any, lessons: Any, *, day: float) -> dict[str, np.ndarray]:
    return {"nonsense": -purchases.bought()[lessons.shopper].astype(np.float64)}


def _broken(window: Window) -> Any:
    raise RuntimeError("the disk is full")
