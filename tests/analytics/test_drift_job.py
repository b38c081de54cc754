"""Drift of a job's features: what is kept, compared, renewed, and shown."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from django.db import connection
from django.test import Client
from django.urls import reverse

from analytics.enums import Job, RunState, WindowEnd
from analytics.jobs import drift as drift_job
from analytics.jobs import response as response_job
from analytics.jobs.drift import REFERENCE_LASTS, InputWatch, drift_note, drift_since
from analytics.jobs.recommendation import run_recommendation
from analytics.jobs.response import run_response
from analytics.jobs.segmentation import run_segmentation
from analytics.learners.purchases import purchases_of
from analytics.models import Run
from analytics.selectors.windows import Window
from analytics.services.runs import run_finish, run_start
from campaigns.enums import CampaignStatus
from campaigns.models import Campaign
from tests import factories
from tests.analytics.builders import make_population
from tests.analytics.response_shop import make_mailing, make_response_shop
from tests.analytics.shopping import make_shop

NOW = factories.NOW
DAY = timedelta(days=1)
FEATURES = ("days", "money")


def values(*, shift: float = 0.0, seed: int = 1, size: int = 500) -> np.ndarray:
    random = np.random.default_rng(seed)
    return np.column_stack([random.normal(0, 1, size), random.lognormal(shift, 1, size)])


class TestDrift:
    def test_begins_with_a_reference(self) -> None:
        drift = drift_since(None, features=FEATURES, values=values(), as_of=NOW)

        assert drift.metrics == {}
        # It is kept as JSON.
        assert list(json.loads(json.dumps(drift.reference))["bins"]) == list(FEATURES)

    def test_names_the_feature_that_moved(self) -> None:
        reference = drift_since(None, features=FEATURES, values=values(), as_of=NOW).reference
        drift = drift_since(reference, features=FEATURES, values=values(shift=1, seed=2), as_of=NOW + DAY)

        assert drift.metrics["drift_alarm"] == ["money"]
        assert drift.metrics["drift"]["days"] < 0.1
        assert drift.reference == reference

    def test_renews_an_old_reference_after_a_last_look(self) -> None:
        reference = drift_since(None, features=FEATURES, values=values(), as_of=NOW).reference
        later = NOW + REFERENCE_LASTS
        drift = drift_since(reference, features=FEATURES, values=values(shift=1, seed=2), as_of=later)

        assert drift.metrics["drift_alarm"] == ["money"]
        assert drift.reference["as_of"] == later.isoformat()

    @pytest.mark.parametrize("features", [("days", "purchases"), ("days",)])
    def test_begins_anew_with_other_features(self, features: tuple[str, ...]) -> None:
        reference = drift_since(None, features=FEATURES, values=values(), as_of=NOW).reference

        assert drift_since(reference, features=features, values=values(), as_of=NOW).metrics == {}

    def test_of_a_few_shoppers_is_not_judged(self) -> None:
        reference = drift_since(None, features=FEATURES, values=values(size=20), as_of=NOW).reference
        assert reference["bins"] == {}
        assert drift_since(reference, features=FEATURES, values=values(), as_of=NOW).metrics == {}


@pytest.mark.django_db
def test_the_nightly_run_keeps_and_shows_it(client: Client) -> None:
    make_population(NOW, each=30)
    run_segmentation(now=NOW)
    later = run_segmentation(now=NOW + 20 * DAY)
    # Nobody bought anything in twenty days: recency has moved for all.
    assert "recency_days" in later.metrics["drift_alarm"]
    assert later.artefact["reference"]["as_of"] == NOW.isoformat()

    client.force_login(factories.make_marketer())
    run = Run.objects.filter(job=Job.SEGMENTATION).latest("pk")
    page = client.get(reverse("admin:analytics_run_change", args=[run.pk])).content.decode()
    assert "has drifted" in page
    assert "Days since the last purchase" in page


@pytest.mark.django_db
class TestOtherJobs:
    def run_of(self, job: Job, at: datetime) -> Run:
        window = Window(start=at - 365 * DAY, end=at, ends_with=WindowEnd.NOW)
        return run_start(job=job, window=window, seed=7, parameters={}, now=at)

    def night(self, at: datetime, shape: np.ndarray, *, pieces: int = 1) -> dict[str, Any]:
        """A night of the response that feeds its model these values in so many pieces."""
        run = self.run_of(Job.RESPONSE, at)
        inputs = InputWatch(run, ("noise", *FEATURES), watched=FEATURES)
        for part in np.array_split(np.column_stack([np.zeros(len(shape)), shape]), pieces):
            inputs.look(part)
        metrics = inputs.metrics()
        run_finish(run=run, state=RunState.PUBLISHED, metrics=metrics, now=at)
        return metrics

    def test_what_is_seen_in_pieces_is_watched_as_one(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(drift_job, "MOST_ROWS", 400)
        assert self.night(NOW, values(size=2000), pieces=7) == {}
        assert self.night(NOW + DAY, values(size=2000, seed=2), pieces=3)["drift_alarm"] == []
        assert self.night(NOW + 2 * DAY, values(shift=1, seed=3, size=2000), pieces=5)["drift_alarm"] == ["money"]

    def test_a_night_without_shoppers_is_no_new_beginning(self) -> None:
        self.night(NOW, values())
        assert self.night(NOW + DAY, values(size=0)) == {}
        assert self.night(NOW + 2 * DAY, values(shift=1, seed=2))["drift_alarm"] == ["money"]

    def test_jobs_are_compared_with_themselves(self) -> None:
        self.night(NOW, values())
        run = self.run_of(Job.RECOMMENDATION, NOW + DAY)
        assert drift_note(run, features=FEATURES, values=values(shift=1)) == {}

    def test_shopping_by_hand(self) -> None:
        # Two orders of one shopper, of one and of two types; another one who bought nothing.
        purchases = purchases_of(
            shopper_ids=np.array([3, 9]), buyer=np.array([3, 3, 3]), order=np.array([1, 2, 2]),
            kind=np.array([0, 0, 2]), day=np.array([50.0, 95.5, 95.5]), kinds=3,
        )  # fmt: skip
        found = drift_job._shopping(purchases, 100.0)
        assert found.tolist() == [[4.5, 2, 1, 2], [np.inf, 0, 0, 0]]

    def test_the_recommendation_tells_when_shoppers_stop_coming(self) -> None:
        make_shop(NOW, each=60)
        run_recommendation(now=NOW)
        assert run_recommendation(now=NOW + DAY / 24).metrics["drift_alarm"] == []
        assert "recency_days" in run_recommendation(now=NOW + 20 * DAY).metrics["drift_alarm"]

    def test_the_response_tells_and_its_page_shows_it(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        if connection.vendor != "postgresql":
            pytest.skip("the facts are laid out by statements of PostgreSQL")
        settings = replace(response_job.COUPON_SETTINGS, tree_count=10)
        monkeypatch.setattr(response_job, "COUPON_SETTINGS", settings)
        monkeypatch.setattr(response_job, "FEWEST_ANSWERS", 20)
        shop = make_response_shop(NOW, each=30)
        run_response(now=NOW)
        assert run_response(now=NOW + DAY / 24).metrics["drift_alarm"] == []
        # What is known of shoppers is that of the day before a campaign: in the next one nobody has come for two weeks.
        Campaign.objects.filter(pk=shop.live.pk).update(status=CampaignStatus.PAUSED)
        soon = {"starts_at": NOW + 17 * DAY, "ends_at": NOW + 40 * DAY, "status": CampaignStatus.PUBLISHED}
        make_mailing(shop.products, (), key="next", **soon)
        later = run_response(now=NOW + 18 * DAY)
        assert "recency" in later.metrics["drift_alarm"]

        client.force_login(factories.make_marketer())
        page = client.get(reverse("admin:analytics_run_change", args=[later.pk])).text
        assert "has drifted" in page
        assert "Days since the last purchase" in page
