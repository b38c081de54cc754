"""The nightly bandit: segments that answer differently get shares of their own, and only these."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, ClassVar

import pytest

from analytics.enums import Job
from analytics.jobs.bandit import FEWEST_TO_JUDGE, REIGNS_FOR, run_bandit
from analytics.learners.bandit_contexts import Drawing, learn_contexts
from analytics.services.registry import model_roll_back
from campaigns.models import VariantGroup, VariantShare
from tests.analytics.test_bandit_job import DAY, HOUR, NOW, make_log, shares
from tests.campaigns.test_variants import make_group


def make_tastes(group: VariantGroup, tastes: dict[str, list[float]], *, each: int = 300) -> None:
    """Measured decisions of segments with tastes of their own, as `make_log`; all segments come every hour."""
    hours = 10
    for hour in range(hours):
        for number, (segment, means) in enumerate(tastes.items()):
            at = NOW - DAY - hour * HOUR
            make_log(group, means=means, each=each // hours, seed=hour * len(tastes) + number, at=at, segment=segment)


@pytest.mark.django_db
class TestSegments:
    TASTES: ClassVar = {"segment:loyal": [0.1, 0.4], "segment:lapsed": [0.4, 0.1]}

    def of_segment(self, segment: str) -> list[float]:
        found = VariantShare.objects.filter(segment=segment).order_by("arm")
        return list(found.values_list("share", flat=True))

    def test_with_tastes_of_their_own_get_shares_of_their_own(self) -> None:
        group = make_group(None, None)
        make_tastes(group, self.TASTES)
        run = run_bandit(now=NOW)

        assert self.of_segment("segment:loyal") == pytest.approx([0.05, 0.95], abs=0.01)
        assert self.of_segment("segment:lapsed") == pytest.approx([0.95, 0.05], abs=0.01)
        (figures,) = run.metrics["estimates"]
        assert figures["segments"] == ["segment:lapsed", "segment:loyal"]
        # .385 where the same for all would have earned .25 at best.
        assert figures["doubly_robust"][0] == pytest.approx(0.385, abs=0.03)

    def test_of_whom_too_little_is_known_get_what_everybody_gets(self) -> None:
        group = make_group(None, None)
        make_tastes(group, {"segment:loyal": [0.1, 0.4]})
        make_log(group, means=[0.4, 0.1], each=40, seed=5, segment="segment:new")
        run_bandit(now=NOW)

        assert self.of_segment("segment:new") == []

    def test_without_tastes_of_their_own_all_get_the_best(self) -> None:
        group = make_group(None, None)
        make_tastes(group, {"segment:loyal": [0.1, 0.4], "segment:lapsed": [0.1, 0.4]})
        run_bandit(now=NOW)

        assert shares(group) == pytest.approx([0.05, 0.95], abs=0.01)
        for segment in self.TASTES:
            assert self.of_segment(segment) in ([], pytest.approx([0.05, 0.95], abs=0.02))

    def test_come_back_with_the_model_before(self) -> None:
        group = make_group(None, None)
        make_tastes(group, self.TASTES)
        run_bandit(now=NOW)
        kept = self.of_segment("segment:loyal")
        group.refresh_from_db()
        make_log(group, means=[0.3, 0.3], each=FEWEST_TO_JUDGE, at=NOW + DAY)
        run_bandit(now=NOW + REIGNS_FOR)
        model_roll_back(job=Job.BANDIT, reason="Odd coupons", now=NOW + REIGNS_FOR + HOUR)
        VariantShare.objects.all().delete()
        run_bandit(now=NOW + REIGNS_FOR + DAY)

        assert self.of_segment("segment:loyal") == pytest.approx(kept)

    def test_are_judged_by_their_own_shares(self, monkeypatch: pytest.MonkeyPatch) -> None:
        group = make_group(0.5, 0.5)
        make_tastes(group, self.TASTES)

        def wrong(count: int, **log: Any) -> dict[str, Drawing]:
            found = learn_contexts(count, **log)
            return {name: replace(drawing, shares=drawing.shares[::-1]) for name, drawing in found.items()}

        # A learner that has gone wrong: it gives each segment what the other one likes.
        monkeypatch.setattr("analytics.jobs.bandit.learn_contexts", wrong)
        run_bandit(now=NOW)

        assert not VariantShare.objects.exists()
