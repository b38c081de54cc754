"""What shoppers say of the coupons they used."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count

from analytics.learners.intervals import Interval, Sample, mean_interval
from analytics.selectors.metrics.cut import Cut
from coupons.models import ClaimRating
from coupons.models.rating import HIGHEST, LOWEST


@dataclass(frozen=True, slots=True)
class Satisfaction:
    """Answers that were given in the period; `by_score` holds how many gave one star, two stars, and so on.

    `asked` is how many claims were used on orders of the period: each of them is asked once.
    """

    asked: int
    by_score: tuple[int, ...]

    @property
    def answers(self) -> int:
        return sum(self.by_score)

    @property
    def mean(self) -> float | None:
        """Mean stars; None without an answer."""
        stars = sum(score * count for score, count in enumerate(self.by_score, start=LOWEST))
        return stars / self.answers if self.answers else None

    @property
    def interval(self) -> Interval | None:
        """The mean and how sure it is; None with fewer than two answers. Bounds stay on the scale.

        Whoever answers may think otherwise than who does not: that is not in it.
        """
        scored = list(enumerate(self.by_score, start=LOWEST))
        total = sum(score * count for score, count in scored)
        squares = sum(score * score * count for score, count in scored)
        found = mean_interval(Sample(self.answers, total, squares))
        if found is None:
            return None
        return Interval(found.estimate, max(float(LOWEST), found.low), min(float(HIGHEST), found.high))


def satisfaction(cut: Cut) -> Satisfaction:
    """Returns the ratings given in the period; two queries."""
    ratings = ClaimRating.objects.filter(rated_at__gte=cut.period.start, rated_at__lt=cut.period.end)
    if cut.has_coupon_choice:
        ratings = ratings.filter(claim__coupon__in=cut.coupons())
    if cut.tag:
        ratings = ratings.filter(claim__shopper__in=cut.shoppers())
    counts = dict(ratings.order_by().values_list("score").annotate(Count("pk")))
    asked = cut.redemptions().filter(claim__isnull=False).count()
    return Satisfaction(asked=asked, by_score=tuple(counts.get(score, 0) for score in range(LOWEST, HIGHEST + 1)))
