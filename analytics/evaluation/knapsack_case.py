"""One large allocation in a process of its own, so that its memory can be measured; prints JSON.

`python -m analytics.evaluation.knapsack_case SHOPPERS OPTIONS SHARE SEED`, where SHARE is the budget as a part of what
everybody's best option would cost.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, dataclass

import numpy as np

from analytics.jobs.measuring import peak_memory
from analytics.learners.allocation import allocate
from analytics.learners.knapsack import Matrix


@dataclass(frozen=True, slots=True)
class Measured:
    """What one allocation took: `gap` to the dual bound, `greedy` value as a part of the bound, memory in MiB."""

    gap: float
    greedy: float
    is_within_budget: bool
    seconds: float
    processor_seconds: float
    memory: float


def make_case(shoppers: int, options: int, seed: int) -> tuple[Matrix, Matrix]:
    """Returns values and costs of coupons of rising amounts, dearer ones bringing less for the money.

    An amount costs itself times the chance that it is used; what it brings levels off with the amount, at a height and
    a pace that differ by shopper.
    """
    random = np.random.default_rng([seed, 31])
    amounts = 5.0 * 1.8 ** np.arange(options)
    chances = random.uniform(0.05, 0.6, (shoppers, 1)) * random.uniform(0.8, 1.25, (shoppers, options))
    heights, paces = random.lognormal(1.5, 0.8, (shoppers, 1)), random.lognormal(2.5, 0.5, (shoppers, 1))
    values = heights * (1 - np.exp(-amounts / paces)) * random.lognormal(0.0, 0.2, (shoppers, options)) - 0.1
    return values, amounts * chances


def greedy_value(values: Matrix, costs: Matrix, budget: float) -> float:
    """Returns what giving options by return until the money is gone is worth: each shopper's first one stays."""
    order = np.argsort(-(values / costs), axis=None)
    # The first time a shopper comes up is with the option of the best return; later ones would be upgrades.
    rows = order // values.shape[1]
    _, first = np.unique(rows, return_index=True)
    taken = order[np.sort(first)]
    worth, paid = values.ravel()[taken], costs.ravel()[taken]
    within = (np.cumsum(paid) <= budget) & (worth > 0)
    return float(worth[within].sum())


def measure(shoppers: int, options: int, share: float, seed: int) -> Measured:
    """Solves one case."""
    values, costs = make_case(shoppers, options, seed)
    budget = share * float(costs[np.arange(shoppers), values.argmax(axis=1)].sum())
    started, worked = time.perf_counter(), time.process_time()
    allocation = allocate(values, costs, budget)
    seconds, processor_seconds = time.perf_counter() - started, time.process_time() - worked
    # Before the greedy one, which is not frugal.
    memory = peak_memory()
    return Measured(
        gap=allocation.gap,
        greedy=greedy_value(values, costs, budget) / allocation.bound,
        is_within_budget=allocation.spent <= budget,
        seconds=seconds,
        processor_seconds=processor_seconds,
        memory=memory,
    )


if __name__ == "__main__":
    _, how_many, how_wide, part, number = sys.argv
    sys.stdout.write(json.dumps(asdict(measure(int(how_many), int(how_wide), float(part), int(number)))))
