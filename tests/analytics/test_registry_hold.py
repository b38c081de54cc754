"""A roll back by a person holds the jobs off for a week; one by a job does not."""

from __future__ import annotations

from datetime import timedelta

import pytest

from analytics.enums import Job
from analytics.services.registry import HELD_BY_HAND, is_held_by_hand, model_promote, model_roll_back
from tests.analytics.builders import NIGHT, make_model
from tests.factories import make_shopper

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _two_models() -> None:
    for value in (1.0, 2.0):
        model_promote(version=make_model(value), reason="better", now=NIGHT)


def test_a_person_holds_the_jobs_off_for_a_week() -> None:
    model_roll_back(job=Job.RESPONSE, reason="odd", now=NIGHT, decided_by=make_shopper(is_staff=True))

    assert is_held_by_hand(job=Job.RESPONSE, now=NIGHT + HELD_BY_HAND - timedelta(seconds=1))
    assert not is_held_by_hand(job=Job.RESPONSE, now=NIGHT + HELD_BY_HAND)
    assert not is_held_by_hand(job=Job.RECOMMENDATION, now=NIGHT)


def test_a_job_that_rolls_back_does_not() -> None:
    model_roll_back(job=Job.RESPONSE, reason="earned less", now=NIGHT)

    assert not is_held_by_hand(job=Job.RESPONSE, now=NIGHT)
