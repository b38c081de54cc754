"""Ledgers refuse change: in Python, and in the database for whoever goes around Python."""

from __future__ import annotations

import pytest
from django.db import IntegrityError, connection, transaction

from config.kernel.append_only import AppendOnly
from coupons.models import ClaimEntry
from tests import factories

LEDGERS = (
    "analytics_modelpromotion",
    "campaigns_decision",
    "campaigns_decisionreward",
    "coupons_budgetentry",
    "coupons_claimentry",
    "coupons_redemptionentry",
    "coupons_refund",
    "coupons_refundline",
    "coupons_stockmovement",
    "users_behaviourevent",
)


@pytest.mark.django_db
class TestAClaimEntry:
    @pytest.fixture
    def entry(self) -> ClaimEntry:
        return factories.make_claim().entries.get()

    def test_cannot_be_saved_again(self, entry: ClaimEntry) -> None:
        entry.reason = "other"
        with pytest.raises(AppendOnly):
            entry.save(update_fields=["reason"])

    def test_cannot_be_deleted(self, entry: ClaimEntry) -> None:
        with pytest.raises(AppendOnly):
            entry.delete()

    def test_cannot_be_changed_in_bulk(self, entry: ClaimEntry) -> None:
        with pytest.raises(AppendOnly):
            ClaimEntry.objects.all().update(reason="other")
        with pytest.raises(AppendOnly):
            ClaimEntry.objects.all().delete()

    @pytest.mark.parametrize(
        "statement", ["UPDATE coupons_claimentry SET reason = 'x'", "DELETE FROM coupons_claimentry"]
    )
    def test_cannot_be_changed_by_sql(self, entry: ClaimEntry, statement: str) -> None:
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)


@pytest.mark.django_db
def test_every_ledger_has_its_trigger() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT tgrelid::regclass::text FROM pg_trigger WHERE tgname LIKE '%_append_only'")
        guarded = {name for (name,) in cursor.fetchall()}
    assert guarded == set(LEDGERS)
