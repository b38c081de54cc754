"""A crash at every point of every service: all of it is there afterwards or nothing, and the retry makes it whole."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from django.apps import apps
from django.db import DatabaseError, InterfaceError, connection, models

from config.kernel.errors import Busy
from config.kernel.idempotency import Answer, Attempt, run_once
from coupons.models import Coupon, Stock
from tests import factories
from tests.concurrency.crash_cases import JOBS, SERVICES, Task
from tests.crashes import DIES, LOST, Crash, CrashPoint, crash_at
from tests.figures import Figures
from tests.forms import IS_LONG
from tests.invariants import assert_invariants

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif("connection.vendor != 'postgresql'", reason="sessions are PostgreSQL's"),
    pytest.mark.reliability(30),
]

# How many points of a service the short form crashes at; the long form takes them all.
SAMPLE = 1
# A sold-out claim opens the batches that are due in a transaction of its own, before it tries again.
OPENS_BATCHES = "claim, opening a batch"


def ledger() -> Counter[tuple[str, ...]]:
    """What all tables of ours hold: rows, sums of whole numbers, moments that are set, and rows of each choice."""
    found: Counter[tuple[str, ...]] = Counter()
    parts, labels = [], []
    for label in ("kernel", "users", "coupons", "campaigns"):
        for model in apps.get_app_config(label).get_models(include_auto_created=True):
            table, columns = model._meta.db_table, ["count(*)"]
            labels.append([(model._meta.label, "rows")])
            for field in model._meta.concrete_fields:
                counted = {
                    models.DateTimeField: f'count("{field.column}")',
                    models.BooleanField: f'count(*) FILTER (WHERE "{field.column}")',
                    models.IntegerField: f'coalesce(sum("{field.column}"), 0)',
                }
                for kind, sql in counted.items():
                    # Ids are given out again by nobody: a crash leaves a gap in them.
                    if isinstance(field, kind) and not field.primary_key and field.column != "id":
                        columns.append(sql)
                        labels[-1].append((model._meta.label, field.column))
                for value, _name in field.choices or () if isinstance(field, models.CharField) else ():
                    columns.append(f"count(*) FILTER (WHERE \"{field.column}\" = '{value}')")
                    labels[-1].append((model._meta.label, field.column, str(value)))
            parts.append(f'SELECT {len(parts)}, ARRAY[{", ".join(columns)}]::numeric[] FROM "{table}"')
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts))
        for number, values in cursor.fetchall():
            found.update({key: int(value) for key, value in zip(labels[number], values, strict=True)})
    return found


def change(since: Counter[tuple[str, ...]]) -> dict[tuple[str, ...], int]:
    """What is different by now."""
    now = ledger()
    return {key: now[key] - since[key] for key in now if now[key] != since[key]}


def under_a_key(task: Task) -> Callable[[], Answer]:
    """The call as every face makes it: a retry under the same key has no second effect."""
    attempt = Attempt("test", str(uuid4()), "the same")
    if task.once is not None:
        return partial(task.once, attempt=attempt)

    def action() -> Answer:
        made = task.call()
        return Answer(200, {"id": made.pk if isinstance(made, models.Model) else made})

    return partial(run_once, attempt=attempt, action=action)


def as_it_is(task: Task) -> Callable[[], Any]:
    """The call as a worker makes it."""
    return task.call


def crashed(call: Callable[[], Any], point: int, how: str) -> CrashPoint:
    """Calls what crashes at a point; losing the connection has to end in `Busy` or the database's own error."""
    with crash_at(point, how) as crash:
        try:
            call()
        except Crash:
            pass
        except (Busy, DatabaseError, InterfaceError):
            assert how == LOST
    return crash


def points_of(prepare: Callable[[], Task], as_face: Callable[[Task], Callable[[], Any]]) -> tuple[int, dict[Any, int]]:
    """How many points a service passes, and what it changes when nothing happens to it."""
    task = prepare()
    call, before = as_face(task), ledger()
    with crash_at(0) as crash:
        call()
    whole = change(before)
    assert whole
    assert_invariants(task.coupon)
    return crash.passed, whole


def chosen(points: int, name: str) -> Iterator[tuple[int, str]]:
    every = [(point, how) for point in range(1, points + 1) for how in (DIES, LOST)]
    return iter(every if IS_LONG else random.Random(name).sample(every, SAMPLE))


def note(figures: Figures, what: str, crashes: int) -> None:
    """Adds the crashes of one service to those of the others, half of them deaths and half lost connections."""
    before = sum(figure.rounds for figure in figures.taken[-1:] if figure.what == what)
    figures.note(30, what, rounds=before + crashes, lost=0, doubled=0, beside="after the retry")


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_done_wholly_or_not_at_all(name: str, figures: Figures) -> None:
    prepare, crashes = SERVICES[name], 0
    points, whole = points_of(prepare, under_a_key)
    for point, how in chosen(points, name):
        task = prepare()
        call, before = under_a_key(task), ledger()
        # Which buckets are looked at is chance, and so is the number of points now and then.
        if not crashed(call, point, how).happened:
            continue
        crashes += 1
        left = change(before)
        assert left in ({}, whole) or (name == OPENS_BATCHES and not task.coupon.claims.exists()), (point, how)
        assert_invariants(task.coupon)
        call()
        assert change(before) == whole, (point, how)
        assert_invariants(task.coupon)
    note(figures, f"a crash at every point of {len(SERVICES)} services", crashes)
    assert crashes


@pytest.mark.parametrize("name", JOBS)
def test_a_job_is_finished_by_its_next_run(name: str, figures: Figures) -> None:
    """It is many transactions: what was committed stays, and the next run does the rest."""
    prepare, crashes = JOBS[name], 0
    points, whole = points_of(prepare, as_it_is)
    for point, how in chosen(points, name):
        task = prepare()
        before = ledger()
        if not crashed(task.call, point, how).happened:
            continue
        crashes += 1
        assert_invariants(task.coupon)
        task.call()
        assert change(before) == whole, (point, how)
        assert_invariants(task.coupon)
    note(figures, f"a crash at every point of {len(JOBS)} jobs", crashes)
    assert crashes


@pytest.mark.parametrize("how", [DIES, LOST])
def test_control_without_a_transaction_half_of_it_stays(how: str) -> None:
    coupon = factories.make_coupon(stock=5)

    def top_up_in_two_steps() -> None:
        Stock.objects.filter(coupon=coupon).update(reserve=7)
        Coupon.objects.filter(pk=coupon.pk).update(limit_per_shopper=7)

    before = ledger()
    assert crashed(top_up_in_two_steps, 2, how).happened
    assert change(before) == {("coupons.Stock", "reserve"): 7}


def test_an_answer_that_got_lost_is_given_again() -> None:
    """The last point lies behind the commit: the effect is there, and the retry hears of it."""
    points, _whole = points_of(SERVICES["claim, one row"], under_a_key)
    task = SERVICES["claim, one row"]()
    call = under_a_key(task)
    assert crashed(call, points, DIES).happened
    (claim,) = task.coupon.claims.all()
    answer = call()
    assert (answer.replayed, answer.body) == (True, {"id": str(claim.public_id)})
    assert task.coupon.claims.count() == 1
