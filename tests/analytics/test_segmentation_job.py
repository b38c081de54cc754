"""The nightly segmentation: one run, published or not, and the same state however often it runs."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from analytics import tasks
from analytics.enums import Job, RunReason, RunState
from analytics.errors import RunInProgress
from analytics.jobs import segmentation
from analytics.jobs.exclusive import exclusively
from analytics.jobs.segmentation import TAGS_LAST, run_segmentation
from analytics.learners.segmentation import Degenerate
from analytics.models import Run, Segment, SegmentSnapshot
from analytics.schedules import SCHEDULE
from analytics.services.segments import segment_rename
from tests import factories
from tests.analytics.builders import HABITS, make_population, make_purchase
from tests.analytics.test_features import change_the_future
from users.enums import TagSource
from users.models import Tag, User

NOW = factories.NOW
DAY = timedelta(days=1)


def segment_tags() -> dict[int, str]:
    return dict(Tag.objects.filter(source=TagSource.SEGMENTATION).values_list("shopper_id", "name"))


@pytest.mark.django_db
class TestARun:
    @pytest.fixture
    def shoppers(self) -> list[User]:
        return make_population(NOW)

    def test_tags_every_buyer_with_one_segment(self, shoppers: list[User]) -> None:
        run = run_segmentation(now=NOW)

        assert run.state == RunState.PUBLISHED
        assert segment_tags().keys() == {shopper.pk for shopper in shoppers}
        assert set(segment_tags().values()) == {segment.tag_name for segment in Segment.objects.all()}
        assert set(Tag.objects.values_list("expires_at", flat=True)) == {NOW + TAGS_LAST}

    def test_finds_the_habits_that_are_there(self, shoppers: list[User]) -> None:
        run_segmentation(now=NOW)

        of_habit = [
            {segment_tags()[shopper.pk] for shopper in shoppers[start : start + 20]} for start in range(0, 80, 20)
        ]
        assert [len(tags) for tags in of_habit] == [1] * len(HABITS)
        assert len(set.union(*of_habit)) == len(HABITS)

    def test_writes_down_what_it_did(self, shoppers: list[User]) -> None:
        run = run_segmentation(now=NOW, seed=11)
        run.refresh_from_db()

        assert (run.window_end, run.seed, run.started_at) == (NOW, 11, NOW)
        assert run.finished_at is not None
        assert run.finished_at > NOW
        assert run.parameters["window_ends_with"] == "now"
        metrics = run.metrics
        assert metrics["shoppers"] == metrics["tagged"] == metrics["fitted"] == len(shoppers)
        assert metrics["k"] == len(metrics["sizes"]) == Segment.objects.count()
        assert [candidate["k"] for candidate in metrics["candidates"]] == list(range(3, 9))
        assert sum(metrics["sizes"].values()) == len(shoppers)
        assert metrics["stability"] > 0.92
        assert metrics["agreement_with_last_night"] is None
        assert {"silhouette", "inertia", "seconds", "peak_memory_mib"} <= metrics.keys()
        assert set(run.artefact["centroids"]) == set(metrics["sizes"])

    def test_keeps_sizes_and_averages_of_each_segment(self, shoppers: list[User]) -> None:
        run = run_segmentation(now=NOW)

        for segment in Segment.objects.all():
            carriers = Tag.objects.filter(name=segment.tag_name)
            assert segment.size == carriers.count() == 20
            assert SegmentSnapshot.objects.get(run=run, segment=segment).size == 20
        by_recency = Segment.objects.order_by("-profile__recency_days").first()
        assert by_recency is not None
        assert by_recency.profile["purchases"] < 4
        assert by_recency.profile["basket"] == pytest.approx(30_00, rel=0.1)

    def test_twice_leaves_the_same_state(self, shoppers: list[User]) -> None:
        first = run_segmentation(now=NOW)
        tags, segments = (
            segment_tags(),
            list(Segment.objects.order_by("key").values("key", "name_en", "name_zh", "size", "centroid")),
        )
        second = run_segmentation(now=NOW)

        assert segment_tags() == tags
        assert list(Segment.objects.order_by("key").values("key", "name_en", "name_zh", "size", "centroid")) == segments
        assert second.metrics["agreement_with_last_night"] == 1
        assert second.pk != first.pk

    def test_segments_keep_their_keys_from_night_to_night(self, shoppers: list[User]) -> None:
        run_segmentation(now=NOW)
        before = segment_tags()
        for shopper in shoppers[:20]:
            make_purchase(shopper, NOW + DAY / 2)
        run_segmentation(now=NOW + DAY)

        assert segment_tags() == before
        assert Segment.objects.count() == len(HABITS)

    def test_a_marketers_name_stays(self, shoppers: list[User]) -> None:
        run_segmentation(now=NOW)
        segment = Segment.objects.first()
        assert segment is not None
        segment_rename(segment=segment, name_en="Our best", name_zh="我们的最爱")
        run_segmentation(now=NOW + DAY)

        segment.refresh_from_db()
        assert (segment.name_en, segment.name_zh, segment.is_renamed) == ("Our best", "我们的最爱", True)

    def test_a_segment_that_is_gone_is_put_away(self, shoppers: list[User]) -> None:
        old = Segment.objects.create(
            key="of-the-past",
            name_en="Of the past",
            name_zh="过去",
            run=run_segmentation(now=NOW),
            size=5,
            centroid=[50.0] * 6,
        )
        run_segmentation(now=NOW)

        old.refresh_from_db()
        assert (old.is_active, old.size) == (False, 0)

    def test_nothing_after_the_cut_off_moves_anybody(self, shoppers: list[User]) -> None:
        run_segmentation(now=NOW, as_of=NOW)
        before, centroids = segment_tags(), list(Segment.objects.order_by("key").values_list("centroid", flat=True))
        change_the_future(shoppers[::10])
        run_segmentation(now=NOW + 90 * DAY, as_of=NOW)

        assert segment_tags() == before
        assert list(Segment.objects.order_by("key").values_list("centroid", flat=True)) == centroids

    def test_small_samples_and_chunks_label_everybody_the_same(
        self, shoppers: list[User], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        run_segmentation(now=NOW)
        before = segment_tags()
        monkeypatch.setattr(segmentation, "FITTED_SHOPPERS", 60)
        run = run_segmentation(now=NOW)

        assert run.metrics["fitted"] == 60
        assert segment_tags() == before

    def test_history_of_long_ago_is_learned_from_as_it_is(self, shoppers: list[User]) -> None:
        run = run_segmentation(now=NOW + 3000 * DAY)

        assert run.state == RunState.PUBLISHED
        assert run.parameters["window_ends_with"] == "newest_event"
        assert run.window_end < NOW


@pytest.mark.django_db
class TestADegenerateResult:
    @pytest.mark.parametrize("count", [0, 1, 3])
    def test_of_too_few_shoppers_is_skipped(self, count: int) -> None:
        for _ in range(count):
            make_purchase(factories.make_shopper(), NOW - DAY)
        run = run_segmentation(now=NOW)

        assert (run.state, run.reason) == (RunState.SKIPPED, RunReason.TOO_FEW)
        assert not Tag.objects.exists()

    def test_of_shoppers_all_alike_is_skipped(self) -> None:
        for shopper in User.objects.bulk_create(User(username=f"twin-{number}") for number in range(60)):
            make_purchase(shopper, NOW - DAY)
        run = run_segmentation(now=NOW)

        assert (run.state, run.reason) == (RunState.SKIPPED, RunReason.ALIKE)

    def test_leaves_last_nights_tags(self, monkeypatch: pytest.MonkeyPatch) -> None:
        make_population(NOW)
        run_segmentation(now=NOW)
        before = segment_tags()

        def nothing_found(*_args: object, **_kwargs: object) -> None:
            raise Degenerate("unstable", candidates=[])

        monkeypatch.setattr(segmentation, "fit_clusters", nothing_found)
        run = run_segmentation(now=NOW + DAY)

        assert (run.state, run.reason) == (RunState.SKIPPED, RunReason.UNSTABLE)
        assert segment_tags() == before
        assert Segment.objects.filter(is_active=True).count() == len(HABITS)

    def test_of_a_feed_that_broke_is_skipped(self) -> None:
        shoppers = make_population(NOW, each=30)
        run_segmentation(now=NOW)
        before = segment_tags()
        User.objects.filter(pk__in=[shopper.pk for shopper in shoppers[:65]]).update(is_active=False)
        run = run_segmentation(now=NOW)

        assert (run.state, run.reason) == (RunState.SKIPPED, RunReason.SHRUNK)
        assert (run.metrics["shoppers"], run.metrics["shoppers_last_night"]) == (55, 120)
        assert segment_tags() == before


@pytest.mark.django_db
class TestARunThatBreaks:
    def test_is_failed_with_its_error_and_publishes_nothing(self, monkeypatch: pytest.MonkeyPatch) -> None:
        make_population(NOW)

        def break_down(**_arguments: object) -> None:
            raise RuntimeError("the disk is full")

        monkeypatch.setattr(segmentation, "segments_publish", break_down)
        with pytest.raises(RuntimeError):
            run_segmentation(now=NOW)

        run = Run.objects.get()
        assert (run.state, run.reason) == (RunState.FAILED, "RuntimeError: the disk is full")
        assert not Tag.objects.exists()

    def test_halfway_through_publishing_leaves_last_nights_state(self, monkeypatch: pytest.MonkeyPatch) -> None:
        make_population(NOW)
        run_segmentation(now=NOW)
        before = list(Tag.objects.order_by("pk").values())

        def break_down(*_arguments: object, **_fields: object) -> None:
            raise RuntimeError("too late")

        monkeypatch.setattr(SegmentSnapshot.objects, "bulk_create", break_down)
        with pytest.raises(RuntimeError):
            run_segmentation(now=NOW + DAY)

        assert list(Tag.objects.order_by("pk").values()) == before
        assert Run.objects.first().state == RunState.FAILED

    def test_without_a_word_is_found_by_the_next_one(self) -> None:
        lost = Run.objects.create(
            job=Job.SEGMENTATION, window_start=NOW - DAY, window_end=NOW, seed=1, started_at=NOW - DAY
        )
        run_segmentation(now=NOW)

        lost.refresh_from_db()
        assert (lost.state, lost.reason, lost.finished_at) == (RunState.FAILED, RunReason.INTERRUPTED, NOW)


@pytest.mark.django_db(transaction=True)
class TestTwoRunsAtOnce:
    @pytest.fixture
    def another_run(self) -> object:
        """The same job at work on another connection, until the test is over."""
        if connection.vendor != "postgresql":
            pytest.skip("SQLite serves one developer and locks nothing")
        started, finish = threading.Event(), threading.Event()

        def work() -> None:
            try:
                with exclusively(Job.SEGMENTATION):
                    started.set()
                    finish.wait(timeout=30)
            finally:
                connection.close()

        thread = threading.Thread(target=work)
        thread.start()
        assert started.wait(timeout=30)
        yield
        finish.set()
        thread.join(timeout=30)

    def test_the_second_is_refused_and_writes_nothing(self, another_run: object) -> None:
        with pytest.raises(RunInProgress):
            run_segmentation(now=NOW)
        assert not Run.objects.exists()

    def test_the_command_says_so(self, another_run: object) -> None:
        with pytest.raises(CommandError, match="running already"):
            call_command("run_segmentation")

    def test_the_task_leaves_the_work_to_the_first(self, another_run: object) -> None:
        assert tasks.run_segmentation() is None

    def test_the_lock_is_free_again_after_a_run(self) -> None:
        for _ in range(2):
            assert run_segmentation(now=NOW).state == RunState.SKIPPED


@pytest.mark.django_db
class TestTheCommand:
    def test_publishes_and_says_what(self, capsys: pytest.CaptureFixture[str], now: datetime) -> None:
        make_population(now)
        call_command("run_segmentation", "--as-of", now.isoformat(), "--seed", "3")

        printed = capsys.readouterr().out
        assert "80 shoppers in" in printed
        assert Run.objects.get().seed == 3

    def test_a_date_means_its_first_instant_in_the_shop(self, now: datetime) -> None:
        call_command("run_segmentation", "--as-of", "2026-11-21")

        assert Run.objects.get().window_end.isoformat() == "2026-11-20T16:00:00+00:00"

    @pytest.mark.parametrize("text", ["yesterday", "2026-13-01"])
    def test_a_wrong_moment_is_refused(self, text: str) -> None:
        with pytest.raises(CommandError, match="as-of"):
            call_command("run_segmentation", "--as-of", text)

    def test_says_why_nothing_was_published(self, capsys: pytest.CaptureFixture[str]) -> None:
        call_command("run_segmentation")

        assert "Too few shoppers" in capsys.readouterr().out

    def test_if_missing_does_nothing_the_second_time(self, capsys: pytest.CaptureFixture[str], now: datetime) -> None:
        make_population(now)
        for _ in range(2):
            call_command("run_segmentation", "--if-missing", "--as-of", now.isoformat())

        assert Run.objects.count() == 1
        assert "Nothing to do" in capsys.readouterr().out


def test_it_runs_every_night_at_ten_past_three() -> None:
    schedule = SCHEDULE["segment shoppers"]["schedule"]

    assert (schedule.hour, schedule.minute) == ({3}, {10})
    assert SCHEDULE["segment shoppers"]["task"] == tasks.run_segmentation.name
