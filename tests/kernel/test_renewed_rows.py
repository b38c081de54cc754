"""Rows renewed by COPY and one statement are what the ORM would have left."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from campaigns.models import ContactPlan
from config.kernel.bulk import Shared, renew_rows
from tests import factories
from users.models import User

NOW = factories.NOW
FIELDS = ("shopper_id", "hour", "channel", "trigger_score", "is_triggered", "reasons", "computed_at")

pytestmark = pytest.mark.django_db


def renew(*rows: tuple[Any, ...]) -> int:
    with transaction.atomic():
        return renew_rows(ContactPlan, FIELDS, rows, key=["shopper_id"])


def plans() -> list[tuple[Any, ...]]:
    return list(ContactPlan.objects.order_by("pk").values_list(*FIELDS))


def test_new_rows_are_written_and_old_ones_renewed(shopper: User, outsider: User) -> None:
    hard = {"text": 'a\t"b"\\n\n券', "numbers": [1, 0.1, None]}
    first = (shopper.pk, 9, "email", 0.25, False, {}, NOW)
    second = (shopper.pk, 10, "in_app", 1 / 3, True, hard, NOW + timedelta(microseconds=1))
    third = (outsider.pk, 23, "email", 1e-300, False, {}, NOW)

    assert renew(first) == 1
    assert renew(third, second) == 2
    assert plans() == sorted([second, third])


def test_rows_that_are_not_named_stay(shopper: User, outsider: User) -> None:
    kept = (outsider.pk, 9, "email", 0.25, False, {}, NOW)
    renew((*kept[:-1], Shared(NOW)))
    renew((shopper.pk, 1, "email", 0.0, False, {}, NOW))

    assert kept in plans()


def test_nothing_is_nothing(shopper: User) -> None:
    assert renew() == 0


def test_a_constraint_holds_and_leaves_all_as_it_was(shopper: User, outsider: User) -> None:
    kept = (shopper.pk, 9, "email", 0.25, False, {}, NOW)
    renew(kept)
    with pytest.raises(IntegrityError):
        renew((shopper.pk, 10, "email", 0.0, False, {}, NOW), (outsider.pk, 24, "email", 0.0, False, {}, NOW))

    assert plans() == [kept]
    # What was half done is out of the way of the next.
    assert renew((shopper.pk, 11, "email", 0.0, False, {}, NOW)) == 1
