"""How well uplift is learned on the Hillstrom experiment, and whether the product knows when it is not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from analytics.evaluation.figures import Figure
from analytics.evaluation.hillstrom import Experiment, read_experiments
from analytics.learners.qini import RESAMPLES, Gain, qini_coefficient
from analytics.learners.uplift import (
    LEARNERS,
    Fit,
    Score,
    Vector,
    fit_response,
    judge,
)

SPLITS = 20
LEARNED_SHARE = 0.7
AIM = 0.068
ANCHORS = {"womens": "T .064, X .065 ± .012", "mens": "nothing beats response"}
# Shuffled treatments, each on so many customers.
NULL_ROUNDS = 200
NULL_CUSTOMERS = 10_000
NULL_RESAMPLES = 200
NULL_AIM = 0.05


def evaluate(seed: int, tell: Callable[[str], None], data: Path | None = None) -> Sequence[Figure]:
    """Measures all learners on 20 splits of 70 to 30, and what the product decides.

    Splits are numbered from 0, whatever the seed; it rules the learners, the bootstrap and the shuffles.

    Raises:
        DataMissing
    """
    experiments = read_experiments(data)
    figures: list[Figure] = []
    for arm, experiment in experiments.items():
        figures += _measure_arm(arm, experiment, seed, tell)
    figures.append(_measure_null(experiments["womens"], seed, tell))
    return figures


def decide(experiment: Experiment, *, seed: int, resamples: int = RESAMPLES) -> Gain:
    """Returns what the product measures of an experiment."""
    return judge(experiment.features, experiment.treated, experiment.outcome, seed=seed, resamples=resamples)


def shuffled(experiment: Experiment, *, customers: int, seed: int) -> Experiment:
    """Returns so many customers with the treatment dealt out anew, so that it causes nothing."""
    random = np.random.default_rng([seed, 21])
    rows = random.permutation(len(experiment.outcome))[:customers]
    return Experiment(
        features=experiment.features[rows],
        treated=random.permutation(experiment.treated[rows]),
        outcome=experiment.outcome[rows],
    )


def _measure_arm(arm: str, experiment: Experiment, seed: int, tell: Callable[[str], None]) -> list[Figure]:
    learners: dict[str, Fit] = {"response ranking": fit_response, **LEARNERS}
    measured: dict[str, list[float]] = {name: [] for name in learners}
    decided, by_uplift = [], 0
    for split in range(SPLITS):
        learned, judged = _split(experiment, split)
        for name, fit in learners.items():
            score = fit(learned.features, learned.treated, learned.outcome, seed)
            measured[name].append(_qini(score, judged))
        # What to rank by is decided on the learned part alone.
        is_reliable = decide(learned, seed=seed).is_reliable
        by_uplift += is_reliable
        decided.append(measured["T, logistic" if is_reliable else "response ranking"][-1])
        tell(f"{arm}: split {split + 1} of {SPLITS}")
    response = np.array(measured["response ranking"])
    figures = []
    for name, coefficients in measured.items():
        lead = np.array(coefficients) - response
        figures.append(
            Figure(
                what=f"Qini, {arm}, {name}",
                measured=_spread(coefficients),
                aim=f"≥ {AIM}" if (arm, name) == ("womens", "T, logistic") else "",
                holds=bool(np.mean(coefficients) >= AIM) if (arm, name) == ("womens", "T, logistic") else None,
                beside="" if name == "response ranking" else f"better than response in {(lead > 0).sum()} of {SPLITS}",
            )
        )
    whole = decide(experiment, seed=seed)
    return [
        *figures,
        Figure(
            what=f"Qini, {arm}, as the product decides",
            measured=_spread(decided),
            beside=f"by uplift in {by_uplift} of {SPLITS}, else by response; anchor: {ANCHORS[arm]}",
        ),
        Figure(
            what=f"Decision, {arm}, on all customers",
            measured="rank by uplift" if whole.is_reliable else "no reliable gain: rank by response",
            beside=(
                f"uplift {whole.uplift:.4f}, response {whole.response:.4f}; at least {whole.over_random:.4f} over "
                f"random and {whole.over_response:.4f} over response (95 %)"
            ),
        ),
    ]


def _measure_null(experiment: Experiment, seed: int, tell: Callable[[str], None]) -> Figure:
    reliable = 0
    for number in range(NULL_ROUNDS):
        null = shuffled(experiment, customers=NULL_CUSTOMERS, seed=seed * NULL_ROUNDS + number)
        reliable += decide(null, seed=seed, resamples=NULL_RESAMPLES).is_reliable
        if (number + 1) % 20 == 0:
            tell(f"shuffled treatment: {number + 1} of {NULL_ROUNDS}, called reliable: {reliable}")
    rate = reliable / NULL_ROUNDS
    return Figure(
        what="Shuffled treatment called a reliable gain",
        measured=f"{rate:.1%} of {NULL_ROUNDS}",
        aim=f"≤ {NULL_AIM:.0%}",
        holds=rate <= NULL_AIM,
        beside=f"{NULL_CUSTOMERS:,} customers each",
    )


def _split(experiment: Experiment, number: int) -> tuple[Experiment, Experiment]:
    rows = np.random.default_rng(number).permutation(len(experiment.outcome))
    border = int(LEARNED_SHARE * len(rows))
    learned, judged = (
        Experiment(
            features=experiment.features[part], treated=experiment.treated[part], outcome=experiment.outcome[part]
        )
        for part in (rows[:border], rows[border:])
    )
    return learned, judged


def _qini(score: Score, judged: Experiment) -> float:
    scores: Vector = score(judged.features)
    return qini_coefficient(scores, judged.treated, judged.outcome)


def _spread(coefficients: Sequence[float]) -> str:
    return f"{np.mean(coefficients):.4f} ± {np.std(coefficients, ddof=1):.4f}"
