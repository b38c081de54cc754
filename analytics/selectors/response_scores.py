"""What the nightly response said of pairs of shopper and coupon, as far as it may be relied on now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from analytics.enums import Job, ModelState, RunState
from analytics.models import ModelVersion, Run
from campaigns.models import CouponScore

# As long as a forecast of stock: a score that was not renewed for a night and a half speaks of another day.
HOLDS_FOR = timedelta(hours=36)
CHUNK_ROWS = 20_000


def scores_made_at(now: datetime) -> datetime | None:
    """Returns when the scores were made that hold now: all by the last run, lately, and by the model in use.

    After a model was rolled back by hand, what it said before goes on standing in the table until the night: nothing
    is decided by it. A run renews scores in place: while one is at work, and after one that broke off, some are of this
    night and some of the last, and none hold.
    """
    runs = Run.objects.filter(job=Job.RESPONSE, state=RunState.PUBLISHED, started_at__lte=now)
    run = runs.order_by("-pk").first()
    if run is None or now - run.started_at >= HOLDS_FOR:
        return None
    if _is_being_renewed(run.started_at):
        return None
    champion = ModelVersion.objects.filter(job=Job.RESPONSE, state=ModelState.CHAMPION).values_list("pk", flat=True)
    return run.started_at if run.metrics.get("model") in list(champion) else None


def coupon_scores(
    *, shopper_ids: NDArray[np.int64], coupon_ids: Sequence[int], made_at: datetime
) -> NDArray[np.float64] | None:
    """Returns each shopper's chance to use each coupon, NaN where there is no score of that moment.

    None if a run began to renew the scores while they were read.

    Args:
        shopper_ids: in ascending order.
    """
    scores = np.full((len(shopper_ids), len(coupon_ids)), np.nan)
    for column, coupon_id in enumerate(coupon_ids):
        found = CouponScore.objects.filter(coupon=coupon_id, computed_at=made_at).order_by()
        pairs = np.fromiter(
            found.values_list("shopper", "probability").iterator(chunk_size=CHUNK_ROWS),
            dtype=np.dtype([("shopper", np.int64), ("probability", np.float64)]),
        )
        known = np.isin(pairs["shopper"], shopper_ids)
        places = np.searchsorted(shopper_ids, pairs["shopper"][known])
        scores[places, column] = pairs["probability"][known]
    return None if _is_being_renewed(made_at) else scores


def _is_being_renewed(made_at: datetime) -> bool:
    return CouponScore.objects.filter(computed_at__gt=made_at).exists()
