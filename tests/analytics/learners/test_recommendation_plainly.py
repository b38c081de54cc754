"""Recommending in parts and in bulk is the same as one shopper, one type and one coupon at a time."""

from __future__ import annotations

import math

import numpy as np
import pytest

from analytics.jobs.listing import OWN_LENGTH, AffinityLister
from analytics.learners.candidates import FEATURES, Candidates
from analytics.learners.item_models import ItemModel
from analytics.learners.logistic import LogisticModel
from analytics.learners.months import Known, items_before, known_before
from analytics.learners.purchases import HALF_LIVES, MONTH, QUARTER, Purchases
from analytics.learners.recommendation import (
    CANDIDATES,
    NEW_CANDIDATES,
    Taught,
)
from analytics.learners.shortlist import (
    BREADTH_COST,
    COUNTED_KINDS,
    LEADING_SHARE,
    groups_of,
    relevance_of,
    strongest_companion,
)
from analytics.selectors.coverage import Coverage
from analytics.selectors.purchases import Kind, Kinds
from coupons.enums import AffinityReason
from tests.analytics.learners.baskets import Basket, purchases_from

SHOPPERS, KINDS, DAY = 40, 260, 200.0


@pytest.fixture(scope="module")
def purchases() -> Purchases:
    """Shoppers with few types and with many, one whose first order comes later, and a type that nobody buys."""
    random = np.random.default_rng(11)
    baskets: list[Basket] = [(SHOPPERS - 1, DAY + 1, (3, 4))]
    for shopper in range(SHOPPERS - 1):
        taste = random.integers(0, KINDS - 1, 3 + shopper)
        for _ in range(int(random.integers(1, 14))):
            basket = {int(kind) for kind in random.choice(taste, 4)}
            baskets.append((shopper, float(random.uniform(0, DAY + 30)), tuple(sorted(basket))))
    return purchases_from(baskets, shoppers=SHOPPERS, kinds=KINDS)


@pytest.fixture(scope="module")
def items(purchases: Purchases) -> ItemModel:
    return items_before(lambda: [purchases], kinds=KINDS, day=DAY)


@pytest.fixture(scope="module")
def known(purchases: Purchases, items: ItemModel) -> Known:
    return known_before(purchases, items, day=DAY)


@pytest.fixture(scope="module")
def model() -> Taught:
    random = np.random.default_rng(5)
    again, new = (
        LogisticModel(names=FEATURES, weights=random.normal(0, 0.02, len(FEATURES)), intercept=intercept)
        for intercept in (-1.0, -4.0)
    )
    return Taught(again=again, new=new)


def ages(purchases: Purchases, shopper: int, kind: int | None = None) -> list[float]:
    """How long before the day each order was, of all or of those with a type."""
    orders = {
        int(order): DAY - float(day)
        for who, order, what, day in zip(purchases.shopper, purchases.order, purchases.kind, purchases.day, strict=True)
        if who == shopper and day < DAY and kind in (None, what)
    }
    return list(orders.values())


