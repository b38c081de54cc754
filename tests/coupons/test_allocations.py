"""Allocations that decide nothing any more are cleared away, at a cost that does not grow with those in force."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import pytest
from django.db import connection

from coupons.models import Allocation, AllocationEdition, Coupon
from coupons.services import allocations
from coupons.services.allocations import allocations_clear_ended, allocations_replace
from tests import factories
from tests.factories import NOW
from users.models import User

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


@pytest.fixture
def coupon() -> Coupon:
    return factories.make_coupon()


def shoppers(count: int) -> list[User]:
    return User.objects.bulk_create(User(username=f"many-{at}", joined_at=NOW) for at in range(count))


def allocate(coupon: Coupon, crowd: Iterable[User], *, until: timedelta = DAY) -> None:
    allocations_replace(
        coupon_ids=[coupon.pk],
        rows=[(coupon.pk, shopper.pk, {}) for shopper in crowd],
        until=NOW + until,
        now=NOW + until - DAY,
    )


def leave_behind(coupon: Coupon, crowd: Iterable[User]) -> AllocationEdition:
    edition = AllocationEdition.objects.create(coupon=coupon, computed_at=NOW)
    rows = [(coupon.pk, shopper.pk, {}) for shopper in crowd]
    allocations._write({coupon.pk: edition.pk}, rows, NOW + DAY, NOW)
    return edition


def rows_read() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'coupons_allocation'"
        )
        return int(cursor.fetchone()[0])


class TestHidden:
    @pytest.mark.parametrize("chunk_rows", [1, 2, 5, 1000])
    def test_all_of_them_go_and_nothing_else(
        self, coupon: Coupon, monkeypatch: pytest.MonkeyPatch, chunk_rows: int
    ) -> None:
        monkeypatch.setattr(allocations, "CHUNK_ROWS", chunk_rows)
        crowd, other = shoppers(5), factories.make_coupon()
        allocate(coupon, crowd[:3])
        for _ in range(2):
            leave_behind(coupon, crowd)
        running = leave_behind(other, crowd)
        allocations._delete_others([coupon.pk])
        assert Allocation.objects.in_force().count() == 3
        assert Allocation.objects.exclude(edition__is_in_force=True).count() == running.allocations.count() == 5
        assert AllocationEdition.objects.count() == 2

    @pytest.mark.skipif(connection.vendor != "postgresql", reason="other databases do not count what they read")
    def test_clearing_reads_each_row_a_few_times_however_many_are_in_force(
        self, coupon: Coupon, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(allocations, "CHUNK_ROWS", 10)
        crowd = shoppers(100)
        allocate(coupon, crowd)
        leave_behind(coupon, crowd)
        with connection.cursor() as cursor:
            # As in a table of millions.
            cursor.execute("SET LOCAL enable_seqscan = off")
        before = rows_read()
        allocations._delete_others([coupon.pk])
        assert Allocation.objects.count() == len(crowd)
        assert 0 < rows_read() - before <= 5 * len(crowd)

        # Control: by the primary key, every chunk passes all that is in force.
        leave_behind(coupon, crowd)
        hidden = Allocation.objects.exclude(edition__is_in_force=True).order_by("pk")
        before = rows_read()
        while chunk := list(hidden.values_list("pk", flat=True)[:10]):
            Allocation.objects.filter(pk__in=chunk).delete()
        assert rows_read() - before > 10 * len(crowd)


class TestEnded:
    @pytest.mark.parametrize(
        ("ended_ago", "stays"),
        [(-DAY, True), (timedelta(), True), (DAY, True), (DAY + timedelta(seconds=1), False), (30 * DAY, False)],
    )
    def test_goes_a_day_after_its_end(self, coupon: Coupon, ended_ago: timedelta, stays: bool) -> None:
        allocate(coupon, shoppers(3), until=-ended_ago)
        assert allocations_clear_ended(now=NOW) == (not stays)
        assert Allocation.objects.count() == 3 * stays
        assert AllocationEdition.objects.count() == stays

    def test_others_stay(self, coupon: Coupon) -> None:
        crowd = shoppers(3)
        allocate(factories.make_coupon(), crowd[:2])
        allocate(coupon, crowd, until=-3 * DAY)
        assert allocations_clear_ended(now=NOW) == 1
        assert Allocation.objects.active(NOW).count() == Allocation.objects.count() == 2
