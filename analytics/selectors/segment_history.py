"""A segment as its runs saw it, one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

import numpy as np

from analytics.learners.drift import centre_moves
from analytics.models import Segment, SegmentSnapshot


@dataclass(frozen=True, slots=True)
class Night:
    """One run's view: when, how many shoppers, and how far the centre had moved since the run before.

    `moved` is in standard deviations of all shoppers; None for the first, and where two runs do not compare.
    """

    at: datetime
    size: int
    moved: float | None


def segment_nights(segment: Segment, *, newest: int) -> Sequence[Night]:
    """Returns a segment's newest runs, the oldest of them first."""
    snapshots = list(
        SegmentSnapshot.objects.filter(segment=segment).select_related("run").order_by("-run_id")[: newest + 1]
    )[::-1]
    nights = [Night(at=first.run.started_at, size=first.size, moved=None) for first in snapshots[:1]]
    nights += [
        Night(at=after.run.started_at, size=after.size, moved=_moved(before, after, segment.key))
        for before, after in pairwise(snapshots)
    ]
    return nights[-newest:]


def _moved(before: SegmentSnapshot, after: SegmentSnapshot, key: str) -> float | None:
    if before.run.parameters.get("features") != after.run.parameters.get("features"):
        return None
    scale = after.run.artefact.get("scale")
    centres = [snapshot.run.artefact.get("centroids", {}).get(key) for snapshot in (before, after)]
    if scale is None or None in centres:
        return None
    return centre_moves(np.array(centres, dtype=np.float64), scale=np.array(scale, dtype=np.float64))[1]
