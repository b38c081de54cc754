"""Drift of a job's features: what is kept, compared, renewed, and shown."""

from __future__ import annotations

import json
from datetime import timedelta

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse

from analytics.enums import Job
from analytics.jobs.drift import REFERENCE_LASTS, drift_since
from analytics.jobs.segmentation import run_segmentation
from analytics.models import Run
from tests import factories
from tests.analytics.builders import make_population

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
