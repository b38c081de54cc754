"""The nightly recommendation: everybody's list with its reasons, learned from the past alone."""

from __future__ import annotations

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from analytics import tasks
from analytics.enums import Job, ModelState, RunReason, RunState
from analytics.errors import RunInProgress
from analytics.jobs import recommendation
from analytics.jobs.exclusive import exclusively
from analytics.jobs.listing import OWN_LENGTH
from analytics.jobs.recommendation import run_recommendation
from analytics.models import ModelVersion, Run
from analytics.schedules import SCHEDULE
from analytics.services.registry import model_load, model_promote, model_roll_back, model_save
from coupons.enums import AffinityReason, ScopeMode
from coupons.models import Affinity, Coupon, Order, ScopeEntry
from coupons.selectors.showcase import showcase_coupons
from tests import factories
from tests.analytics.shopping import TYPES, Shop, buy, make_shop
from tests.factories import NOW
from users.enums import TagSource
from users.models import Tag, User

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def coupon_on(shop: Shop, *kinds: str, mode: ScopeMode = ScopeMode.INCLUDE, **fields: Any) -> Coupon:
    coupon = factories.make_coupon(title_en=" & ".join(kinds) or "Everything", **fields)
    for kind in kinds:
        ScopeEntry.objects.create(coupon=coupon, mode=mode, category=shop.shelves[kind])
    return coupon


def list_of(shopper: User | None) -> list[Affinity]:
    return list(Affinity.objects.filter(shopper=shopper).select_related("coupon").order_by("place"))


def told() -> list[tuple[Any, ...]]:
    fields = ("shopper_id", "coupon_id", "place", "score", "reason", "reason_data")
    return sorted(Affinity.objects.values_list(*fields), key=lambda row: (row[0] or 0, row[1]))


@pytest.fixture
def shop() -> Shop:
    return make_shop(NOW)


@pytest.fixture
def coupons(shop: Shop) -> dict[str, Coupon]:
    return {kind: coupon_on(shop, kind) for kind in TYPES}


class TestLists:
    def test_each_taste_sees_its_own_coupons_first(self, shop: Shop, coupons: dict[str, Coupon]) -> None:
        run = run_recommendation(now=NOW)

        assert run.state == RunState.PUBLISHED
        for taste, favourites in (("breakfast", {"Yogurt", "Granola"}), ("dinner", {"Pasta", "Tomato Sauce"})):
            for shopper in shop.shoppers[taste]:
                first = list_of(shopper)[0].coupon
                assert first.title_en in favourites
            assert showcase_coupons(now=NOW, shopper=shopper).first() == first

    def test_says_what_the_shopper_buys(self, shop: Shop, coupons: dict[str, Coupon]) -> None:
        run_recommendation(now=NOW)

        best = Affinity.objects.get(shopper=shop.shoppers["breakfast"][0], coupon=coupons["Yogurt"])
        assert best.reason == AffinityReason.BOUGHT
        assert best.reason_data == {"kind": "Yogurt", "name_en": "Yogurt", "name_zh": "Yogurt架"}

    def test_says_what_goes_with_what_the_shopper_buys(self, shop: Shop, coupons: dict[str, Coupon]) -> None:
        run_recommendation(now=NOW)

        without_honey = [
            shopper
            for shopper in shop.shoppers["breakfast"]
            if not Order.objects.filter(shopper=shopper, lines__product=shop.products["Honey"]).exists()
        ]
        assert without_honey
        place = Affinity.objects.get(shopper=without_honey[0], coupon=coupons["Honey"])
        assert place.reason == AffinityReason.GOES_WITH
        assert place.reason_data["name_en"] in {"Yogurt", "Granola", "Bananas"}

    def test_a_newcomer_sees_what_is_popular(self, shop: Shop, coupons: dict[str, Coupon]) -> None:
        run_recommendation(now=NOW)

        newcomer = factories.make_shopper()
        assert list_of(newcomer) == []
        popular = list_of(None)
        assert {place.reason for place in popular} == {AffinityReason.POPULAR}
        assert {place.coupon for place in popular[:3]}.isdisjoint({coupons["Honey"], coupons["Basil"]})
        assert showcase_coupons(now=NOW, shopper=newcomer).first() == popular[0].coupon

    def test_a_newcomer_with_a_segment_sees_what_its_members_like(self, shop: Shop, coupons: dict[str, Coupon]) -> None:
        newcomer = factories.make_shopper()
        for shopper in [*shop.shoppers["dinner"], newcomer]:
            Tag.objects.create(shopper=shopper, name="segment:dinner", source=TagSource.SEGMENTATION, set_at=NOW - DAY)
        run_recommendation(now=NOW)

        places = list_of(newcomer)
        assert places[0].coupon.title_en in {"Pasta", "Tomato Sauce"}
        assert {place.reason for place in places} == {AffinityReason.PEERS}
        assert [place.reason_data for place in places] == [{}] * len(places)

    def test_an_excluded_shelf_does_not_count(self, shop: Shop) -> None:
        both = coupon_on(shop, "Yogurt", "Pasta")
        ScopeEntry.objects.create(coupon=both, mode=ScopeMode.EXCLUDE, category=shop.shelves["Yogurt"])
        run_recommendation(now=NOW)

        assert list_of(shop.shoppers["dinner"][0])[0].reason_data["name_en"] == "Pasta"
        for place in list_of(shop.shoppers["breakfast"][0]):
            assert place.reason != AffinityReason.BOUGHT

    def test_the_whole_shop_comes_after_a_favourite_and_before_what_is_unlikely(self, shop: Shop) -> None:
        everything, yogurt, basil = coupon_on(shop), coupon_on(shop, "Yogurt"), coupon_on(shop, "Basil")
        run_recommendation(now=NOW)

        places = list_of(shop.shoppers["breakfast"][0])
        assert [place.coupon for place in places][:2] == [yogurt, everything]
        assert places[1].reason == AffinityReason.ANYTHING
        assert basil not in [place.coupon for place in places[:2]]

    def test_ten_coupons_of_one_type_do_not_fill_the_list(self, shop: Shop) -> None:
        yogurts = [coupon_on(shop, "Yogurt") for _ in range(10)]
        granola = coupon_on(shop, "Granola")
        run_recommendation(now=NOW)

        places = [place.coupon for place in list_of(shop.shoppers["breakfast"][0])]
        assert granola in places[:3]
        assert set(places[:2]) & set(yogurts)

    def test_a_list_is_one_page_long(self, shop: Shop) -> None:
        for _ in range(OWN_LENGTH + 3):
            coupon_on(shop, "Yogurt")
        run_recommendation(now=NOW)
        assert len(list_of(shop.shoppers["breakfast"][0])) == OWN_LENGTH

    def test_without_coupons_there_is_nothing_to_list(self, shop: Shop) -> None:
        assert run_recommendation(now=NOW).metrics["affinities"] == 0

    def test_a_product_without_a_type_goes_by_its_shelf(self, shop: Shop, coupons: dict[str, Coupon]) -> None:
        product = shop.products["Yogurt"]
        product.product_type = ""
        product.save()
        run_recommendation(now=NOW)

        best = Affinity.objects.get(shopper=shop.shoppers["breakfast"][0], coupon=coupons["Yogurt"])
        assert best.reason_data["kind"] == f"category:{product.category.key}"


