"""Gini by hand, rates of groups, and alarms that are told once."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta

import numpy as np
import pytest
from django.core import mail
from django.urls import reverse

from analytics import tasks
from analytics.enums import Dimension, FairnessRate
from analytics.models import FairnessSnapshot
from analytics.selectors.metrics import fairness
from analytics.selectors.metrics.fairness import GroupRates, alarm_of, groups, spread
from analytics.services.fairness import GINI, fairness_watch
from campaigns.enums import MessageTopic
from campaigns.models import Message
from campaigns.selectors.inbox import inbox_entries
from campaigns.services.sending import messages_send_due
from coupons.models import Coupon
from tests import factories
from tests.analytics.builders import make_claim_at, make_order
from tests.analytics.metrics.makers import IN_JUNE, in_june, use_coupon
from users.enums import TagSource
from users.models import Profile, Tag, User

pytestmark = pytest.mark.django_db


@pytest.fixture
def coupon() -> Coupon:
    return factories.make_coupon(stock=None, limit_per_shopper=9)


class TestSpread:
    def test_of_four_shoppers(self, coupon: Coupon) -> None:
        # 0, 0, 10 and 30 of 40: Gini 2 × (3 × 10 + 4 × 30) / (4 × 40) - 5 / 4 = .625.
        people = [factories.make_shopper() for _ in range(4)]
        make_order(people[0], in_june(2))
        make_claim_at(people[1], coupon, in_june(2))
        use_coupon(people[2], coupon, in_june(3))
        use_coupon(people[3], coupon, in_june(3), discount=20_00)
        use_coupon(people[3], coupon, in_june(4), discount=14_00, refunded=4_00)
        factories.make_shopper()
        found = spread(IN_JUNE)

        assert (found.shoppers, found.money, found.gini) == (4, 40_00, pytest.approx(0.625))
        assert found.tenths[:5] == pytest.approx((0, 0, 25, 75, 0))

    def test_of_equals_is_nought(self, coupon: Coupon) -> None:
        for _ in range(12):
            use_coupon(factories.make_shopper(), coupon, in_june(3))
        found = spread(IN_JUNE)

        assert found.gini == pytest.approx(0)
        assert sum(found.tenths) == pytest.approx(100)

    def test_of_no_money_is_not_known(self, coupon: Coupon, shopper: User) -> None:
        make_claim_at(shopper, coupon, in_june(2))

        assert (spread(IN_JUNE).gini, spread(IN_JUNE).shoppers) == (None, 1)


class TestGroups:
    def test_by_region_age_and_segment(self, coupon: Coupon) -> None:
        north, north_too, south, unknown = (factories.make_shopper() for _ in range(4))
        for shopper, region in ((north, "north"), (north_too, "north"), (south, "south")):
            Profile.objects.update_or_create(shopper=shopper, defaults={"region": region, "age_band": "25-34"})
            Tag.objects.create(shopper=shopper, name="segment:x", source=TagSource.SEGMENTATION, set_at=in_june(1))
        use_coupon(north, coupon, in_june(2))
        make_claim_at(north, coupon, in_june(3))
        make_claim_at(north_too, coupon, in_june(3))
        make_order(south, in_june(3))
        make_order(unknown, in_june(3))

        assert groups(IN_JUNE, Dimension.REGION) == [
            GroupRates("", shoppers=1, claimers=0, users=0, money=0),
            GroupRates("north", shoppers=2, claimers=2, users=1, money=10_00),
            GroupRates("south", shoppers=1, claimers=0, users=0, money=0),
        ]
        assert [(group.name, group.shoppers) for group in groups(IN_JUNE, Dimension.AGE_BAND)] == [
            ("", 1),
            ("25-34", 3),
        ]
        assert [(group.name, group.claimers) for group in groups(IN_JUNE, Dimension.SEGMENT)] == [
            ("", 0),
            ("segment:x", 2),
        ]


def rates(*parts: tuple[str, int, int]) -> list[GroupRates]:
    return [GroupRates(name, shoppers, claimers, 0, 0) for name, shoppers, claimers in parts]


class TestAlarms:
    def alarm(self, found: Iterable[GroupRates]):
        return alarm_of(list(found), Dimension.REGION, FairnessRate.CLAIM)

    def test_tell_of_the_lowest_and_the_highest(self) -> None:
        found = self.alarm(rates(("a", 200, 120), ("b", 200, 100), ("c", 200, 40)))

        assert found is not None
        assert (found.lowest, found.highest, found.ratio) == ("c", "a", pytest.approx(1 / 3))

    @pytest.mark.parametrize(
        "found",
        [
            rates(("a", 1000, 500), ("b", 1000, 401)),
            rates(("a", 40, 20), ("b", 40, 15)),
            rates(("a", 200, 120), ("b", 29, 0)),
            rates(("a", 200, 120), ("", 200, 0)),
            rates(("a", 200, 0), ("b", 200, 0)),
            rates(("a", 200, 10)),
            [],
        ],
        ids=["near enough", "may be chance", "too small", "unknown", "nothing", "alone", "empty"],
    )
    def test_stay_silent(self, found: list[GroupRates]) -> None:
        assert self.alarm(found) is None

    def test_a_small_group_does_not_hide_two_large_ones(self) -> None:
        found = self.alarm(rates(("a", 2000, 1000), ("b", 2000, 600), ("tiny", 30, 8)))

        assert found is not None
        assert (found.lowest, found.highest) == ("b", "a")

    def alarmed_shops(self, share: float) -> int:
        """Of 200 shops that treat 24 regions, 8 ages and 6 segments of all sizes alike, how many one look alarms."""
        random = np.random.default_rng(2026)
        alarmed = 0
        for _shop in range(200):
            found = []
            for dimension, many in zip(Dimension, (6, 24, 8), strict=True):
                sizes = random.integers(60, 400, size=many)
                claimers = random.binomial(sizes, share)
                users = random.binomial(claimers, share)
                shops = [
                    GroupRates(str(number), *map(int, parts), 0)
                    for number, parts in enumerate(zip(sizes, claimers, users, strict=True))
                ]
                found += [alarm_of(shops, dimension, rate) for rate in FairnessRate]
            alarmed += any(found)
        return alarmed

    @pytest.mark.parametrize("share", [0.15, 0.4, 0.8])
    def test_a_shop_that_treats_all_alike_is_hardly_ever_alarmed(self, share: float) -> None:
        assert self.alarmed_shops(share) <= 3

    def test_control_at_99_percent_a_pair_it_is_alarmed_nearly_every_night(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(fairness, "alarm_confidence", lambda _groups: 0.99)

        assert self.alarmed_shops(0.4) > 150


class TestTheWatch:
    NOW = in_june(20)

    @pytest.fixture
    def uneven(self, coupon: Coupon) -> None:
        """Everybody of the north claims, nobody of the south."""
        for number in range(80):
            shopper = factories.make_shopper()
            Profile.objects.update_or_create(shopper=shopper, defaults={"region": "south" if number % 2 else "north"})
            make_order(shopper, in_june(10))
            if not number % 2:
                make_claim_at(shopper, coupon, in_june(10))

    def test_keeps_a_snapshot_a_day_and_tells_operators_once(self, uneven: None, marketer: User) -> None:
        snapshot = fairness_watch(now=self.NOW)

        assert snapshot is not None
        assert [alarm["dimension"] for alarm in snapshot.alarms] == ["region"]
        assert snapshot.shoppers == 80
        assert fairness_watch(now=self.NOW) is None
        assert fairness_watch(now=self.NOW + timedelta(days=1)) is not None
        assert {(message.topic, message.shopper_id) for message in Message.objects.all()} == {
            (MessageTopic.FAIRNESS, marketer.pk)
        }
        assert Message.objects.filter(channel="in_app").count() == 1
        (entry,) = inbox_entries(shopper=marketer, now=self.NOW)
        assert (entry.url, "1" in entry.body) == (reverse("figures:fairness"), True)

    @pytest.mark.parametrize("language", ["en", "zh-hans"])
    def test_writes_a_letter_that_leads_to_the_page(self, uneven: None, language: str) -> None:
        operator = factories.make_marketer(language=language)
        fairness_watch(now=self.NOW)

        assert messages_send_due(now=self.NOW).sent == 1
        (letter,) = mail.outbox
        assert letter.to == [operator.email]
        assert reverse("figures:fairness") in letter.body
        assert reverse("figures:fairness") in str(letter.alternatives[0][0])

    def test_tells_of_gini(self, coupon: Coupon, marketer: User, settings: object) -> None:
        settings.FAIRNESS_HIGHEST_GINI_PERCENT = 50  # type: ignore[attr-defined]
        for _ in range(3):
            make_order(factories.make_shopper(), in_june(10))
        use_coupon(factories.make_shopper(), coupon, in_june(10))
        snapshot = fairness_watch(now=self.NOW)

        assert snapshot is not None
        assert [(alarm["dimension"], alarm["ratio"]) for alarm in snapshot.alarms] == [(GINI, 0.75)]

    def test_keeps_nothing_of_an_empty_shop(self) -> None:
        assert tasks.watch_fairness() == 0
        assert not FairnessSnapshot.objects.exists()
