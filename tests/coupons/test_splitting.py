"""Cutting a sum into shares: exact, at least a unit each, and fair whatever the order."""

from __future__ import annotations

import random
from itertools import pairwise
from math import sqrt
from statistics import fmean, pvariance

import pytest
from hypothesis import given
from hypothesis import strategies as st

from coupons.splitting import split_by_luck, split_equally, split_in_proportion

SEED = 20261121


def counts_and_totals() -> st.SearchStrategy[tuple[int, int]]:
    return st.integers(1, 60).flatmap(lambda count: st.tuples(st.just(count), st.integers(count, 100_000)))


class TestEqually:
    def test_the_remainder_goes_to_the_first(self) -> None:
        assert split_equally(total=10_00, count=3) == [334, 333, 333]
        assert split_equally(total=11, count=4) == [3, 3, 3, 2]

    @given(counts_and_totals())
    def test_adds_up_and_differs_by_one_at_most(self, asked: tuple[int, int]) -> None:
        count, total = asked
        shares = split_equally(total=total, count=count)
        assert (len(shares), sum(shares)) == (count, total)
        assert max(shares) - min(shares) <= 1


class TestByLuck:
    @given(counts_and_totals(), st.integers(0, 2**32))
    def test_adds_up_with_a_unit_for_everybody(self, asked: tuple[int, int], seed: int) -> None:
        count, total = asked
        shares = split_by_luck(total=total, count=count, rng=random.Random(seed))
        assert (len(shares), sum(shares)) == (count, total)
        assert min(shares) >= 1

    def test_one_unit_each_leaves_nothing_to_luck(self) -> None:
        assert split_by_luck(total=50, count=50, rng=random.Random(SEED)) == [1] * 50

    def test_the_same_seed_cuts_the_same_shares(self) -> None:
        first, second = (split_by_luck(total=100_00, count=20, rng=random.Random(SEED)) for _ in range(2))
        assert first == second
        assert first != split_by_luck(total=100_00, count=20, rng=random.Random(SEED + 1))

    @pytest.mark.parametrize(("total", "count"), [(100_00, 10), (1_00, 20), (7, 3)])
    def test_nobody_does_better_by_coming_early_or_late(self, total: int, count: int) -> None:
        """The mean of every place is the mean of all, and each place scatters as far as the others."""
        packets = 8000
        rng = random.Random(SEED)
        cut = [split_by_luck(total=total, count=count, rng=rng) for _ in range(packets)]
        places = list(zip(*cut, strict=True))
        scatter = pvariance([share for shares in cut for share in shares])
        for place in places:
            assert abs(fmean(place) - total / count) <= 4 * sqrt(scatter / packets)
            assert 0.85 <= pvariance(place) / scatter <= 1.15

    def test_without_the_shuffle_the_last_places_would_gamble_more(self) -> None:
        """Control: the draws themselves have one mean, yet not one scatter; only the shuffle makes places equal."""

        class Unshuffled(random.Random):
            def shuffle(self, x: object) -> None:
                """Leaves the draws in their order."""

        rng = Unshuffled(SEED)
        places = list(zip(*(split_by_luck(total=100_00, count=10, rng=rng) for _ in range(8000)), strict=True))
        assert pvariance(places[-1]) > 1.5 * pvariance(places[0])

    def test_a_share_may_be_nearly_twice_the_mean(self) -> None:
        rng = random.Random(SEED)
        shares = [share for _ in range(2000) for share in split_by_luck(total=100_00, count=10, rng=rng)]
        assert min(shares) < 1_00
        assert max(shares) > 19_00

    def test_a_hundred_thousand_shares(self) -> None:
        shares = split_by_luck(total=1_000_000_00, count=100_000, rng=random.Random(SEED))
        assert (len(shares), sum(shares)) == (100_000, 1_000_000_00)
        assert min(shares) >= 1


class TestInProportion:
    def test_follows_the_weights_by_largest_remainder(self) -> None:
        assert split_in_proportion(total=100_00, weights=[300, 500, 200]) == [30_00, 50_00, 20_00]
        assert split_in_proportion(total=10, weights=[1, 1, 1]) == [4, 3, 3]

    def test_who_would_get_nothing_gets_a_unit(self) -> None:
        assert split_in_proportion(total=100, weights=[1, 100_000, 1]) == [1, 98, 1]
        assert split_in_proportion(total=3, weights=[1, 1_000_000, 5]) == [1, 1, 1]

    @given(st.lists(st.integers(1, 10**9), min_size=1, max_size=60), st.integers(0, 10**7))
    def test_adds_up_and_who_paid_more_never_gets_less(self, weights: list[int], more: int) -> None:
        total = len(weights) + more
        shares = split_in_proportion(total=total, weights=weights)
        assert sum(shares) == total
        assert min(shares) >= 1
        by_weight = sorted(zip(weights, shares, strict=True))
        for (less_paid, smaller), (more_paid, larger) in pairwise(by_weight):
            assert less_paid == more_paid or smaller <= larger


@pytest.mark.parametrize(("total", "count"), [(0, 1), (9, 10), (5, 0)])
def test_a_sum_too_small_for_its_shares_is_refused(total: int, count: int) -> None:
    with pytest.raises(ValueError, match="share"):
        split_equally(total=total, count=count)
    with pytest.raises(ValueError, match="share"):
        split_by_luck(total=total, count=count, rng=random.Random(SEED))
    with pytest.raises(ValueError, match="share"):
        split_in_proportion(total=total, weights=[1] * count)


def test_a_weight_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="weight"):
        split_in_proportion(total=10, weights=[1, 0])