class TestAudience:
    def test_nobody_is_recommended_what_is_meant_for_others(self, shop: Shop) -> None:
        for_all = coupon_on(shop, "Yogurt")
        for_newcomers = coupon_on(shop, "Yogurt", audience="new_shoppers")
        first_order = coupon_on(shop, "Yogurt", order_number=1)
        for_vips = coupon_on(shop, "Yogurt", audience="tagged", audience_tag="vip")
        vip, other = shop.shoppers["breakfast"][:2]
        Tag.objects.create(shopper=vip, name="vip", source=TagSource.MARKETER, set_at=NOW - DAY)
        run_recommendation(now=NOW)

        assert {place.coupon for place in list_of(other)} == {for_all}
        assert {place.coupon for place in list_of(vip)} == {for_all, for_vips}
        assert {place.coupon for place in list_of(None)} == {for_all, for_newcomers, first_order}


class TestRun:
    def test_the_first_model_is_promoted_by_its_figures(self, shop: Shop, coupons: dict[str, Coupon]) -> None:
        run = run_recommendation(now=NOW)

        version = ModelVersion.objects.get()
        assert run.metrics["ndcg_challenger"] > run.metrics["ndcg_popularity"]
        assert version.run == run
        assert (version.state == ModelState.CHAMPION) == run.metrics["promoted"]

    def test_the_same_night_again_changes_nothing(self, shop: Shop, coupons: dict[str, Coupon]) -> None:
        first = run_recommendation(now=NOW)
        before = told()
        second = run_recommendation(now=NOW)

        assert told() == before
        # As good as the one in use is not better.
        assert not second.metrics["promoted"]
        if first.metrics["promoted"]:
            assert ModelVersion.objects.get(state=ModelState.CHAMPION).run == first

    def test_what_a_person_rolled_back_stays_so_for_a_week(self, shop: Shop, coupons: dict[str, Coupon]) -> None:
        run = run_recommendation(now=NOW)
        made = model_load(ModelVersion.objects.get())
        versions = [
            model_save(run=run, arrays=made.arrays, metrics={}, description={"features": ["old"]}, now=NOW)
            for _ in range(2)
        ]
        for version in versions:
            model_promote(version=version, reason="better", now=NOW)
        person = factories.make_shopper(is_staff=True)
        model_roll_back(job=Job.RECOMMENDATION, reason="odd", now=NOW, decided_by=person)
        held = run_recommendation(now=NOW + DAY)

        assert (held.metrics["promoted"], held.metrics["held_by_hand"]) == (False, True)
        assert ModelVersion.objects.get(state=ModelState.CHAMPION) == versions[0]
        assert run_recommendation(now=NOW + 7 * DAY).metrics["held_by_hand"] is False

    def test_too_few_buyers_leave_the_last_lists(
        self, shop: Shop, coupons: dict[str, Coupon], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run_recommendation(now=NOW)
        before = told()
        monkeypatch.setattr(recommendation, "FEWEST_BUYERS", 1000)
        run = run_recommendation(now=NOW)
        assert (run.state, run.reason) == (RunState.SKIPPED, RunReason.TOO_FEW)
        assert told() == before

    def test_a_month_of_history_is_listed_by_the_simple_blend(self, coupons_of_a_young_shop: Shop) -> None:
        run = run_recommendation(now=NOW)
        assert run.state == RunState.PUBLISHED
        assert run.metrics["taught"] is False
        assert list_of(coupons_of_a_young_shop.shoppers["dinner"][0])[0].coupon.title_en == "Pasta"

    @pytest.fixture
    def coupons_of_a_young_shop(self) -> Shop:
        young = make_shop(NOW, each=30, weeks=3)
        coupon_on(young, "Pasta")
        coupon_on(young, "Yogurt")
        return young

    def test_a_failure_is_written_down_and_leaves_the_last_lists(
        self, shop: Shop, coupons: dict[str, Coupon], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run_recommendation(now=NOW)
        before = told()

        def broken(*args: object, **kwargs: object) -> None:
            raise RuntimeError("the disk is full")

        monkeypatch.setattr(recommendation, "known_before", broken)
        with pytest.raises(RuntimeError):
            run_recommendation(now=NOW)
        assert Run.objects.order_by("pk").last().state == RunState.FAILED  # type: ignore[union-attr]
        assert told() == before

    def test_is_scheduled_after_the_segments(self) -> None:
        entry = SCHEDULE["recommend coupons"]
        assert entry["task"] == tasks.run_recommendation.name
        assert min(entry["schedule"].minute) > min(SCHEDULE["segment shoppers"]["schedule"].minute)

    def test_the_command_prints_figures(
        self, shop: Shop, coupons: dict[str, Coupon], capsys: pytest.CaptureFixture[str]
    ) -> None:
        call_command("run_recommendation", "--as-of", NOW.isoformat())
        assert "NDCG@10 challenger" in capsys.readouterr().out
        call_command("run_recommendation", "--if-missing")
        assert "Nothing to do" in capsys.readouterr().out

    @pytest.mark.parametrize("arguments", [["--as-of", "yesterday"], ["--as-of", "2017-13-01"], ["--seed", "-1"]])
    def test_the_command_refuses_nonsense(self, arguments: list[str]) -> None:
        with pytest.raises(CommandError):
            call_command("run_recommendation", *arguments)


@pytest.mark.django_db(transaction=True)
def test_two_at_once_are_one() -> None:
    refused: list[bool] = []

    def other() -> None:
        try:
            run_recommendation(now=NOW)
        except RunInProgress:
            refused.append(True)
        finally:
            connection.close()

    with exclusively(Job.RECOMMENDATION):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert refused == [True]


class TestLeakage:
    """Nothing of the cut-off or later moves a list; the control moves the cut-off and sees them move."""

    CUT = NOW - 40 * DAY

    def change_the_future(self, shop: Shop) -> None:
        for shopper in shop.shoppers["breakfast"]:
            for day in (0, 1, 8, 20):
                buy(shopper, [shop.products["Pasta"], shop.products["Basil"]], self.CUT + day * DAY)
        # Given back after the cut-off: on that day it was still bought.
        orders = Order.objects.filter(shopper=shop.shoppers["dinner"][0], redeemed_at__lt=self.CUT)
        orders.update(state="refunded", closed_at=self.CUT)

    def test_what_happens_later_moves_nothing(self, shop: Shop, coupons: dict[str, Coupon]) -> None:
        run_recommendation(now=NOW, as_of=self.CUT)
        before = told()
        weights = ModelVersion.objects.get().checksum
        ModelVersion.objects.update(state=ModelState.RETIRED)
        self.change_the_future(shop)
        run_recommendation(now=NOW, as_of=self.CUT)
        assert told() == before
        assert ModelVersion.objects.first().checksum == weights  # type: ignore[union-attr]

    def test_control_a_later_cut_off_sees_it(self, shop: Shop, coupons: dict[str, Coupon]) -> None:
        later = self.CUT + 21 * DAY
        run_recommendation(now=NOW, as_of=later)
        before = told()
        self.change_the_future(shop)
        run_recommendation(now=NOW, as_of=later)
        assert told() != before
