"""Features are what a person with the receipts and a calendar would count, and know nothing of the future."""

from __future__ import annotations

from datetime import datetime, timedelta

import numpy as np
import pytest

from analytics.enums import WindowEnd
from analytics.selectors.features import COLUMNS, Chunk, buyer_features, feature_chunks
from analytics.selectors.windows import Window, learning_window
from tests import factories
from tests.analytics.builders import make_claim_at, make_order, make_population, make_purchase, make_redemption
from users.enums import BehaviourKind, TagSource
from users.models import Tag, User

pytestmark = pytest.mark.django_db

AS_OF = factories.NOW
DAY = timedelta(days=1)
INSTANT = timedelta(microseconds=1)
WINDOW = Window(start=AS_OF - 365 * DAY, end=AS_OF, ends_with=WindowEnd.GIVEN)


def read_features(window: Window = WINDOW, *, chunk_rows: int = 20_000) -> list[Chunk]:
    with buyer_features(window):
        return list(feature_chunks(chunk_rows=chunk_rows))


def features_of(shopper: User) -> dict[str, float]:
    for chunk in read_features():
        for shopper_id, values in zip(chunk.shopper_ids, chunk.values, strict=True):
            if shopper_id == shopper.pk:
                return dict(zip(COLUMNS, values.tolist(), strict=True))
    raise AssertionError("this shopper has no features")


def test_features_by_hand(shopper: User) -> None:
    coupon = factories.make_coupon(stock=None)
    # Two purchases in the newest week, one in the week before, one 100 days ago.
    for days, value in ((2, 50_00), (6.5, 30_00), (8, 20_00), (100, 100_00)):
        make_purchase(shopper, AS_OF - days * DAY, value=value)
    order = make_order(shopper, AS_OF - 2 * DAY, subtotal=60_00, discount=10_00)
    claim = make_claim_at(shopper, coupon, AS_OF - 3 * DAY, order=order)
    make_redemption(claim, order, amount=10_00)
    make_claim_at(shopper, coupon, AS_OF - 3 * DAY)

    assert features_of(shopper) == {
        "recency_days": pytest.approx(2, abs=1e-6),
        "purchases": 4,
        "money": 200_00,
        "active_weeks": 3,
        "coupon_share": 25,
        "redemptions": 1,
        "claims": 2,
    }


def test_the_window_is_half_open(shopper: User) -> None:
    make_purchase(shopper, WINDOW.start, value=1)
    make_purchase(shopper, WINDOW.end - INSTANT, value=10)
    make_purchase(shopper, WINDOW.start - INSTANT, value=100)
    make_purchase(shopper, WINDOW.end, value=1000)

    assert features_of(shopper)["money"] == 11


def test_only_purchases_are_purchases(shopper: User) -> None:
    make_purchase(shopper, AS_OF - DAY)
    make_purchase(shopper, AS_OF - DAY, kind=BehaviourKind.CART)

    assert features_of(shopper)["purchases"] == 1


def test_a_refunded_order_takes_its_purchase_money_and_coupon_back(shopper: User) -> None:
    coupon = factories.make_coupon(stock=None)
    for days in (5, 6):
        make_purchase(shopper, AS_OF - days * DAY, value=90_00)
    order = make_order(shopper, AS_OF - 5 * DAY, subtotal=100_00, discount=10_00, refunded_at=AS_OF - 4 * DAY)
    make_redemption(make_claim_at(shopper, coupon, AS_OF - 6 * DAY), order, amount=10_00, refunded=10_00)

    found = features_of(shopper)
    assert (found["purchases"], found["money"], found["coupon_share"], found["redemptions"]) == (1, 90_00, 0, 0)


def test_whoever_gave_everything_back_bought_nothing(shopper: User) -> None:
    make_purchase(shopper, AS_OF - 5 * DAY)
    make_order(shopper, AS_OF - 5 * DAY, refunded_at=AS_OF - DAY)

    assert read_features() == []


def test_staff_and_closed_accounts_are_left_out(marketer: User) -> None:
    closed = factories.make_shopper(is_active=False)
    for person in (marketer, closed):
        make_purchase(person, AS_OF - DAY)

    assert read_features() == []


def test_a_purchase_without_a_value_counts_without_money(shopper: User) -> None:
    make_purchase(shopper, AS_OF - DAY, value=None)

    assert features_of(shopper)["money"] == 0


