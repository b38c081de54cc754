"""How sure a figure is: intervals around means, shares and their differences, from sums that a database can give."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

from scipy.stats import norm, t

CONFIDENCE = 0.95
# With fewer in a group its spread says nothing.
FEWEST = 2


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate and the bounds that hold the truth with the confidence asked for; `low <= estimate <= high`."""

    estimate: float
    low: float
    high: float

    @property
    def is_clear_of_zero(self) -> bool:
        """Whether the sign of what was estimated is known."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True, slots=True)
class Sample:
    """What is needed of some numbers: how many, their sum, and the sum of their squares."""

    count: int
    total: float
    squares: float

    @property
    def mean(self) -> float:
        return self.total / self.count

    @property
    def variance(self) -> float:
        """Unbiased. Rounding of large sums never makes it negative."""
        return max(0.0, (self.squares - self.total * self.total / self.count) / (self.count - 1))


def mean_interval(sample: Sample, *, confidence: float = CONFIDENCE) -> Interval | None:
    """Returns the mean of a sample with Student's interval; None with fewer than two numbers."""
    if sample.count < FEWEST:
        return None
    reach = float(t.ppf((1 + confidence) / 2, sample.count - 1)) * math.sqrt(sample.variance / sample.count)
    return Interval(sample.mean, sample.mean - reach, sample.mean + reach)


def mean_difference(treated: Sample, control: Sample, *, confidence: float = CONFIDENCE) -> Interval | None:
    """Returns by how much the mean of one sample exceeds that of another, with Welch's interval.

    The variances may differ (Welch, "The generalization of Student's problem when several different population
    variances are involved", Biometrika 1947). Purchases are skewed; from some hundred shoppers in each group on the
    mean is close enough to normal for it.

    Returns:
        None when a group has fewer than two numbers.
    """
    if min(treated.count, control.count) < FEWEST:
        return None
    parts = [sample.variance / sample.count for sample in (treated, control)]
    spread = sum(parts)
    estimate = treated.mean - control.mean
    if spread == 0:
        return Interval(estimate, estimate, estimate)
    freedom = spread**2 / (parts[0] ** 2 / (treated.count - 1) + parts[1] ** 2 / (control.count - 1))
    reach = float(t.ppf((1 + confidence) / 2, freedom)) * math.sqrt(spread)
    return Interval(estimate, estimate - reach, estimate + reach)


def share_interval(hits: int, count: int, *, confidence: float = CONFIDENCE) -> Interval | None:
    """Returns the share of hits with Wilson's score interval; None of nothing.

    It stays within 0 and 1 and holds for few hits (Wilson, "Probable inference, the law of succession, and
    statistical inference", JASA 1927).

    Raises:
        ValueError: more hits than there are, or a negative number.
    """
    if not 0 <= hits <= count:
        raise ValueError("hits must lie between 0 and the count")
    if not count:
        return None
    share, z = hits / count, _standard_errors(confidence)
    weight = 1 + z * z / count
    centre = (share + z * z / (2 * count)) / weight
    reach = z / weight * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count))
    # Rounding must not push the share itself out.
    return Interval(share, min(share, max(0.0, centre - reach)), max(share, min(1.0, centre + reach)))


def share_difference(
    hits: int, count: int, other_hits: int, other_count: int, *, confidence: float = CONFIDENCE
) -> Interval | None:
    """Returns by how much one share exceeds another, with Newcombe's interval; None when one is of nothing.

    It joins the two score intervals (Newcombe, "Interval estimation for the difference between independent
    proportions", Statistics in Medicine 1998, method 10).
    """
    first = share_interval(hits, count, confidence=confidence)
    second = share_interval(other_hits, other_count, confidence=confidence)
    if first is None or second is None:
        return None
    estimate = first.estimate - second.estimate
    below = math.hypot(first.estimate - first.low, second.high - second.estimate)
    above = math.hypot(first.high - first.estimate, second.estimate - second.low)
    return Interval(estimate, estimate - below, estimate + above)


@lru_cache(maxsize=256)
def _standard_errors(confidence: float) -> float:
    # Groups are compared pair by pair at one confidence, and SciPy takes longer than all the rest.
    return float(norm.ppf((1 + confidence) / 2))
