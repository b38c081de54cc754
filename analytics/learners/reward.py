"""What one decision earned, as one number from 0 to 1."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class RewardWeights:
    """How much each outcome counts; together 1, so that a reward lies between 0 and 1.

    Early outcomes weigh little, but come often and soon; money weighs most, and nothing replaces it.
    """

    claim: float = 0.05
    dwell: float = 0.05
    redeem: float = 0.3
    margin: float = 0.6

    def __post_init__(self) -> None:
        weights = (self.claim, self.dwell, self.redeem, self.margin)
        if min(weights) < 0 or abs(sum(weights) - 1) > 1e-9:
            raise ValueError("the weights of a reward are not negative and sum to 1")


DEFAULT_WEIGHTS = RewardWeights()
# Who has looked at an offer for so long has read it.
FULL_DWELL_SECONDS = 60.0


def rewards(
    *,
    claimed: NDArray[np.bool_],
    dwell_seconds: Matrix,
    redeemed: NDArray[np.bool_],
    margin: Matrix,
    full_margin: float,
    weights: RewardWeights = DEFAULT_WEIGHTS,
) -> Matrix:
    """Returns the reward of each decision.

    Args:
        claimed: the offer was claimed; that it was opened says nothing, since whoever is led to it opens it.
        dwell_seconds: how long it was looked at.
        redeemed: it was used on an order.
        margin: what these orders earned less the discount, in minor units; a loss counts as nothing, not as less,
            so that the reward stays between 0 and 1.
        full_margin: the margin that counts in full, in minor units; more counts no more, or one order would decide.

    Raises:
        ValueError: the full margin is not positive.
    """
    if full_margin <= 0:
        raise ValueError("the margin that counts in full must be positive")
    reward: Matrix = (
        weights.claim * claimed
        + weights.dwell * np.clip(dwell_seconds / FULL_DWELL_SECONDS, 0, 1)
        + weights.redeem * redeemed
        + weights.margin * redeemed * np.clip(margin / full_margin, 0, 1)
    )
    return reward