def features_of(purchases: Purchases, known: Known, shopper: int, kind: int) -> dict[str, float]:
    items, mine, all_mine = known.items, ages(purchases, shopper, kind), ages(purchases, shopper)

    def log(value: float, smallest: float) -> float:
        return math.log(max(value, smallest))

    def share(days: float) -> float:
        faded = [sum(0.5 ** (age / days) for age in some) for some in (mine, all_mine)]
        return faded[0] / max(faded[1], 0.5)

    def within(some: list[float], days: float) -> int:
        return sum(age <= days for age in some)

    recency = math.log1p(min(mine, default=365.0))
    gap = (max(mine) - min(mine)) / (len(mine) - 1) if len(mine) > 1 else None
    overdue = 0.0 if gap is None else min(mine) / max(gap, 1.0)
    share_80, share_40 = log(share(80.0), 0.01), log(share(40.0), 0.01)
    plain_share = log(len(mine) / max(len(all_mine), 1), 0.01)
    month_orders = math.log1p(within(all_mine, MONTH))
    repeat_rate = log(float(items.repeat_rate[kind]), 0.01)
    ease, factors = float(known.scores.ease[shopper, kind]), float(known.scores.factors[shopper, kind])
    types = {kind for kind in range(KINDS) if ages(purchases, shopper, kind)}
    return {
        "is_new": float(not mine),
        "is_single": float(len(mine) == 1),
        "orders_with": math.log1p(len(mine)),
        "orders_with_month": math.log1p(within(mine, MONTH)),
        "orders_with_quarter": math.log1p(within(mine, QUARTER)),
        **{f"decayed_{days:.0f}": math.log1p(sum(0.5 ** (age / days) for age in mine)) for days in HALF_LIVES[1:]},
        **{f"share_{days:.0f}": log(share(days), 0.01) for days in HALF_LIVES[2:]},
        "share": plain_share,
        "share_quarter": log(within(mine, QUARTER) / max(within(all_mine, QUARTER), 1), 0.01),
        "plain_share_80": share(80.0),
        "plain_share_160": share(160.0),
        "recency": recency,
        "overdue": math.log1p(overdue),
        "plain_overdue": -1.0 if gap is None else min(overdue, 5.0),
        "is_just_bought": float(overdue < 0.3),
        "is_given_up": float(overdue > 2),
        "gap": math.log1p(gap or 0.0),
        "shoppers": log(float(items.shoppers[kind]), 1.0),
        "shoppers_month": log(float(items.shoppers_month[kind]), 1.0),
        "trend": math.log(float(items.trend[kind])),
        "repeat_rate": repeat_rate,
        "novelty_rate": log(float(items.novelty_rate[kind]), 1e-4),
        "ease": ease,
        "log_ease": log(ease, 0.003),
        "factors": factors,
        "log_factors": log(factors, 0.01),
        "similarity": log(float(known.scores.similarity[shopper, kind]), 0.01),
        "orders": math.log1p(len(all_mine)),
        "orders_month": month_orders,
        "variety": math.log1p(len(types)),
        "decayed_orders": math.log1p(sum(0.5 ** (age / HALF_LIVES[2]) for age in all_mine)),
        "share_80 × orders_month": share_80 * month_orders,
        "share × repeat_rate": plain_share * repeat_rate,
        "recency × repeat_rate": recency * repeat_rate,
        "share_80 × recency": share_80 * recency,
        "share_40 × repeat_rate": share_40 * repeat_rate,
        "overdue × orders_with": math.log1p(overdue) * math.log1p(len(mine)),
        "log_ease²": log(ease, 0.003) ** 2,
        "share_80²": share_80**2,
        "recency²": recency**2,
    }


class TestItems:
    def test_figures_of_types_are_those_of_their_buyers(self, purchases: Purchases, items: ItemModel) -> None:
        for kind in (0, 7, 50, KINDS - 1):
            theirs = [ages(purchases, shopper, kind) for shopper in range(SHOPPERS)]
            month, quarter, earlier = (
                [any(age <= MONTH for age in each) for each in theirs],
                [any(age <= QUARTER for age in each) for each in theirs],
                [any(age > MONTH for age in each) for each in theirs],
            )
            again = sum(m and e for m, e in zip(month, earlier, strict=True))
            assert items.shoppers[kind] == sum(map(bool, theirs))
            assert items.shoppers_month[kind] == sum(month)
            assert items.trend[kind] == pytest.approx((sum(month) + 2) / (sum(quarter) / 3 + 2))
            assert items.repeat_rate[kind] == pytest.approx((again + 1) / (sum(earlier) + 10))
            rest = SHOPPERS - sum(earlier)
            assert items.novelty_rate[kind] == pytest.approx((sum(month) - again + 0.1) / (rest + 10))

    def test_scores_are_sums_over_what_was_bought(self, purchases: Purchases, known: Known) -> None:
        seen = known.habits.seen.astype(np.float64)
        counts = np.log1p(known.habits.spread(known.habits.counts))
        for found, table in (
            (known.scores.ease, seen @ known.items.ease),
            (known.scores.similarity, seen @ known.items.similarity),
            (known.scores.factors, counts @ known.items.factors @ known.items.factors.T),
        ):
            np.testing.assert_allclose(found, table, atol=2e-5)


