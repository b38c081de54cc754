"""Thompson sampling with known propensities, and rewards by hand."""

from __future__ import annotations

import numpy as np
import pytest

from analytics.learners.bandit import (
    BetaArms,
    fresh,
    hold_back,
    learn,
    thompson_shares,
)
from analytics.learners.reward import RewardWeights, rewards

TRUE_MEANS = np.array([0.10, 0.12, 0.20])


def arms_of(*pairs: tuple[float, float]) -> BetaArms:
    alpha, beta = np.array(pairs, dtype=float).T
    return BetaArms(alpha=alpha, beta=beta)


class TestRewards:
    def reward(self, **outcome: object) -> float:
        given = {"claimed": False, "dwell_seconds": 0.0, "redeemed": False, "margin": 0.0, **outcome}
        arrays = {name: np.array([value]) for name, value in given.items()}
        return float(rewards(**arrays, full_margin=50_00)[0])  # type: ignore[arg-type]

    def test_by_hand(self) -> None:
        assert self.reward() == 0
        assert self.reward(claimed=True) == pytest.approx(0.05)
        assert self.reward(claimed=True, dwell_seconds=30.0) == pytest.approx(0.075)
        whole = self.reward(claimed=True, dwell_seconds=600.0, redeemed=True, margin=25_00.0)
        assert whole == pytest.approx(0.05 + 0.05 + 0.3 + 0.3)

    def test_stay_between_0_and_1(self) -> None:
        assert self.reward(claimed=True, dwell_seconds=1e9, redeemed=True, margin=1e12) == 1
        assert self.reward(redeemed=True, margin=-1e12) == pytest.approx(0.3)
        # Money of an order without the coupon is not the coupon's.
        assert self.reward(margin=50_00.0) == 0

    def test_refuse_weights_that_are_none(self) -> None:
        with pytest.raises(ValueError, match="sum to 1"):
            RewardWeights(claim=0.5)
        with pytest.raises(ValueError, match="positive"):
            rewards(claimed=np.array([True]), dwell_seconds=np.zeros(1), redeemed=np.array([True]),
                    margin=np.zeros(1), full_margin=0)  # fmt: skip


class TestShares:
    def test_of_unknown_arms_are_equal(self) -> None:
        assert thompson_shares(fresh(4), floor=0) == pytest.approx(np.full(4, 0.25), abs=1e-6)

    def test_of_two_arms_by_hand(self) -> None:
        # P(X > Y) for X ~ Beta(2, 1) and Y uniform is the mean of X, two thirds.
        assert thompson_shares(arms_of((2, 1), (1, 1)), floor=0) == pytest.approx([2 / 3, 1 / 3], abs=1e-5)

    @pytest.mark.parametrize("scale", [1, 30, 3000])
    def test_agree_with_sampling(self, scale: int) -> None:
        arms = arms_of((1 + scale, 1 + 9 * scale), (1 + 1.05 * scale, 1 + 9 * scale), (1, 1))
        random = np.random.default_rng(2)
        sampled = np.stack([random.beta(a, b, 200_000) for a, b in zip(arms.alpha, arms.beta, strict=True)])
        frequency = np.bincount(sampled.argmax(axis=0), minlength=3) / 200_000

        assert thompson_shares(arms, floor=0) == pytest.approx(frequency, abs=0.005)

    def test_keep_the_floor_and_sum_to_1(self) -> None:
        shares = thompson_shares(arms_of((5000, 1), (1, 5000), (1, 5000)), floor=0.05)

        assert shares == pytest.approx([0.9, 0.05, 0.05], abs=1e-6)
        assert shares.sum() == pytest.approx(1, abs=1e-12)

    def test_of_one_arm_are_whole(self) -> None:
        assert thompson_shares(fresh(1)) == pytest.approx([1])

    @pytest.mark.parametrize(("arms", "floor"), [(0, 0.05), (3, 0.4), (2, -0.1)])
    def test_refuse_what_cannot_be(self, arms: int, floor: float) -> None:
        with pytest.raises(ValueError, match=r"needs an arm|floors"):
            thompson_shares(fresh(arms), floor=floor)


class TestHoldingBack:
    def test_by_hand(self) -> None:
        held = hold_back(np.array([0.1, 0.3, 0.6]), unseen=np.array([False, False, True]))

        assert held == pytest.approx([1 / 6, 1 / 2, 1 / 3])

    @pytest.mark.parametrize("unseen", [[True, True, True], [False, False, False], [True, True, False]])
    def test_leaves_shares_that_are_not_above_an_equal_one_or_known(self, unseen: list[bool]) -> None:
        shares = np.array([0.3, 0.3, 0.4]) if not all(unseen) else np.full(3, 1 / 3)

        assert hold_back(shares, unseen=np.array(unseen)) == pytest.approx(shares)


class TestLearning:
    def test_counts_parts_of_successes(self) -> None:
        arms = learn(fresh(2), drawn=np.array([0, 0, 1]), rewards=np.array([1.0, 0.25, 0.0]), ages_days=np.zeros(3))

        assert arms.alpha.tolist() == [2.25, 1]
        assert arms.beta.tolist() == [1.75, 2]

    def test_refuses_rewards_beyond_1(self) -> None:
        with pytest.raises(ValueError, match="between 0 and 1"):
            learn(fresh(1), drawn=np.array([0]), rewards=np.array([1.5]), ages_days=np.zeros(1))

    def test_fades(self) -> None:
        drawn, ages = np.zeros(3, dtype=np.int64), np.array([0.0, 30.0, 60.0])
        arms = learn(fresh(1), drawn=drawn, rewards=np.array([1.0, 1.0, 0.0]), ages_days=ages)

        assert (arms.alpha[0], arms.beta[0]) == (2.5, 1.25)

    def test_finds_the_best_arm_and_loses_less_than_chance(self) -> None:
        random = np.random.default_rng(3)
        arms, earned, nights = fresh(3), 0.0, 40
        for _night in range(nights):
            shares = thompson_shares(arms)
            drawn = random.choice(3, size=100, p=shares)
            got = (random.random(100) < TRUE_MEANS[drawn]).astype(float)
            earned += TRUE_MEANS[drawn].sum()
            arms = learn(arms, drawn=drawn, rewards=got, ages_days=np.zeros(100))

        assert thompson_shares(arms).argmax() == 2
        assert earned / (nights * 100) > 0.9 * TRUE_MEANS.max() > TRUE_MEANS.mean()
