"""What earlier runs left behind."""

from __future__ import annotations

from analytics.enums import Job, RunState
from analytics.models import Run, Segment


def last_published(job: Job) -> Run | None:
    """Returns the newest run of a job whose results are in use."""
    return Run.objects.filter(job=job, state=RunState.PUBLISHED).order_by("-pk").first()


def active_segments(*, features: tuple[str, ...]) -> list[Segment]:
    """Returns the segments in use, in the order of their keys.

    Those learned from other features than these are left out: their centroids lie in another space.
    """
    return [
        segment
        for segment in Segment.objects.filter(is_active=True).select_related("run").order_by("key")
        if tuple(segment.run.parameters.get("features", ())) == features
    ]
