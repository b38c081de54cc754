"""The nightly forecast of stock: what it reads, what it hands down, and what comes of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from analytics.admin.figures.demand import last_demand
from analytics.enums import Job, RunState
from analytics.errors import RunInProgress
from analytics.jobs import stock_forecast
from analytics.jobs.exclusive import exclusively
from analytics.jobs.stock_forecast import run_stock_forecast
from analytics.models import Run
from analytics.selectors.stock_history import coupon_days, holders_scores
from analytics.services.registry import model_promote
from analytics.services.runs import run_finish, run_start
from campaigns.services.scores import ScoreDraft, coupon_scores_write
from config.kernel.clock import database_now, end_of_shop_day
from coupons.models import (
    Budget,
    BudgetEntry,
    Claim,
    Coupon,
    Redemption,
    ReleaseBatch,
    Stock,
    StockForecast,
    StockMovement,
)
from coupons.services.stock import stock_top_up
from tests import factories
from tests.analytics.builders import WINDOW, make_claim_at, make_model, make_order, make_redemption
from tests.analytics.response_shop import make_orders
from users.models import User

NOW = factories.NOW
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


def claim_each_day(coupon: Coupon, *, number: int = 5, days: int = 28, before: datetime = NOW) -> list[Claim]:
    """So many claims on each of the last days, today not among them; the stock is left as it is."""
    shoppers = [factories.make_shopper() for _number in range(number)]
    return [make_claim_at(shopper, coupon, before - day * DAY) for day in range(1, days + 1) for shopper in shoppers]


def seen(coupon: Coupon, **fields: Any) -> Any:
    return coupon_days(as_of=NOW, **{"days": 28, "ages": 10, "horizon": 14, **fields})


def score(probabilities: list[tuple[User, Coupon, float]], *, at: datetime = NOW - HOUR) -> None:
    """Scores as a night of response leaves them."""
    model = make_model()
    model_promote(version=model, reason="better", now=at)
    run = run_start(job=Job.RESPONSE, window=WINDOW, seed=7, parameters={}, now=at)
    run_finish(run=run, state=RunState.PUBLISHED, metrics={"model": model.pk}, now=at)
    coupon_scores_write(
        drafts=[ScoreDraft(shopper.pk, coupon.pk, chance, 0.0) for shopper, coupon, chance in probabilities], now=at
    )


def use_some(claims: list[Claim], *, share: int, after: timedelta = DAY) -> None:
    """Uses every so many of the claims, a day after each was made."""
    for claim in claims[::share]:
        order = make_order(claim.shopper, claim.claimed_at + after)
        make_redemption(claim, order, amount=10_00)
        Claim.objects.filter(pk=claim.pk).update(state="redeemed", order=order)


@pytest.mark.django_db
class TestScoresOfHolders:
    def test_are_their_mean_and_number(self) -> None:
        coupon, other = factories.make_coupon(limit_per_shopper=100), factories.make_coupon()
        first, second, third = (make_claim_at(factories.make_shopper(), coupon, NOW - DAY).shopper for _ in range(3))
        make_claim_at(factories.make_shopper(), other, NOW - DAY)
        make_claim_at(factories.make_shopper(), coupon, NOW - DAY, state="expired")
        score([(first, coupon, 0.2), (second, coupon, 0.6), (third, other, 0.9)])

        means, counts = holders_scores(coupon_ids=[coupon.pk, other.pk], now=NOW)
        # The third holder came after the night, and counts as the mean of the other two.
        assert (means[0], counts[0]) == (pytest.approx(0.4), 3)
        assert np.isnan(means[1])
        # Control: scores that nobody renewed say nothing.
        assert np.isnan(holders_scores(coupon_ids=[coupon.pk], now=NOW + 2 * DAY)[0]).all()

    def test_part_coupons_and_leave_the_level_to_what_was_used(self) -> None:
        old = factories.make_coupon(limit_per_shopper=100)
        use_some(claim_each_day(old, number=4), share=4)
        Coupon.objects.filter(pk=old.pk).update(status="ended")
        liked, other = (factories.make_coupon(limit_per_shopper=100) for _ in range(2))
        claims = [claim_each_day(coupon, number=4, days=1) for coupon in (liked, other)]

        def expected() -> list[float]:
            run_stock_forecast(now=NOW)
            return [StockForecast.objects.get(coupon=coupon).uses_of_held or 0 for coupon in (liked, other)]

        alike = expected()
        # A quarter is used a day after the claim, as the coupon of before was.
        assert alike == [pytest.approx(1, abs=0.15)] * 2
        score(
            [(claim.shopper, liked, 0.9) for claim in claims[0]] + [(claim.shopper, other, 0.3) for claim in claims[1]]
        )
        parted = expected()
        assert parted[0] == pytest.approx(3 * parted[1], rel=0.05)
        assert sum(parted) == pytest.approx(sum(alike), rel=0.05)


@pytest.mark.django_db
class TestBudgets:
    def forecast(self, coupon: Coupon) -> StockForecast:
        run_stock_forecast(now=NOW)
        return StockForecast.objects.get(coupon=coupon)

    def test_last_as_long_as_uses_let_them(self) -> None:
        coupon = factories.make_coupon(limit_per_shopper=100)
        use_some(claim_each_day(coupon, number=8), share=2)
        assert self.forecast(coupon).budget_days is None

        budget = factories.make_budget(cap=400_00, spent=200_00)
        coupon.budgets.add(budget)
        forecast = self.forecast(coupon)
        # About four uses a day take 10.00 each.
        assert forecast.budget_days == pytest.approx(5, abs=1.5)
        assert forecast.budget_ends_at == pytest.approx(NOW + 5 * DAY, abs=1.5 * DAY)
        # Control: with a hundred times as much it lasts longer than anybody looks.
        Budget.objects.update(cap=20_000_00)
        assert self.forecast(coupon).budget_days is None

    def test_are_spent_by_all_their_coupons(self) -> None:
        coupon, other = (factories.make_coupon(limit_per_shopper=100) for _ in range(2))
        budget = factories.make_budget(cap=400_00, spent=200_00)
        for each in (coupon, other):
            use_some(claim_each_day(each, number=8), share=2)
        coupon.budgets.add(budget)
        alone = self.forecast(coupon).budget_days
        other.budgets.add(budget)
        together = self.forecast(coupon).budget_days
        assert alone is not None
        assert together == pytest.approx(alone / 2, abs=0.5)
        assert self.forecast(other).budget_days == together

    def test_of_a_coupon_without_a_limit_of_stock(self) -> None:
        coupon = factories.make_coupon(stock=None, limit_per_shopper=100)
        use_some(claim_each_day(coupon, number=8), share=2)
        coupon.budgets.add(factories.make_budget(cap=50_00))
        forecast = self.forecast(coupon)
        assert forecast.budget_days == pytest.approx(1.3, abs=1)
        assert (forecast.days_of_cover, forecast.top_up) == (None, 0)

    def test_that_are_spent_last_no_longer(self) -> None:
        coupon = factories.make_coupon()
        coupon.budgets.add(factories.make_budget(cap=50_00, spent=50_00))
        assert self.forecast(coupon).budget_days == 0

    def test_are_also_spent_by_coupons_that_have_ended(self) -> None:
        coupon, ended = (factories.make_coupon(limit_per_shopper=100) for _ in range(2))
        budget = factories.make_budget(cap=140_00, spent=70_00)
        coupon.budgets.add(budget)
        assert self.forecast(coupon).budget_days is None
        claims = claim_each_day(ended, number=1, days=8)[1:]
        use_some(claims, share=1)
        for redemption in Redemption.objects.all():
            BudgetEntry.objects.create(
                budget=budget, redemption=redemption, kind="spent", amount=10_00, created_at=redemption.redeemed_at
            )
        Coupon.objects.filter(pk=ended.pk).update(status="ended")
        # 70.00 in two weeks are five a day.
        assert self.forecast(coupon).budget_days == pytest.approx(14, abs=0.8)

    @pytest.mark.parametrize("days", [28, 3])
    def test_are_also_spent_by_automatic_promotions(self, days: int) -> None:
        """Nobody claims these: what they take is known from what they took, since they began."""
        promotion = factories.make_coupon(stock=None, handout="automatic", claim_starts_at=NOW - days * DAY)
        coupon = factories.make_coupon()
        budget = factories.make_budget(cap=400_00, spent=200_00)
        for each in (promotion, coupon):
            each.budgets.add(budget)
        assert self.forecast(coupon).budget_days is None
        for day in range(days):
            at = NOW - (day + 0.5) * DAY
            redemption = Redemption.objects.create(
                coupon=promotion, order=make_order(factories.make_shopper(), at), amount=100_00, redeemed_at=at
            )
            BudgetEntry.objects.create(budget=budget, redemption=redemption, kind="spent", amount=100_00, created_at=at)

        assert self.forecast(coupon).budget_days == pytest.approx(2, abs=0.6)
        forecast = StockForecast.objects.get(coupon=promotion)
        assert forecast.budget_days == pytest.approx(2, abs=0.6)
        assert forecast.claims_a_day == forecast.redemptions_a_week == 0


@pytest.mark.django_db
class TestWhatItReads:
    def test_claims_by_shop_day_and_stock(self) -> None:
        coupon = factories.make_coupon(stock=40, limit_per_shopper=100)
        claim_each_day(coupon, number=2, days=3)

        days = seen(coupon)
        assert days.coupons == (coupon,)
        assert days.claims[0].tolist() == [0] * 25 + [2, 2, 2]
        assert days.left.tolist() == [40]
        assert days.counted.all()

    def test_derived_claims_take_no_stock(self) -> None:
        coupon = factories.make_coupon(limit_per_shopper=100)
        claims = claim_each_day(coupon, number=2, days=1)
        Claim.objects.filter(pk=claims[0].pk).update(channel="gift", ordinal=None, source=claims[1])

        assert seen(coupon).claims.sum() == 1

    def test_days_without_stock_and_before_the_start_do_not_count(self) -> None:
        coupon = factories.make_coupon(stock=20, limit_per_shopper=100, claim_starts_at=NOW - 10 * DAY)
        claim_each_day(coupon, number=2, days=5)
        # Topped up this morning: until then nothing was left.
        Stock.objects.filter(coupon=coupon).update(released=30)
        stock_top_up(coupon=coupon, quantity=20, actor=None, now=NOW - HOUR)
        coupon.stock_buckets.update(remaining=20)

        counted = seen(coupon).counted[0].tolist()
        assert not any(counted[:18])
        assert counted[-1] is False
        assert counted[-2] is True

    def test_a_coupon_that_was_always_sold_out_still_says_something(self) -> None:
        coupon = factories.make_coupon(stock=0, limit_per_shopper=100, claim_starts_at=NOW - 10 * DAY)
        claim_each_day(coupon, number=2, days=10)
        # Each morning as many came as were claimed by the evening.
        for day in range(1, 11):
            StockMovement.objects.create(coupon=coupon, kind="topped_up", quantity=2, created_at=NOW - day * DAY - HOUR)

        assert seen(coupon).counted[0].tolist() == [False] * 18 + [True] * 10

    def test_uses_by_age(self) -> None:
        coupon = factories.make_coupon(limit_per_shopper=100)
        used, open_one = claim_each_day(coupon, number=2, days=1, before=NOW - 4 * DAY)
        order = make_order(used.shopper, NOW - 3 * DAY)
        make_redemption(used, order, amount=10_00)
        Claim.objects.filter(pk=used.pk).update(state="redeemed", order=order)

        days = seen(coupon)
        # Made five days ago; one was used two days later, and both were at risk until then.
        assert days.redeemed[0].tolist() == [0, 0, 1, 0, 0, 0, 0, 0, 0, 0]
        assert days.at_risk[0].tolist() == [2, 2, 2, 1, 1, 0, 0, 0, 0, 0]
        assert days.open_claims[0].tolist() == [0, 0, 0, 0, 0, 1, 0, 0, 0, 0]
        # With one coupon in the shop, what is usual is what it does.
        assert days.usual_redeemed.tolist() == days.redeemed[0].tolist()
        assert days.usual_at_risk.tolist() == days.at_risk[0].tolist()
        assert open_one.state == "available"

    def test_batches_arrive_on_their_days(self) -> None:
        coupon = factories.make_coupon()
        ReleaseBatch.objects.create(coupon=coupon, opens_at=NOW + 2 * DAY, quantity=7)
        ReleaseBatch.objects.create(coupon=coupon, opens_at=NOW - DAY, quantity=3)
        ReleaseBatch.objects.create(coupon=coupon, opens_at=NOW - 2 * DAY, quantity=9, opened_at=NOW)

        assert seen(coupon).arriving[0].tolist() == [3, 0, 7, *[0] * 11]

    @pytest.mark.parametrize("fields", [{"stock": None}, {"state": "paused"}, {"state": "ended"}, {"state": "draft"}])
    def test_only_live_coupons_with_a_limit(self, fields: dict[str, Any]) -> None:
        factories.make_coupon(**fields)

        assert coupon_days(as_of=NOW, days=28, ages=10, horizon=14).coupons == ()

    def test_nothing_after_the_cut_off(self) -> None:
        coupon = factories.make_coupon(limit_per_shopper=100)
        claims = claim_each_day(coupon, number=2)
        before = seen(coupon)
        for claim in claims[:6]:
            make_claim_at(claim.shopper, coupon, NOW)
            make_redemption(claim, make_order(claim.shopper, NOW), amount=10_00)

        after = seen(coupon)
        assert (after.claims == before.claims).all()
        assert (after.redeemed == before.redeemed).all()
        assert (after.at_risk == before.at_risk).all()
        assert (after.usual_redeemed == before.usual_redeemed).all()
        assert (after.usual_at_risk == before.usual_at_risk).all()
        # Control: a moment later they are seen.
        later = coupon_days(as_of=NOW + DAY, days=28, ages=10, horizon=14)
        assert later.claims.sum() != before.claims.sum()


@pytest.mark.django_db
class TestARun:
    def test_hands_down_what_a_steady_coupon_needs(self) -> None:
        coupon = factories.make_coupon(stock=20, limit_per_shopper=100)
        claim_each_day(coupon, days=56)
        run = run_stock_forecast(now=NOW)

        forecast = StockForecast.objects.get()
        assert (run.state, run.metrics["coupons"], run.metrics["running_out"]) == (RunState.PUBLISHED, 1, 1)
        assert forecast.claims_a_day == pytest.approx(5, abs=0.2)
        # Half of today is over: 2.5 then, and 5 on each day after it.
        assert forecast.days_of_cover == pytest.approx(4, abs=0.1)
        assert forecast.runs_out_at == pytest.approx(NOW + 4 * DAY, abs=3 * HOUR)
        assert forecast.top_up == pytest.approx(13.5 * 5 - 20, abs=2)
        assert sum(batch["quantity"] for batch in forecast.batches) == forecast.top_up
        assert len(forecast.claims_past) == len(forecast.claims_ahead) == 28
        assert forecast.claims_past == [5] * 28

    def test_asks_for_nothing_beyond_the_end_of_the_coupon(self) -> None:
        ends_at = end_of_shop_day(NOW.date() + 2 * DAY)
        coupon = factories.make_coupon(stock=20, limit_per_shopper=100, claim_ends_at=ends_at)
        claim_each_day(coupon)
        run_stock_forecast(now=NOW)

        forecast = StockForecast.objects.get()
        assert (forecast.days_of_cover, forecast.top_up) == (None, 0)
        assert sum(forecast.claims_ahead) == pytest.approx(12.5, abs=1)

    def test_replaces_what_was_there(self) -> None:
        coupon, other = factories.make_coupon(), factories.make_coupon()
        run_stock_forecast(now=NOW)
        Coupon.objects.filter(pk=other.pk).update(status="ended")
        run_stock_forecast(now=NOW + DAY)

        assert list(StockForecast.objects.values_list("coupon_id", "made_at")) == [(coupon.pk, NOW + DAY)]

    def test_by_hand_says_what_it_did(self, capsys: pytest.CaptureFixture[str]) -> None:
        factories.make_coupon()
        call_command("run_stock_forecast")

        assert "1 coupons, 0 of them run out" in capsys.readouterr().out
        call_command("run_stock_forecast", "--if-missing")
        assert "Nothing to do" in capsys.readouterr().out
        assert Run.objects.count() == 1

    def test_of_an_empty_shop_publishes_nothing(self) -> None:
        assert run_stock_forecast(now=NOW).metrics["coupons"] == 0

    def test_beside_another_one_is_refused(self, monkeypatch: pytest.MonkeyPatch) -> None:
        with exclusively("forecast"):
            pass
        monkeypatch.setattr(stock_forecast, "exclusively", _taken)
        with pytest.raises(RunInProgress):
            run_stock_forecast(now=NOW)
        assert not Run.objects.exists()

    def test_that_breaks_leaves_last_nights(self, monkeypatch: pytest.MonkeyPatch) -> None:
        factories.make_coupon()
        run_stock_forecast(now=NOW)
        monkeypatch.setattr(stock_forecast, "plan_stock", _break)
        with pytest.raises(RuntimeError):
            run_stock_forecast(now=NOW + DAY)

        assert StockForecast.objects.get().made_at == NOW
        assert Run.objects.first().state == RunState.FAILED  # type: ignore[union-attr]

    def test_goes_on_when_the_shelves_cannot_be_forecast(self, monkeypatch: pytest.MonkeyPatch) -> None:
        factories.make_coupon()
        product = factories.make_product()
        for week in range(1, 9):
            make_orders(factories.make_shopper(), product, [NOW - 7 * week * DAY])
        before = run_stock_forecast(now=NOW)
        assert "demand_failed" not in before.metrics
        monkeypatch.setattr(stock_forecast, "demand_ahead", _break_the_statement)
        run = run_stock_forecast(now=NOW + DAY)

        assert (run.state, run.metrics["coupons"]) == (RunState.PUBLISHED, 1)
        assert "Error" in run.metrics["demand_failed"]
        assert StockForecast.objects.get().made_at == NOW + DAY
        # Last night's is shown until there is another.
        shown = last_demand()
        assert shown is not None
        assert shown.made_at == NOW


def _taken(_name: str) -> Any:
    raise RunInProgress


def _break(**_arguments: Any) -> Any:
    raise RuntimeError("broken")


def _break_the_statement(**_arguments: Any) -> Any:
    Run.objects.raw("SELECT nothing FROM nowhere")[0]


@pytest.mark.django_db
class TestTheCouponsPage:
    @pytest.fixture
    def marketer(self, client: Client) -> User:
        marketer = factories.make_marketer()
        client.force_login(marketer)
        return marketer

    def page(self, client: Client, coupon: Coupon) -> str:
        return client.get(reverse("admin:coupons_coupon_change", args=[coupon.pk])).content.decode()

    def test_shows_the_forecast_and_fills_the_top_up(self, client: Client, marketer: User) -> None:
        now = database_now()
        coupon = factories.make_coupon(stock=20, limit_per_shopper=100)
        claim_each_day(coupon, before=now)
        run_stock_forecast(now=now)
        suggested = StockForecast.objects.get().top_up

        page = self.page(client, coupon)
        assert "Days of cover" in page
        assert "Top up as forecast" in page
        path = reverse("admin:coupons_coupon_top_up_suggested", args=[coupon.pk])
        dialog = client.get(path).content.decode()
        assert f'value="{suggested}"' in dialog

        client.post(path, {"quantity": suggested, "reason": "forecast", "_form_submitted": "true"})
        assert Stock.objects.get(coupon=coupon).remaining() == 20 + suggested

    def test_says_of_an_automatic_promotion_how_long_its_budget_lasts(self, client: Client, marketer: User) -> None:
        coupon = factories.make_coupon(stock=None, handout="automatic")
        coupon.budgets.add(factories.make_budget())
        run_stock_forecast(now=database_now())
        page = self.page(client, coupon)
        assert "Days the budget lasts" in page
        assert "Days of cover" not in page
        assert "Claims a day, next week" not in page

    def test_says_nothing_without_a_forecast_in_force(self, client: Client, marketer: User) -> None:
        coupon = factories.make_coupon(stock=20, limit_per_shopper=100)
        claim_each_day(coupon, before=database_now() - 2 * DAY)
        assert "Days of cover" not in self.page(client, coupon)

        run_stock_forecast(now=database_now() - 2 * DAY)
        page = self.page(client, coupon)
        assert "Days of cover" not in page
        assert "Top up as forecast" not in page
