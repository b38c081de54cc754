"""A segment night by night: sizes, and how far its centre moved."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from analytics.enums import Job, RunState, WindowEnd
from analytics.models import Run, Segment, SegmentSnapshot
from analytics.selectors.segment_history import segment_nights
from analytics.selectors.windows import Window
from analytics.services.runs import run_finish, run_start
from tests import factories

NOW = factories.NOW


def make_night(number: int, centre: list[float], *, size: int = 10, **artefact: Any) -> Segment:
    """One run that found the segment "loyal" at a place, with two features of spread 1 and 2."""
    at = NOW + timedelta(days=number)
    window = Window(start=at - timedelta(days=365), end=at, ends_with=WindowEnd.NOW)
    run = run_start(job=Job.SEGMENTATION, window=window, seed=7, parameters={"features": ["a", "b"]}, now=at)
    kept = {"scale": [1.0, 2.0], "centroids": {"loyal": centre}, **artefact}
    run_finish(run=run, state=RunState.PUBLISHED, artefact=kept, now=at)
    segment, _created = Segment.objects.update_or_create(
        key="loyal", defaults={"run": run, "size": size, "name_en": "Loyal shoppers", "name_zh": "忠实顾客"}
    )
    SegmentSnapshot.objects.create(run=run, segment=segment, size=size)
    return segment


@pytest.mark.django_db
class TestNights:
    def test_tell_size_and_move(self) -> None:
        make_night(1, [1.0, 1.0])
        make_night(2, [4.0, 9.0], size=20)
        segment = make_night(3, [4.0, 9.0], size=30)

        nights = segment_nights(segment, newest=5)
        assert [night.size for night in nights] == [10, 20, 30]
        assert [night.moved for night in nights] == [None, 5.0, 0.0]

    def test_the_oldest_one_shown_knows_the_one_before(self) -> None:
        make_night(1, [1.0, 1.0])
        make_night(2, [4.0, 9.0])
        segment = make_night(3, [4.0, 9.0])

        assert [night.moved for night in segment_nights(segment, newest=2)] == [5.0, 0.0]
        assert [night.moved for night in segment_nights(segment, newest=3)] == [None, 5.0, 0.0]

    def test_runs_that_do_not_compare_have_no_move(self) -> None:
        make_night(1, [1.0, 1.0])
        segment = make_night(2, [4.0, 9.0], centroids={})
        Run.objects.filter(pk=make_night(3, [4.0, 9.0]).run_id).update(parameters={"features": ["a"]})

        assert [night.moved for night in segment_nights(segment, newest=5)] == [None, None, None]

    def test_of_a_segment_without_runs_are_none(self) -> None:
        segment = make_night(1, [1.0, 1.0])
        SegmentSnapshot.objects.all().delete()

        assert list(segment_nights(segment, newest=5)) == []

    def test_are_drawn_on_its_page(self, client: Client) -> None:
        make_night(1, [1.0, 1.0])
        segment = make_night(2, [1.3, 1.8])
        client.force_login(factories.make_marketer())

        page = client.get(reverse("admin:analytics_segment_change", args=[segment.pk])).content.decode()
        assert "How far its centre moved" in page
        assert "0.500" in page
