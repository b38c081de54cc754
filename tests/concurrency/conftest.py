"""What the tests of crowds may ask for by name."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from django.db import connection

from tests.concurrency.crowd import Call, Meet, standing_crowd

# One of those who meet is up to so many round trips ahead of the others.
HEAD_START = 24


@pytest.fixture
def meet(transactional_db: None) -> Iterator[Meet]:
    """Runs calls at one moment, as `rush` does; made for meeting a thousand times, each time a little differently."""
    # The same in every run.
    chance = random.Random(1)
    crowds: dict[int, Callable[[list[Call]], list[Any]]] = {}
    with ExitStack() as stack:

        def meet(*calls: Call) -> list[Any]:
            hands = len(calls)
            if hands not in crowds:
                crowds[hands] = stack.enter_context(standing_crowd(hands))
            return crowds[hands]([_after(chance.randrange(HEAD_START), call) for call in calls])

        yield meet


def _after(round_trips: int, call: Call) -> Call:
    def walk_and_call() -> Any:
        with connection.cursor() as cursor:
            for _trip in range(round_trips):
                cursor.execute("SELECT 1")
        return call()

    return walk_and_call
