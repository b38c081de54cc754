"""Splitting shoppers into arms by lot: the same shopper is in the same arm for ever, whoever asks.

Nothing is stored to know it: the arm follows from the experiment's salt and the shopper's primary key. Experiments with
different salts split independently of each other.
"""

from __future__ import annotations

from collections.abc import Mapping

from config.kernel.lots import position_of

HOLDOUT = "holdout"
TREATED = "treated"


def arm_of(*, salt: str, shopper_id: int, weights: Mapping[str, float]) -> str:
    """Returns the arm of a shopper.

    Arms lie side by side in the given order, each as wide as its weight, so that a wider first arm keeps whom it had.

    Args:
        weights: of each arm, 0 or more; only their proportions count.

    Raises:
        ValueError: a weight is negative, or all are 0.
    """
    total = sum(weights.values())
    if total <= 0 or min(weights.values()) < 0:
        raise ValueError("weights must be 0 or more, and one of them above 0")
    position, border = position_of(salt, shopper_id) * total, 0.0
    chosen = ""
    for arm, weight in weights.items():
        if weight == 0:
            continue
        chosen, border = arm, border + weight
        if position < border:
            return chosen
    # Rounding left the last border a hair below the whole.
    return chosen


def holdout_arm_of(*, salt: str, shopper_id: int, percent: int) -> str:
    """Returns whether a shopper belongs to a holdout of so many percent.

    Agrees with what the claim core asks, `coupons.holdouts.is_held_out`.
    """
    return arm_of(salt=salt, shopper_id=shopper_id, weights={HOLDOUT: percent, TREATED: 100 - percent})
