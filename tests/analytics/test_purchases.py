"""Reading purchases: the same rows as a plain loop over orders and lines, however they are fetched."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from analytics.enums import WindowEnd
from analytics.selectors import purchases as selector
from analytics.selectors.columns import columns_of
from analytics.selectors.purchases import (
    SECONDS_A_DAY,
    Kinds,
    buyers_of,
    chunk_length,
    kinds_of,
    orders_of,
    purchase_chunks,
    purchases_read,
)
from analytics.selectors.windows import Window
from coupons.models import Order, OrderLine
from tests import factories
from tests.analytics.shopping import Shop, buy, make_shop
from tests.factories import NOW
from users.models import User

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)
WINDOW = Window(start=NOW - 365 * DAY, end=NOW, ends_with=WindowEnd.NOW)


@pytest.fixture
def shop() -> Shop:
    shop = make_shop(NOW, each=8, weeks=6)
    shopper, other, closed = shop.shoppers["dinner"][:3]
    # An order with the same type on two lines, one given back in time, one too late to count as given back.
    buy(shopper, [shop.products["Pasta"]] * 2, NOW - 3 * DAY - timedelta(microseconds=7))
    buy(shopper, [shop.products["Basil"]], NOW - 3 * DAY, refunded_at=NOW - DAY)
    buy(other, [shop.products["Honey"]], NOW - 3 * DAY, refunded_at=NOW)
    buy(other, [shop.products["Honey"]], NOW)
    User.objects.filter(pk=closed.pk).update(is_active=False)
    return shop


def plainly(kinds: Kinds) -> list[tuple[int, int, int, float]]:
    """Shopper, order, type, day: one query an order, one object a line."""
    place = {kind.key: number for number, kind in enumerate(kinds.kinds)}
    rows = set()
    for order in orders_of(WINDOW):
        for line in OrderLine.objects.filter(order=order).select_related("product"):
            assert order.redeemed_at is not None
            day = order.redeemed_at.timestamp() / SECONDS_A_DAY
            rows.add((order.shopper_id, order.pk, place[line.product.product_type], day))
    return sorted(rows)


class TestReading:
    def test_is_the_same_as_a_plain_loop(self, shop: Shop) -> None:
        kinds = kinds_of(WINDOW)
        buyers = buyers_of(WINDOW)
        read = [
            row
            for chunk in purchase_chunks(WINDOW, kinds, buyers, chunk_shoppers=3)
            for row in zip(
                chunk.shopper_ids[chunk.shopper].tolist(),
                chunk.order.tolist(),
                chunk.kind.tolist(),
                chunk.day.tolist(),
                strict=True,
            )
        ]
        assert sorted(read) == plainly(kinds)
        assert shop.shoppers["dinner"][2].pk not in buyers.tolist()

    def test_many_orders_are_asked_for_in_parts(self, shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        kinds, buyers = kinds_of(WINDOW), buyers_of(WINDOW)
        whole = purchases_read(WINDOW, kinds, buyers)
        monkeypatch.setattr(selector, "CHUNK_ORDERS", 7)
        parts = purchases_read(WINDOW, kinds, buyers)
        for name in ("shopper", "order", "kind", "day"):
            np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name))

    def test_nobody_and_somebody_without_orders(self, shop: Shop) -> None:
        newcomer = factories.make_shopper()
        kinds = kinds_of(WINDOW)
        for ids in ([], [newcomer.pk]):
            read = purchases_read(WINDOW, kinds, np.array(ids, dtype=np.int64))
            assert len(read.kind) == 0
            assert read.shopper_ids.tolist() == ids

    def test_a_product_that_came_since_has_no_type(self, shop: Shop) -> None:
        kinds = kinds_of(WINDOW)
        last = int(kinds.product_ids[-1])
        assert kinds.of_products(np.array([last, last + 1, 0])).tolist()[1:] == [-1, -1]
        buy(shop.shoppers["dinner"][0], [factories.make_product(product_type="Later")], NOW - DAY)
        assert purchases_read(WINDOW, kinds, buyers_of(WINDOW)).kind.max() < len(kinds)

    def test_a_chunk_is_smaller_where_there_are_more_types(self, shop: Shop) -> None:
        kinds = kinds_of(WINDOW)
        assert chunk_length(kinds) == selector.MOST_CHUNK_SHOPPERS


class TestColumns:
    def test_moments_are_exact_to_the_microsecond(self) -> None:
        at = datetime(1999, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
        for moment in (at, NOW + timedelta(microseconds=1)):
            order = buy(factories.make_shopper(), [factories.make_product()], moment)
            found = columns_of(
                Order.objects.filter(pk=order.pk).values_list("pk", "redeemed_at"), columns=2, moments=(1,)
            )
            assert found.tolist() == [[order.pk, round(moment.timestamp() * 1_000_000)]]

    def test_nothing_is_no_row(self) -> None:
        assert columns_of(Order.objects.values_list("pk", "shopper_id"), columns=2).shape == (0, 2)

    @pytest.mark.parametrize("column", ["closed_at", "channel"])
    def test_refuses_what_is_no_number(self, column: str) -> None:
        buy(factories.make_shopper(), [factories.make_product()], NOW)
        rows = Order.objects.values_list("pk", column)
        with pytest.raises((ValueError, TypeError)):
            columns_of(rows, columns=2)
