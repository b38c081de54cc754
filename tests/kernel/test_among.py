"""A condition over many numbers as one value."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from config.kernel.among import Among
from coupons.models import OrderLine
from tests import factories
from tests.analytics.shopping import buy
from tests.factories import NOW
from users.models import User

pytestmark = pytest.mark.django_db


def test_says_the_same_as_in() -> None:
    shoppers = [factories.make_shopper() for _ in range(4)]
    ids = [shopper.pk for shopper in shoppers]
    for chosen in ([], ids[1:3], ids, [ids[0], 0, -1, 2**62]):
        assert set(User.objects.filter(Among("pk", chosen))) == set(User.objects.filter(pk__in=chosen))
        assert set(User.objects.exclude(Among("pk", chosen))) == set(User.objects.exclude(pk__in=chosen))


def test_follows_a_relation() -> None:
    order = buy(factories.make_shopper(), [factories.make_product()], NOW)
    buy(factories.make_shopper(), [factories.make_product()], NOW)
    assert OrderLine.objects.get(Among("order__shopper_id", [order.shopper_id])).order == order


def test_more_numbers_than_a_statement_takes_parameters() -> None:
    shopper = factories.make_shopper()
    with CaptureQueriesContext(connection):
        # PostgreSQL takes 65,535 parameters, SQLite 250,000.
        assert User.objects.filter(Among("pk", range(shopper.pk, shopper.pk + 300_000))).first() == shopper
