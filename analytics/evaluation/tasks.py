"""The tasks that can be evaluated, by name; each is a module with a function `evaluate`."""

from __future__ import annotations

from importlib import import_module

from analytics.evaluation.figures import Evaluation

# Loaded when asked for: each needs its own libraries and data.
TASKS: dict[str, str] = {
    "forecast": "analytics.evaluation.forecast",
    "segments": "analytics.evaluation.segments",
    "uplift": "analytics.evaluation.uplift",
    "allocation": "analytics.evaluation.allocation",
    "response": "analytics.evaluation.response",
    "response-coupon": "analytics.evaluation.response_coupon",
    "recommendation": "analytics.evaluation.recommendation",
    "stock": "analytics.evaluation.stock",
    "sequence": "analytics.evaluation.sequence",
}


def evaluation(name: str) -> Evaluation:
    """Returns the evaluation of a task.

    Raises:
        KeyError: there is no such task.
    """
    evaluate: Evaluation = import_module(TASKS[name]).evaluate
    return evaluate
