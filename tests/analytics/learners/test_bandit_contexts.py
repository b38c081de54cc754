"""Shares by context: as good as the same for all where tastes are alike, and better where they are not."""

from __future__ import annotations

import numpy as np
import pytest

from analytics.learners.bandit_contexts import EVERYBODY, FEWEST_IN_CONTEXT, Drawing, learn_contexts

NIGHTS, SHOPPERS = 40, 100


def learned(drawn: list[int], rewards: list[float], contexts: list[str], *, count: int = 2) -> dict[str, Drawing]:
    return learn_contexts(
        count,
        drawn=np.array(drawn, dtype=np.int64),
        rewards=np.array(rewards, dtype=np.float64),
        ages_days=np.zeros(len(drawn)),
        contexts=np.array(contexts, dtype=np.str_),
    )


def earned(tastes: dict[str, list[float]], *, by_context: bool, seed: int = 3) -> float:
    """Returns the mean reward over nights of drawing, each learning from all nights before it."""
    random = np.random.default_rng(seed)
    names = np.array(sorted(tastes))
    drawn, rewards, contexts, days = (np.zeros(0, dtype=kind) for kind in (np.int64, np.float64, "U8", np.float64))
    for night in range(NIGHTS):
        known = learn_contexts(
            2,
            drawn=drawn,
            rewards=rewards,
            ages_days=night - days,
            contexts=contexts if by_context else days.astype("U0"),
        )
        for name in random.choice(names, SHOPPERS).tolist():
            arm = int(random.random() > known.get(name, known[EVERYBODY]).shares[0])
            drawn, contexts = np.append(drawn, arm), np.append(contexts, name)
            rewards, days = np.append(rewards, random.random() < tastes[name][arm]), np.append(days, night)
    return float(rewards.mean())


class TestContexts:
    def test_depart_from_the_others_as_their_own_evidence_grows(self) -> None:
        others = [("other", arm, float(arm)) for arm in (0, 1)] * 500
        few = [("own", arm, float(1 - arm)) for arm in (0, 1)] * (FEWEST_IN_CONTEXT // 2)
        many = few * 10
        means = []
        for own in (few, many):
            contexts, drawn, rewards = zip(*(others + own), strict=True)
            means.append(learned(list(drawn), list(rewards), list(contexts))["own"].means)

        # By hand: the others' mean is (1 + 500) / (2 + 500) for the second arm, worth 20 decisions.
        assert means[0][1] == pytest.approx((501 / 502) * 20 / (20 + FEWEST_IN_CONTEXT / 2))
        assert means[1][1] < means[0][1] < 0.5

    def test_with_too_little_to_go_by_have_none(self) -> None:
        contexts = ["own"] * (FEWEST_IN_CONTEXT - 1) + [""] * 300
        drawn = [number % 2 for number in range(len(contexts))]

        assert set(learned(drawn, [0.0] * len(drawn), contexts)) == {EVERYBODY}
        assert set(learned(drawn, [0.0] * len(drawn), ["own", *contexts[1:-1], "own"])) == {EVERYBODY, "own"}

    def test_without_decisions_all_arms_are_alike(self) -> None:
        assert learned([], [], [])[EVERYBODY].shares == pytest.approx([0.5, 0.5])

    def test_that_never_saw_an_arm_take_what_others_think_of_it(self) -> None:
        contexts = ["own"] * FEWEST_IN_CONTEXT + ["other"] * 600
        drawn = [0] * FEWEST_IN_CONTEXT + [0, 1] * 300
        rewards = [0.2] * FEWEST_IN_CONTEXT + [0.2, 0.9] * 300

        assert learned(drawn, rewards, contexts)["own"].shares[1] > 0.9

    def test_earn_more_where_tastes_differ(self) -> None:
        tastes = {"loyal": [0.1, 0.4], "new": [0.4, 0.1]}

        assert earned(tastes, by_context=False) == pytest.approx(0.25, abs=0.02)
        assert earned(tastes, by_context=True) > 0.35

    def test_cost_little_where_tastes_are_alike(self) -> None:
        tastes = {"loyal": [0.1, 0.4], "new": [0.1, 0.4]}

        assert earned(tastes, by_context=True) > earned(tastes, by_context=False) - 0.02
