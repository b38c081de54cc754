"""Migrations of tables that grow with every shopper keep nobody waiting."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, migrations, models
from django.db.migrations.state import ProjectState

from campaigns.models import Decision, Message
from config.kernel.checks_later import AddCheckFromNowOn, CheckTheRest
from tests.campaigns.makers import make_due_email
from tests.campaigns.test_variants import make_group
from tests.factories import NOW, make_shopper

pytestmark = pytest.mark.django_db
postgresql_only = pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite checks at once")


def sql_of(number: str) -> str:
    written = StringIO()
    call_command("sqlmigrate", "campaigns", number, stdout=written)
    return written.getvalue()


@postgresql_only
def test_the_check_of_topics_does_not_hold_the_messages_up() -> None:
    assert "NOT VALID" in sql_of("0005")
    # Another migration is another transaction.
    assert "VALIDATE CONSTRAINT" not in sql_of("0005")
    with connection.cursor() as cursor:
        cursor.execute("SELECT convalidated FROM pg_constraint WHERE conname = 'campaigns_message_topic'")
        assert cursor.fetchall() == [(True,)]


def test_it_holds_in_the_end() -> None:
    message = make_due_email()
    with pytest.raises(IntegrityError):
        Message.objects.filter(pk=message.pk).update(topic="gossip")


@postgresql_only
@pytest.mark.parametrize(
    ("operation", "is_refused"),
    [(AddCheckFromNowOn, False), (migrations.AddConstraint, True)],
    ids=["gently", "control"],
)
def test_a_check_that_old_rows_break_is_added_and_found_out_later(
    operation: type[migrations.AddConstraint], is_refused: bool
) -> None:
    make_due_email()
    with connection.cursor() as cursor:
        # Foreign keys of the new rows are looked at now: a table with such work to do cannot be altered.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    state = ProjectState.from_apps(Message._meta.apps)
    check = models.CheckConstraint(condition=models.Q(topic="low_stock"), name="campaigns_message_strict")

    def run(step: migrations.operations.base.Operation) -> None:
        nonlocal state
        after = state.clone()
        step.state_forwards("campaigns", after)
        with connection.schema_editor() as editor:
            step.database_forwards("campaigns", editor, state, after)
        state = after

    if is_refused:
        with pytest.raises(IntegrityError):
            run(operation("message", check))
        return
    run(operation("message", check))
    with pytest.raises(IntegrityError):
        run(CheckTheRest("message", "campaigns_message_strict"))


def test_processes_of_the_release_before_go_on_leading_shoppers() -> None:
    group, shopper = make_group(1.0), make_shopper()
    # What they write: the columns that they know of.
    row = {
        "group_id": group.pk,
        "shopper_id": shopper.pk,
        "coupon_id": group.arms.get().coupon_id,
        "propensity": 1.0,
        "policy": 0,
        "day": NOW.date(),
        "decided_at": NOW,
    }
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO campaigns_decision ({', '.join(row)}) VALUES ({', '.join(['%s'] * len(row))})",
            list(row.values()),
        )
    assert Decision.objects.get().segment == ""
