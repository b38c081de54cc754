"""Leading shoppers to one of several coupons: the chance that is logged, and its link."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from django.db import IntegrityError, connection, transaction
from django.test import Client
from pytest_django.fixtures import Settings

from campaigns.errors import NothingToOffer
from campaigns.models import Decision, DecisionReward, VariantArm, VariantGroup, VariantShare
from campaigns.selectors.variant_figures import segment_shares
from campaigns.services.variants import variant_decide, variant_shares_publish
from config.kernel.append_only import AppendOnly
from coupons.models import Coupon
from tests import factories
from users.models import Tag, User

NOW = factories.NOW
DAY = timedelta(days=1)


def make_group(*shares: float | None, **fields: Any) -> VariantGroup:
    """A group of live coupons with these published shares."""
    group = VariantGroup.objects.create(**{"key": "welcome", "name": "Welcome", **fields})
    for share in shares:
        VariantArm.objects.create(group=group, coupon=factories.make_coupon(), share=share)
    return group


def led_to(group: VariantGroup, shopper: User) -> int:
    """The coupon that is drawn for a shopper; the decision is taken back."""
    with transaction.atomic():
        coupon_id = variant_decide(group=group, shopper=shopper, now=NOW).coupon_id
        transaction.set_rollback(True)
    return coupon_id


@pytest.mark.django_db
class TestDeciding:
    def test_keeps_the_published_shares_and_logs_them(self) -> None:
        # A fixed id, and ids of shoppers that follow from nothing else: the lots are the same in every run.
        group = make_group(0.2, 0.7, 0.1, public_id=UUID(int=7))
        shoppers = [factories.make_shopper(pk=10_000_000 + number) for number in range(300)]
        made = [variant_decide(group=group, shopper=shopper, now=NOW) for shopper in shoppers]

        shares = dict(group.arms.values_list("coupon_id", "share"))
        assert all(decision.propensity == pytest.approx(shares[decision.coupon_id]) for decision in made)
        found = Counter(decision.coupon_id for decision in made)
        for coupon_id, share in shares.items():
            assert found[coupon_id] / 300 == pytest.approx(share, abs=0.08)

    def test_is_the_same_all_day_and_drawn_anew_on_the_next(self) -> None:
        group, shoppers = make_group(0.5, 0.5), [factories.make_shopper() for _number in range(40)]
        first = [variant_decide(group=group, shopper=shopper, now=NOW).coupon_id for shopper in shoppers]
        variant_shares_publish(group=group, shares={}, by_segment={}, policy=3)
        again = [variant_decide(group=group, shopper=shopper, now=NOW) for shopper in shoppers]
        assert [decision.coupon_id for decision in again] == first
        assert Decision.objects.count() == 40

        tomorrow = [variant_decide(group=group, shopper=shopper, now=NOW + DAY) for shopper in shoppers]
        assert [decision.coupon_id for decision in tomorrow] != first
        assert {decision.policy for decision in tomorrow} == {3}

    @pytest.mark.parametrize(("secret", "stay"), [("BLIND_INDEX_KEY", True), ("SECRET_KEY", False)])
    def test_another_key_of_the_blind_index_leads_nobody_elsewhere(
        self, settings: Settings, secret: str, stay: bool
    ) -> None:
        group, shoppers = make_group(0.5, 0.5), [factories.make_shopper() for _number in range(40)]
        before = [led_to(group, shopper) for shopper in shoppers]
        setattr(settings, secret, "another" if secret == "SECRET_KEY" else b"another")
        # Control: with another secret of its own, other lots are drawn.
        assert ([led_to(group, shopper) for shopper in shoppers] == before) == stay

    def test_draws_among_what_can_be_claimed(self) -> None:
        group = make_group(0.6, 0.3, 0.1)
        largest, _middle, _smallest = group.arms.order_by("-share")
        Coupon.objects.filter(pk=largest.coupon_id).update(status="paused")
        made = [variant_decide(group=group, shopper=factories.make_shopper(), now=NOW) for _number in range(20)]

        assert largest.coupon_id not in {decision.coupon_id for decision in made}
        assert {round(decision.propensity, 6) for decision in made} <= {0.75, 0.25}

    @pytest.mark.parametrize(
        "fields", [{"stock": 0}, {"handout": "code"}, {"audience": "tagged", "audience_tag": "vip"}]
    )
    def test_leads_nobody_to_what_they_cannot_claim(self, shopper: User, fields: dict[str, Any]) -> None:
        group = make_group(0.01)
        VariantArm.objects.create(group=group, coupon=factories.make_coupon(**fields), share=0.99)

        decision = variant_decide(group=group, shopper=shopper, now=NOW)

        assert decision.propensity == 1

    def test_leads_nobody_to_what_is_over(self, shopper: User) -> None:
        group = make_group(None)
        decision = variant_decide(group=group, shopper=shopper, now=NOW)
        Coupon.objects.filter(pk=decision.coupon_id).update(status="ended")

        with pytest.raises(NothingToOffer):
            variant_decide(group=group, shopper=shopper, now=NOW)

    def test_gives_new_arms_the_mean_of_the_others(self) -> None:
        group = make_group(0.6, 0.4, None)
        shares = {
            decision.coupon_id: decision.propensity
            for decision in (
                variant_decide(group=group, shopper=factories.make_shopper(), now=NOW) for _number in range(60)
            )
        }

        new = group.arms.get(share=None).coupon_id
        assert shares[new] == pytest.approx(1 / 3)

    def test_draws_by_the_shares_of_the_shoppers_segment(self) -> None:
        group = make_group(0.5, 0.5)
        first, second = (arm.coupon_id for arm in group.arms.order_by("pk"))
        variant_shares_publish(
            group=group,
            shares={first: 0.9, second: 0.1},
            by_segment={"segment:loyal": {first: 0.0, second: 1.0}},
            policy=3,
        )
        loyal, lapsed, nobody = (factories.make_shopper() for _number in range(3))
        for shopper, name in ((loyal, "segment:loyal"), (lapsed, "segment:lapsed"), (nobody, "loyal")):
            Tag.objects.create(shopper=shopper, name=name, source="segmentation", set_at=NOW - DAY)
        made = [variant_decide(group=group, shopper=shopper, now=NOW) for shopper in (loyal, lapsed, nobody)]

        assert (made[0].coupon_id, made[0].propensity, made[0].segment) == (second, 1, "segment:loyal")
        assert [decision.segment for decision in made[1:]] == ["segment:lapsed", ""]
        assert {decision.propensity for decision in made[1:]} <= {0.9, 0.1}

    @pytest.mark.parametrize("fields", [{"expires_at": NOW}, {"source": "marketer"}])
    def test_takes_only_what_the_segmentation_says_now(self, shopper: User, fields: dict[str, Any]) -> None:
        Tag.objects.create(
            **{"shopper": shopper, "name": "segment:loyal", "source": "segmentation", "set_at": NOW - DAY, **fields}
        )

        assert variant_decide(group=make_group(1.0), shopper=shopper, now=NOW).segment == ""

    def test_published_anew_forgets_what_segments_had(self) -> None:
        group = make_group(0.5, 0.5)
        coupon_ids = list(group.arms.values_list("coupon_id", flat=True))
        shares = dict.fromkeys(coupon_ids, 0.5)
        variant_shares_publish(group=group, shares=shares, by_segment={"segment:loyal": shares}, policy=3)
        variant_shares_publish(group=group, shares=shares, by_segment={}, policy=4)

        assert not VariantShare.objects.exists()

    def test_shows_marketers_what_each_segment_gets(self) -> None:
        group = make_group(0.5, 0.5)
        first, second = (arm.coupon_id for arm in group.arms.order_by("pk"))
        shares = {first: 0.25, second: 0.75}
        variant_shares_publish(group=group, shares={}, by_segment={"segment:loyal": shares}, policy=3)
        VariantArm.objects.create(group=group, coupon=factories.make_coupon())

        assert segment_shares(group) == {"loyal": [0.25, 0.75, None]}

    @pytest.mark.parametrize("broken", ["off", "ended", "empty"])
    def test_of_a_group_without_offers_is_refused(self, broken: str) -> None:
        group = make_group(*(() if broken == "empty" else (0.5, 0.5)), is_active=broken != "off")
        if broken == "ended":
            Coupon.objects.update(status="ended")

        with pytest.raises(NothingToOffer):
            variant_decide(group=group, shopper=factories.make_shopper(), now=NOW)
        assert not Decision.objects.exists()


@pytest.mark.django_db
class TestTheLog:
    @pytest.fixture
    def decision(self) -> Decision:
        return variant_decide(group=make_group(1.0), shopper=factories.make_shopper(), now=NOW)

    def test_is_append_only(self, decision: Decision) -> None:
        decision.propensity = 0.1
        with pytest.raises(AppendOnly):
            decision.save()
        with pytest.raises(AppendOnly):
            Decision.objects.all().delete()

    @pytest.mark.parametrize(
        "statement", ["UPDATE campaigns_decision SET policy = 9", "DELETE FROM campaigns_decision"]
    )
    def test_cannot_be_changed_by_sql(self, decision: Decision, statement: str) -> None:
        with pytest.raises(IntegrityError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)

    @pytest.mark.parametrize("reward", [-0.1, 1.1])
    def test_refuses_rewards_that_are_none(self, decision: Decision, reward: float) -> None:
        with pytest.raises(IntegrityError), transaction.atomic():
            DecisionReward.objects.create(
                decision=decision, reward=reward, claimed=True, redeemed=False, measured_at=NOW
            )


@pytest.mark.django_db
class TestTheLink:
    def test_leads_to_the_coupon_that_was_drawn(self, client: Client) -> None:
        make_group(0.5, 0.5)
        client.force_login(factories.make_shopper())
        response = client.get("/offers/welcome/")

        decision = Decision.objects.get()
        assert response.status_code == 302
        assert response.headers["Location"] == decision.coupon.get_absolute_url()
        assert "no-store" in response.headers["Cache-Control"]
        assert client.get("/offers/welcome/").headers["Location"] == response.headers["Location"]

    def test_asks_strangers_to_sign_in(self, client: Client) -> None:
        make_group(0.5, 0.5)
        response = client.get("/offers/welcome/")

        assert response.status_code == 302
        assert "next=/offers/welcome/" in response.headers["Location"]
        assert not Decision.objects.exists()

    @pytest.mark.parametrize("path", ["/offers/nothing/", "/offers/welcome/"])
    def test_that_leads_nowhere_is_not_found(self, client: Client, path: str) -> None:
        make_group(0.5, 0.5, is_active=False)
        client.force_login(factories.make_shopper())

        assert client.get(path).status_code == 404

    def test_is_only_followed(self, client: Client) -> None:
        make_group(0.5, 0.5)
        client.force_login(factories.make_shopper())

        assert client.post("/offers/welcome/").status_code == 405