class TestCandidates:
    def test_are_the_best_of_each_score(self, known: Known) -> None:
        seen = known.habits.seen
        for shopper in np.flatnonzero(known.habits.orders)[::5]:
            kinds = known.candidates.kind[known.candidates.shopper == shopper].tolist()
            new = np.where(seen[shopper], -np.inf, known.scores.ease[shopper])
            last = np.sort(known.blend[shopper])[-CANDIDATES], np.sort(new)[-NEW_CANDIDATES]
            # As good as the last one may be in or out.
            within, above = (
                set(np.flatnonzero((known.items.shoppers > 0) & is_good))
                for is_good in (
                    (known.blend[shopper] >= last[0]) | (new >= last[1]),
                    (known.blend[shopper] > last[0]) | (new > last[1]),
                )
            )
            assert above <= set(kinds) <= within
            assert kinds == sorted(kinds)

    def test_features_are_those_of_one_shopper_and_one_type(self, purchases: Purchases, known: Known) -> None:
        candidates = known.candidates
        table = candidates.features
        random = np.random.default_rng(2)
        bought = candidates.bought[random.integers(0, len(candidates.bought), 60)]
        for row in [*bought, *random.integers(0, len(table), 60)]:
            expected = features_of(purchases, known, int(candidates.shopper[row]), int(candidates.kind[row]))
            assert tuple(expected) == FEATURES
            np.testing.assert_allclose(table[row], list(expected.values()), rtol=2e-5, atol=1e-6)

    def test_log_odds_in_parts_are_those_of_the_whole_table(self, known: Known, model: Taught) -> None:
        candidates = known.candidates
        for part, new, rows in (
            (model.new, True, candidates.is_new),
            (model.again, False, ~candidates.is_new),
        ):
            whole = part.log_odds(candidates.features[rows])
            np.testing.assert_allclose(candidates.log_odds(part, new=new), whole, rtol=1e-5, atol=1e-5)
            assert len(whole) > 100

    def test_every_weight_counts_in_both_parts(self, known: Known) -> None:
        for number, name in enumerate(FEATURES):
            weights = np.zeros(len(FEATURES))
            weights[number] = 1.0
            one = LogisticModel(names=FEATURES, weights=weights, intercept=0.0)
            for new in (True, False):
                rows = known.candidates.is_new == new
                np.testing.assert_allclose(
                    known.candidates.log_odds(one, new=new),
                    known.candidates.features[rows, number],
                    rtol=1e-5,
                    atol=1e-6,
                    err_msg=name,
                )

    def test_nobody_has_none(self, items: ItemModel, model: Taught) -> None:
        nobody = purchases_from([(0, 1.0, (1,))], shoppers=1, kinds=KINDS).only(np.array([], dtype=np.int64))
        known = known_before(nobody, items, day=DAY)
        assert isinstance(known.candidates, Candidates)
        assert known.taught(model).shape == (0, KINDS)

    def test_a_chunk_makes_no_difference(
        self, purchases: Purchases, known: Known, items: ItemModel, model: Taught
    ) -> None:
        whole = known.taught(model)
        for first in range(0, SHOPPERS, 9):
            some = np.arange(first, min(first + 9, SHOPPERS))
            part = known_before(purchases.only(some), known.items, day=DAY)
            np.testing.assert_allclose(part.taught(model), whole[some], atol=1e-6)


def shares_of(coupons: int) -> np.ndarray:
    """Narrow coupons, wide ones, one for everything, one for nothing, one of which nothing leads, and twins."""
    random = np.random.default_rng(8)
    shares = np.zeros((coupons, KINDS), dtype=np.float32)
    for coupon in range(coupons):
        kinds = random.choice(KINDS, 1 + coupon * 4, replace=False)
        shares[coupon, kinds] = random.choice([0.02, 0.3, 1.0], len(kinds))
    shares[0] = 1.0
    shares[1] = 0.0
    shares[2] *= 0.01
    shares[4] = shares[3]
    return shares


