"""Segments and the tags by which everything else knows them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction

from analytics.models import Run, Segment, SegmentSnapshot
from users.enums import SEGMENT_PREFIX, TagSource
from users.services.tags import tags_replace


@dataclass(frozen=True, slots=True)
class SegmentDraft:
    """A cluster under the key that it goes by; the names are used only if the segment is new."""

    key: str
    name_en: str
    name_zh: str
    # Logarithms of the features, which compare across nights.
    centroid: list[float]

    @property
    def tag_name(self) -> str:
        return f"{SEGMENT_PREFIX}{self.key}"


@dataclass(frozen=True, slots=True)
class SegmentFigures:
    """How many shoppers a segment has, and their averages as people read them."""

    size: int
    profile: dict[str, Any]


def segments_publish(
    *,
    run: Run,
    drafts: Sequence[SegmentDraft],
    assignments: Iterable[tuple[int, str]],
    figures: Callable[[], Sequence[SegmentFigures]],
    expires_at: datetime,
    now: datetime,
) -> int:
    """Replaces last night's segments and tags by tonight's; call it inside a transaction with the run's end.

    Args:
        drafts: one for each cluster.
        assignments: shopper id and tag name; read once.
        figures: called when the assignments have been read, one for each draft.

    Returns:
        how many shoppers carry a segment's tag now.
    """
    with transaction.atomic():
        tagged = tags_replace(
            source=TagSource.SEGMENTATION,
            prefix=SEGMENT_PREFIX,
            assignments=assignments,
            expires_at=expires_at,
            now=now,
        )
        segments = [_write_segment(run, draft, measured) for draft, measured in zip(drafts, figures(), strict=True)]
        Segment.objects.exclude(pk__in=[segment.pk for segment in segments]).filter(is_active=True).update(
            is_active=False, size=0
        )
        SegmentSnapshot.objects.bulk_create(
            SegmentSnapshot(run=run, segment=segment, size=segment.size, profile=segment.profile)
            for segment in segments
        )
    return tagged


def segment_rename(*, segment: Segment, name_en: str, name_zh: str) -> Segment:
    """Gives a segment a marketer's own names; later runs keep them."""
    segment.name_en = name_en
    segment.name_zh = name_zh
    segment.is_renamed = True
    segment.save(update_fields=["name_en", "name_zh", "is_renamed"])
    return segment


def _write_segment(run: Run, draft: SegmentDraft, measured: SegmentFigures) -> Segment:
    seen = {
        "is_active": True,
        "run": run,
        "size": measured.size,
        "profile": measured.profile,
        "centroid": draft.centroid,
    }
    # A segment that comes back keeps its names; only a new one takes the draft's.
    segment, _created = Segment.objects.update_or_create(
        key=draft.key, defaults=seen, create_defaults={**seen, "name_en": draft.name_en, "name_zh": draft.name_zh}
    )
    return segment