def test_chunks_together_are_everybody_once_in_order() -> None:
    shoppers = make_population(AS_OF, each=5)
    chunks = read_features(chunk_rows=7)

    assert [len(chunk.shopper_ids) for chunk in chunks] == [7, 7, 6]
    assert np.concatenate([chunk.shopper_ids for chunk in chunks]).tolist() == sorted(one.pk for one in shoppers)


def test_the_tag_of_the_last_run_comes_along(shopper: User, outsider: User) -> None:
    for person in (shopper, outsider):
        make_purchase(person, AS_OF - DAY)
    Tag.objects.create(shopper=shopper, name="segment:loyal", source=TagSource.SEGMENTATION, set_at=AS_OF)
    Tag.objects.create(shopper=shopper, name="vip", source=TagSource.MARKETER, set_at=AS_OF)

    assert read_features()[0].earlier_tags == ("segment:loyal", "")


def change_the_future(shoppers: list[User]) -> None:
    """Everything that can happen at the cut-off or later, to everybody."""
    coupon = factories.make_coupon(stock=None, limit_per_shopper=1000)
    for shopper in shoppers:
        for later in (AS_OF, AS_OF + INSTANT, AS_OF + 40 * DAY):
            make_purchase(shopper, later, value=999_99)
            order = make_order(shopper, later, subtotal=999_99, discount=1_00)
            make_redemption(make_claim_at(shopper, coupon, later, order=order), order, amount=1_00)
        # An old order is refunded after the cut-off, and its coupon given back.
        order = shopper.orders.filter(placed_at__lt=AS_OF).order_by("placed_at").last()
        order.state, order.refunded, order.closed_at = "refunded", order.payable, AS_OF
        order.save(update_fields=["state", "refunded", "closed_at"])
        for redemption in order.redemptions.all():
            redemption.refunded = redemption.amount
            redemption.save(update_fields=["refunded"])
            redemption.claim.state, redemption.claim.order = "available", None
            redemption.claim.save(update_fields=["state", "order"])


def test_nothing_after_the_cut_off_leaks_in() -> None:
    shoppers = make_population(AS_OF, each=5)
    before = read_features()
    change_the_future(shoppers)
    after = read_features()

    assert len(before) == len(after) == 1
    np.testing.assert_array_equal(before[0].shopper_ids, after[0].shopper_ids)
    np.testing.assert_array_equal(before[0].values, after[0].values)


def test_the_leak_test_sees_a_leak() -> None:
    """Control: with the cut-off moved behind the changes, the features do move."""
    shoppers = make_population(AS_OF, each=5)
    late = Window(start=WINDOW.start, end=AS_OF + 60 * DAY, ends_with=WindowEnd.GIVEN)
    before = read_features(late)
    change_the_future(shoppers)

    assert (before[0].values != read_features(late)[0].values).any(axis=0).all()


class TestTheWindow:
    def window(self, now: datetime = AS_OF, as_of: datetime | None = None) -> Window:
        return learning_window(now=now, as_of=as_of, fewest_shoppers=2)

    def test_ends_now_while_the_shop_is_alive(self, shopper: User, outsider: User) -> None:
        for person in (shopper, outsider):
            make_purchase(person, AS_OF - 10 * DAY)

        assert self.window() == Window(AS_OF - 365 * DAY, AS_OF, WindowEnd.NOW)

    def test_ends_with_the_newest_event_when_that_is_long_ago(self, shopper: User) -> None:
        newest = make_purchase(shopper, AS_OF - 3000 * DAY)
        make_purchase(shopper, AS_OF - 3100 * DAY)

        window = self.window()
        assert window.ends_with == WindowEnd.NEWEST_EVENT
        assert window.end == newest.occurred_at + INSTANT

    def test_ends_with_history_while_only_a_few_have_bought_since(self, shopper: User) -> None:
        newest_of_old = make_purchase(shopper, AS_OF - 3000 * DAY)
        make_purchase(shopper, AS_OF - DAY)

        assert self.window().end == newest_of_old.occurred_at + INSTANT

    def test_ends_where_it_is_told_to(self, shopper: User) -> None:
        make_purchase(shopper, AS_OF - 3000 * DAY)
        asked = AS_OF - 10 * DAY

        assert self.window(as_of=asked) == Window(asked - 365 * DAY, asked, WindowEnd.GIVEN)

    def test_of_an_empty_shop_ends_now(self) -> None:
        assert self.window().ends_with == WindowEnd.NOW
