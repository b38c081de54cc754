"""What response is learned from: counted by hand, the same for learning and scoring, and blind to the future."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
import pytest
from django.db import connection

from analytics.learners.response_features import CampaignFacts, campaign_features, coupon_features
from analytics.selectors.response import DECIDED_BEFORE, Offering, campaign_facts, offerings, recipients_of
from analytics.selectors.response_facts import response_facts
from campaigns.models import Campaign, CampaignRecipient
from coupons.models import ScopeEntry
from tests import factories
from tests.analytics.response_shop import (
    DAY,
    PRICE,
    Shop,
    coupons_of,
    make_mailing,
    make_orders,
    make_response_shop,
    use,
)
from users.models import User

NOW = factories.NOW
STARTS = NOW - 20 * DAY
AS_OF = STARTS - DECIDED_BEFORE
INSTANT = timedelta(microseconds=1)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _needs_postgresql() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("the facts are laid out by statements of PostgreSQL")


def facts_of(campaign: Campaign, shoppers: Sequence[User], *, with_answers: bool = True) -> CampaignFacts:
    (offering,) = offerings([campaign])
    every = [pk for each in offerings(Campaign.objects.all()) for pk in each.coupon_ids]
    with response_facts(until=NOW + 400 * DAY, coupon_ids=every):
        return campaign_facts(
            offering=offering, shopper_ids=[shopper.pk for shopper in shoppers], with_answers=with_answers
        )


class TestCounting:
    @pytest.fixture
    def shopper(self) -> User:
        return factories.make_shopper()

    def test_orders_are_counted_in_windows_before_the_eve_of_the_start(self, shopper: User) -> None:
        product = factories.make_product(price=PRICE)
        campaign = make_mailing([product], [shopper], starts_at=STARTS, key="one")
        make_orders(shopper, product, [AS_OF - 200 * DAY, AS_OF - 50 * DAY, AS_OF - 10 * DAY, AS_OF - INSTANT])
        make_orders(shopper, product, [AS_OF - 5 * DAY], discount=3_00)
        make_orders(shopper, product, [AS_OF, STARTS])
        facts = facts_of(campaign, [shopper])

        found = {name: facts.of_shopper(name)[0] for name in ("orders", "orders_month", "orders_quarter", "spend")}
        assert found == {"orders": 5, "orders_month": 3, "orders_quarter": 4, "spend": 5 * PRICE - 3_00}
        assert facts.of_shopper("with_coupon")[0] == 1
        assert facts.of_shopper("tenure")[0] == pytest.approx(200)
        assert facts.of_shopper("recency")[0] == pytest.approx(0, abs=1e-6)

    def test_a_pair_counts_what_the_coupon_covers(self, shopper: User) -> None:
        mine, other = factories.make_product(price=PRICE), factories.make_product(price=PRICE)
        campaign = make_mailing([mine, other], [shopper], starts_at=STARTS, key="one")
        make_orders(shopper, mine, [AS_OF - 100 * DAY, AS_OF - 3 * DAY])
        facts = facts_of(campaign, [shopper])

        assert facts.of_pair("orders")[0].tolist() == [2, 0]
        assert facts.of_pair("orders_quarter")[0].tolist() == [1, 0]
        assert facts.of_pair("spend")[0].tolist() == [2 * PRICE, 0]
        assert facts.of_pair("recency")[0, 0] == pytest.approx(3)
        assert np.isnan(facts.of_pair("recency")[0, 1])

    def test_a_pair_counts_what_is_of_the_same_type_under_any_name(self, shopper: User) -> None:
        mine, alike, other = (
            factories.make_product(price=PRICE, product_type=name) for name in ("Yogurt", " Yogurt", "Cheese")
        )
        untyped = factories.make_product(price=PRICE)
        beside = factories.make_product(price=PRICE, category=untyped.category)
        campaign = make_mailing([mine, other, untyped], [shopper], starts_at=STARTS, key="one")
        ScopeEntry.objects.create(coupon=coupons_of(campaign)[1], product=mine)
        make_orders(shopper, alike, [AS_OF - 100 * DAY, AS_OF - 3 * DAY])
        make_orders(shopper, beside, [AS_OF - 3 * DAY])
        facts = facts_of(campaign, [shopper])

        # Half of what the second covers is yogurt; what has no type counts by its shelf.
        assert facts.of_pair("type_orders")[0].tolist() == [2, 1, 1]
        assert facts.of_pair("type_spend")[0].tolist() == [2 * PRICE, PRICE, PRICE]
        assert facts.of_pair("orders")[0].tolist() == [0, 0, 0]

    def test_a_category_covers_what_lies_under_it_less_what_is_excluded(self, shopper: User) -> None:
        top = factories.make_category()
        below = factories.make_category(parent=top)
        kept, excluded = (factories.make_product(category=below, price=PRICE) for _ in range(2))
        campaign = make_mailing([kept], [shopper], starts_at=STARTS, key="one")
        (coupon,) = coupons_of(campaign)
        coupon.scope_entries.all().delete()
        ScopeEntry.objects.create(coupon=coupon, category=top)
        ScopeEntry.objects.create(coupon=coupon, product=excluded, mode="exclude")
        make_orders(shopper, kept, [AS_OF - DAY])
        make_orders(shopper, excluded, [AS_OF - DAY])

        assert facts_of(campaign, [shopper]).of_pair("orders")[0].tolist() == [1]

    def test_a_coupon_without_scope_covers_everything(self, shopper: User) -> None:
        product = factories.make_product(price=PRICE)
        campaign = make_mailing([product], [shopper], starts_at=STARTS, key="one")
        coupons_of(campaign)[0].scope_entries.all().delete()
        make_orders(shopper, product, [AS_OF - DAY, AS_OF - 2 * DAY])
        make_orders(shopper, factories.make_product(price=PRICE), [AS_OF - DAY])

        assert facts_of(campaign, [shopper]).of_pair("orders")[0].tolist() == [3]

    def test_earlier_campaigns_are_remembered_until_the_cut_off(self, shopper: User, outsider: User) -> None:
        product = factories.make_product(price=PRICE)
        people = [shopper, outsider]
        earlier = make_mailing([product], people, starts_at=STARTS - 100 * DAY, key="earlier")
        campaign = make_mailing([product], people, starts_at=STARTS, key="one")
        use(shopper, coupons_of(earlier)[0], product, AS_OF - 80 * DAY)
        use(outsider, coupons_of(earlier)[0], product, AS_OF)
        facts = facts_of(campaign, people)

        assert facts.of_shopper("received").tolist() == [1, 1]
        assert facts.of_shopper("answered").tolist() == [1, 0]
        assert facts.of_shopper("used").tolist() == [1, 0]
        assert facts.of_pair("kin_used").ravel().tolist() == [1, 0]

    def test_the_answer_is_a_use_while_the_campaign_runs(self, shopper: User, outsider: User) -> None:
        product = factories.make_product(price=PRICE)
        campaign = make_mailing([product], [shopper, outsider], starts_at=STARTS, key="one")
        use(shopper, coupons_of(campaign)[0], product, STARTS)
        use(outsider, coupons_of(campaign)[0], product, campaign.ends_at)

        answers = facts_of(campaign, [shopper, outsider]).answers
        assert answers is not None
        assert answers.ravel().tolist() == [True, False]

    def test_a_newcomer_has_zeros_and_finite_features(self, shopper: User) -> None:
        campaign = make_mailing([factories.make_product(price=PRICE)], [shopper], starts_at=STARTS, key="one")
        facts = facts_of(campaign, [shopper])

        assert facts.of_shopper("orders")[0] == 0
        for features in (campaign_features, coupon_features):
            names, matrix = features(facts)
            assert matrix.shape == (1, len(names))
            assert np.isfinite(matrix).all()

    def test_nobody_makes_no_rows(self) -> None:
        campaign = make_mailing([factories.make_product(price=PRICE)], [], starts_at=STARTS, key="one")

        assert coupon_features(facts_of(campaign, []))[1].shape[0] == 0


class TestOneDefinition:
    def test_chunks_and_answers_change_no_feature(self) -> None:
        shop = make_response_shop(NOW, each=4)
        campaign = shop.ended[-1]
        whole = coupon_features(facts_of(campaign, shop.shoppers))[1]
        halves = [
            coupon_features(facts_of(campaign, part, with_answers=False))[1]
            for part in (shop.shoppers[:7], shop.shoppers[7:])
        ]

        np.testing.assert_array_equal(whole, np.concatenate(halves))

    def test_recipients_are_who_was_addressed(self) -> None:
        shop = make_response_shop(NOW, each=2, mailings=1)
        (offering,) = offerings(shop.ended)

        assert recipients_of(offering).tolist() == sorted(shopper.pk for shopper in shop.shoppers)
        assert isinstance(offering, Offering)


def change_everything_after(moment_of: Campaign, shop: Shop) -> None:
    """Whatever can happen at the cut-off or later: orders, refunds of old ones, uses of old coupons, new campaigns."""
    as_of = moment_of.starts_at - DECIDED_BEFORE
    old = coupons_of(shop.ended[0])
    for number, shopper in enumerate(shop.shoppers):
        for later in (as_of, as_of + INSTANT, as_of + 3 * DAY):
            for product in shop.products:
                make_orders(shopper, product, [later] * (1 + number % 3), discount=1_00)
        use(shopper, old[number % len(old)], shop.products[number % len(old)], as_of)
        order = shopper.orders.filter(redeemed_at__lt=as_of).order_by("redeemed_at").last()
        if order is not None:
            order.state, order.refunded, order.closed_at = "refunded", order.payable, as_of
            order.save(update_fields=["state", "refunded", "closed_at"])
    other = make_mailing(shop.products, shop.shoppers[::2], starts_at=as_of, key="another")
    CampaignRecipient.objects.filter(campaign=other).update(addressed_at=as_of)


def test_nothing_after_the_cut_off_moves_a_feature() -> None:
    shop = make_response_shop(NOW, each=4)
    campaign = shop.ended[-1]
    before = facts_of(campaign, shop.shoppers, with_answers=False)
    change_everything_after(campaign, shop)
    after = facts_of(campaign, shop.shoppers, with_answers=False)

    for features in (campaign_features, coupon_features):
        np.testing.assert_array_equal(features(before)[1], features(after)[1])


def test_the_leak_test_sees_a_leak() -> None:
    """Control: the same changes before the cut-off of a later campaign move what is known of nearly everything."""
    shop = make_response_shop(NOW, each=4)
    later = make_mailing(shop.products, shop.shoppers, starts_at=NOW + 30 * DAY, key="later")
    before = coupon_features(facts_of(later, shop.shoppers, with_answers=False))
    change_everything_after(shop.ended[-1], shop)
    after = coupon_features(facts_of(later, shop.shoppers, with_answers=False))

    moved = {name for name, column in zip(before[0], (before[1] != after[1]).any(axis=0), strict=True) if column}
    assert {"orders_rate", "bought_orders", "coupon_share", "received", "used", "kin_used"} <= moved