class TestShortlist:
    def test_relevance_is_that_of_one_shopper_and_one_coupon(self, known: Known, model: Taught) -> None:
        table, shares = known.taught(model), shares_of(20)
        shop_share = np.linspace(1.0, 0.0, 20).astype(np.float32)
        found = relevance_of(table, shares, shop_share)
        for shopper in range(SHOPPERS):
            for coupon in range(20):
                kinds = [kind for kind in range(KINDS) if shares[coupon, kind] > 0]
                likely = [float(table[shopper, kind] * shares[coupon, kind]) for kind in kinds]
                missed = math.prod(1 - chance for chance in sorted(likely)[-COUNTED_KINDS:])
                expected = (1 - missed) * (1 - BREADTH_COST * float(shop_share[coupon]))
                assert found.score[shopper, coupon] == pytest.approx(expected, abs=1e-6)
                leading = [
                    chance if shares[coupon, kind] >= LEADING_SHARE else -1.0
                    for kind, chance in zip(kinds, likely, strict=True)
                ]
                best = kinds[leading.index(max(leading))] if kinds else 0
                assert found.leading_kind[shopper, coupon] == best

    def test_the_companion_is_that_of_a_loop(self, known: Known) -> None:
        habits, weights = known.habits, known.items.ease
        random = np.random.default_rng(4)
        shopper, kind = random.integers(0, SHOPPERS, 300), random.integers(0, KINDS, 300)
        found = strongest_companion(shopper, kind, owned=habits.pair_kind, starts=habits.starts, weights=weights)
        for who, what, companion in zip(shopper, kind, found, strict=True):
            support = {own: weights[own, what] for own in np.flatnonzero(habits.seen[who]) if weights[own, what] > 0}
            assert companion == max(support, key=lambda own: support[own], default=-1)
        assert (found >= 0).sum() > 100


class TestLists:
    @pytest.fixture
    def coverage(self) -> Coverage:
        shares = shares_of(20)
        return Coverage(
            coupon_ids=np.arange(500, 520),
            shares=shares,
            shop_share=np.linspace(1.0, 0.0, 20).astype(np.float32),
            is_whole_shop=np.arange(20) == 0,
            restricted={},
        )

    def test_are_those_of_one_shopper_at_a_time(self, known: Known, model: Taught, coverage: Coverage) -> None:
        kinds = Kinds(
            kinds=[Kind(key=f"k{kind}", name_en=f"Type {kind}", name_zh=f"类{kind}") for kind in range(KINDS)],
            product_ids=np.zeros(0, dtype=np.int64),
            product_kind=np.zeros(0, dtype=np.int64),
            product_sales=np.zeros(0, dtype=np.int64),
        )
        lister = AffinityLister(kinds=kinds, items=known.items, coverage=coverage)
        table = known.taught(model)
        barred = np.random.default_rng(1).random((SHOPPERS, 20)) < 0.2
        ids = np.arange(100, 100 + SHOPPERS)
        drafts = list(lister.own_lists(ids, table, known.habits, [""] * SHOPPERS, barred))

        relevance = relevance_of(table, coverage.shares, coverage.shop_share)
        expected = []
        for shopper in range(SHOPPERS):
            allowed = np.flatnonzero(~barred[shopper]).tolist()
            left = {coupon: float(relevance.score[shopper, coupon]) for coupon in allowed}
            groups = groups_of(coverage.shares)
            for place in range(1, OWN_LENGTH + 1):
                best = max(left, key=lambda coupon: left[coupon])
                if left[best] <= 0:
                    break
                lead = int(relevance.leading_kind[shopper, best])
                expected.append((100 + shopper, 500 + best, place, *self.said(known, shopper, best, lead)))
                del left[best]
                for coupon in left:
                    if relevance.leading_kind[shopper, coupon] == lead or groups[coupon] == groups[best]:
                        left[coupon] *= 0.5
        assert [(*draft[:3], draft.why.reason, draft.why.data.get("kind")) for draft in drafts] == expected
        assert {reason for *_, reason, _ in expected} == {
            AffinityReason.BOUGHT,
            AffinityReason.GOES_WITH,
            AffinityReason.ANYTHING,
            AffinityReason.POPULAR,
        }
        for draft in drafts:
            score = relevance.score[draft.shopper_id - 100, draft.coupon_id - 500]  # type: ignore[operator]
            assert draft.score == round(float(score), 6)

    def said(self, known: Known, shopper: int, coupon: int, lead: int) -> tuple[AffinityReason, str | None]:
        if coupon == 0:
            return AffinityReason.ANYTHING, None
        owned = np.flatnonzero(known.habits.seen[shopper])
        if lead in owned:
            return AffinityReason.BOUGHT, f"k{lead}"
        support = {own: known.items.ease[own, lead] for own in owned if known.items.ease[own, lead] > 0}
        if support:
            return AffinityReason.GOES_WITH, f"k{max(support, key=lambda own: support[own])}"
        return AffinityReason.POPULAR, None
