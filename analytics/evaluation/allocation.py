"""How near the best an allocation under a budget comes, and what it takes, for a million shoppers and five options."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Sequence

from analytics.evaluation.figures import Figure
from analytics.evaluation.knapsack_case import Measured

SHOPPERS = 1_000_000
OPTIONS = 5
# Budgets as parts of what everybody's best option would cost.
SHARES = (0.02, 0.1, 0.4, 0.8)
AIM_GAP, AIM_SECONDS, AIM_MEMORY = 1e-8, 5.0, 400.0


def evaluate(seed: int, tell: Callable[[str], None]) -> Sequence[Figure]:
    """Measures four budgets, each in a process of its own."""
    measured = {}
    for share in SHARES:
        measured[share] = _measure(share, seed)
        tell(f"a budget of {share:.0%}: done")
    cases = measured.values()
    gap, memory = max(case.gap for case in cases), max(case.memory for case in cases)
    seconds, waited = max(case.processor_seconds for case in cases), max(case.seconds for case in cases)
    greedy = [case.greedy for case in cases]
    return [
        *(
            Figure(
                what=f"Gap to the dual bound, budget {share:.0%} of the best choices' cost",
                measured=f"{case.gap:.1e}",
                beside=f"greedy without upgrades reaches {case.greedy:.2f} of the bound",
            )
            for share, case in measured.items()
        ),
        Figure(
            what=f"Largest gap, {SHOPPERS:,} × {OPTIONS}",
            measured=f"{gap:.1e}",
            aim=f"≤ {AIM_GAP:.0e}",
            holds=gap <= AIM_GAP and all(case.is_within_budget for case in cases),
            beside=f"anchor 3e-9; greedy {min(greedy):.2f}–{max(greedy):.2f}",
        ),
        Figure(
            what="Longest, seconds of one processor",
            measured=f"{seconds:.2f}",
            aim=f"≤ {AIM_SECONDS:.0f}",
            holds=seconds <= AIM_SECONDS,
            beside=f"{waited:.2f} by the clock, with what else runs; anchor 5–9",
        ),
        Figure(
            what="Most memory, MiB, with Python and 76 MiB of values and costs",
            measured=f"{memory:.0f}",
            aim=f"≤ {AIM_MEMORY:.0f}",
            holds=memory <= AIM_MEMORY,
            beside="anchor 296",
        ),
    ]


def _measure(share: float, seed: int) -> Measured:
    arguments = [str(SHOPPERS), str(OPTIONS), str(share), str(seed)]
    done = subprocess.run(  # noqa: S603  # this very Python, on a module of this project
        [sys.executable, "-m", "analytics.evaluation.knapsack_case", *arguments],
        check=True,
        capture_output=True,
        text=True,
    )
    return Measured(**json.loads(done.stdout))
