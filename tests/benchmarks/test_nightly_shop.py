"""The made-up shop of the nightly benchmark: consistent, the same every time, and enough for every job."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection
from django.db.models import F, Sum

from benchmarks.nightly.measures import measured
from benchmarks.nightly.names import BARE, JOBS
from benchmarks.nightly.process import measure_here
from benchmarks.nightly.shop import make_shop
from campaigns.models import CampaignRecipient, ContactPlan, CouponScore
from coupons.models import Allocation, Claim, Order, OrderLine, Redemption, StockBucket, StockForecast
from users.models import BehaviourEvent, User

SHOPPERS = 1_500

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _needs_postgresql() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("the shop is made by statements of PostgreSQL")


@pytest.fixture
def _shop() -> None:
    make_shop(shoppers=SHOPPERS)


def indexes() -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY indexname")
        return cursor.fetchall()


def test_it_adds_up_and_leaves_every_index() -> None:
    before = indexes()
    make_shop(shoppers=SHOPPERS)

    assert indexes() == before
    assert (User.objects.count(), BehaviourEvent.objects.count()) == (SHOPPERS, 20 * SHOPPERS)
    paid = Order.objects.aggregate(Sum("payable"), Sum("discount"), Sum("refunded"))
    assert OrderLine.objects.aggregate(Sum("payable"), Sum("discount"), Sum("refunded")) == paid
    assert Redemption.objects.aggregate(Sum("amount"))["amount__sum"] == paid["discount__sum"]
    assert not Redemption.objects.exclude(order__shopper=F("claim__shopper")).exists()
    assert not Redemption.objects.exclude(coupon=F("claim__coupon")).exists()
    assert not Order.objects.exclude(payable=F("subtotal") - F("discount")).exists()
    claimed = Claim.objects.filter(coupon__stock__is_unlimited=False).count()
    left = StockBucket.objects.aggregate(Sum("remaining"))["remaining__sum"]
    assert left + claimed == 12 * 2 * SHOPPERS


def test_the_same_shop_is_made_again() -> None:
    def made() -> list[Any]:
        make_shop(shoppers=200)
        lines = OrderLine.objects.order_by("order_id", "number").values_list("order_id", "product_id", "payable")
        return [list(lines), list(CampaignRecipient.objects.order_by("pk").values_list("campaign__key", "shopper_id"))]

    assert made() == made()


@pytest.mark.usefixtures("_shop")
def test_every_job_publishes_and_what_stands_beside_it_works() -> None:
    for job in JOBS:
        measured(job + BARE)()
        cost = measure_here(job)
        assert cost.seconds > 0

    for table in (CouponScore, ContactPlan, Allocation, StockForecast):
        assert table.objects.exists()
