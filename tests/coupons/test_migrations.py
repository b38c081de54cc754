"""The migration that gives allocations their editions keeps no reader of the table waiting, forward and back."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.loader import MigrationLoader

from tests.factories import NOW, make_coupon, make_shopper

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite writes the whole table at every change"),
]
DAY = timedelta(days=1)
BEFORE = ("coupons", "0009_stock_forecast")
AFTER = ("coupons", "0010_allocation_editions_and_budgets_forecast")


def rows_touched() -> int:
    """How many allocations this transaction wrote again or passed on its way."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT n_tup_upd + n_tup_del + seq_tup_read FROM pg_stat_xact_user_tables"
            " WHERE relname = 'coupons_allocation'"
        )
        return int(cursor.fetchone()[0])


def test_it_rewrites_no_row_and_goes_back() -> None:
    coupon, shoppers = make_coupon(), [make_shopper() for _ in range(20)]
    loader = MigrationLoader(connection)
    migration = loader.graph.nodes[AFTER]
    before, after = loader.project_state(BEFORE), loader.project_state(AFTER)

    def set_aside(state: Any, **more: object) -> Any:
        allocations = state.apps.get_model("coupons", "Allocation").objects
        for shopper in shoppers:
            allocations.create(
                coupon_id=coupon.pk, shopper_id=shopper.pk, computed_at=NOW, until=NOW + DAY, explanation={}, **more
            )
        settle()
        return allocations

    def settle() -> None:
        # Checks of foreign keys that wait for the end of the transaction would stand in the way of a change.
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
            cursor.execute("SET CONSTRAINTS ALL DEFERRED")

    settle()
    with connection.schema_editor() as editor:
        migration.unapply(before.clone(), editor)
    old = set_aside(before)
    touched = rows_touched()
    with connection.schema_editor() as editor:
        migration.apply(before.clone(), editor)
    assert rows_touched() == touched

    edition = after.apps.get_model("coupons", "AllocationEdition").objects.create(
        coupon_id=coupon.pk, is_in_force=True, computed_at=NOW
    )
    new = set_aside(after, edition_id=edition.pk)
    assert new.count() == len(shoppers)
    # Control: what the figure counts.
    new.update(computed_at=NOW - DAY)
    assert rows_touched() > touched
    settle()
    with connection.schema_editor() as editor:
        migration.unapply(before.clone(), editor)
    assert not old.exists()
    with connection.schema_editor() as editor:
        migration.apply(before.clone(), editor)
