"""The life of claims as a machine: random walks over every service, with crashes, beside a model in plain Python.

`HYPOTHESIS_PROFILE=fuzz` walks longer, each time other ways; `make faults` too, the same ways each time.
"""

from __future__ import annotations

import os

import pytest
from django.test import override_settings
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.coupons.life_cycle.claims import ClaimStates
from tests.coupons.life_cycle.model import GIFT_LASTS, GIFTS_A_DAY, HANDS
from tests.coupons.life_cycle.orders import OrderLife
from tests.coupons.life_cycle.stock import StockLife
from tests.figures import Figures
from tests.forms import rounds

IS_FUZZING = os.environ.get("HYPOTHESIS_PROFILE") == "fuzz"
WALKS = 2000 if IS_FUZZING else rounds(short=35, long=2000)


class ClaimLife(StockLife, OrderLife, ClaimStates):
    """All of it at once."""


@pytest.mark.django_db
@pytest.mark.reliability(30)
@override_settings(GIFTS_PER_DAY=GIFTS_A_DAY, GIFT_CHAIN_DEPTH=HANDS, GIFT_LASTS=GIFT_LASTS)
def test_no_walk_leads_the_platform_away_from_its_model(figures: Figures) -> None:
    run_state_machine_as_test(
        ClaimLife,
        settings=settings(
            max_examples=WALKS,
            stateful_step_count=50 if IS_FUZZING else 30,
            # The same walks every time in a test run; new ones every time when fuzzing.
            derandomize=not IS_FUZZING,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    told = f"{ClaimLife.steps:,} states compared with the model, {ClaimLife.crashes:,} crashes"
    figures.note(30, "random walks over every service", rounds=WALKS, beside=told)
