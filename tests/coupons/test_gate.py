"""The gate: it refuses what the database would refuse, in the same words, and nothing else."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as project_settings
from django.db import transaction
from django_redis import get_redis_connection
from pytest_django import Settings
from redis.crc import key_slot
from rest_framework.test import APIClient

from config.kernel.errors import Busy, DomainError
from coupons.enums import ClaimChannel
from coupons.errors import ClaimInFlight, Ended, LimitReached, NotEligible, NotStarted, SoldOut
from coupons.gate import Gate, Word
from coupons.gate import connection as gate_connection
from coupons.gate import gate as gate_module
from coupons.models import Coupon
from coupons.selectors.shelf import shelf
from coupons.services import gate as gate_service
from coupons.services import stock as stock_service
from coupons.services.claims import claim_create_by_code
from coupons.services.gate_reconciling import Drift, reconcile_gates
from coupons.services.stock import stock_top_up
from tests import factories
from tests.api.calls import assert_problem, post
from tests.coupons.gates import WORD, as_fields, claim, enter, hot_coupon, own_gate, refusal_of
from tests.factories import NOW
from users.models import User

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(not project_settings.REDIS_URL, reason="needs Redis"),
]


@pytest.fixture(autouse=True)
def _gate_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    own_gate(monkeypatch)


@pytest.fixture
def redis() -> Any:
    return get_redis_connection("default")


class TestRefusing:
    """The first refusal is the database's and teaches the gate; the second is the gate's own."""

    def assert_the_gate_answers_like_the_database(
        self, coupon: Coupon, shopper: User, refused: type[DomainError], **data: Any
    ) -> None:
        first, asked = refusal_of(lambda: claim(coupon, shopper))
        assert asked > 0
        second, asked_again = refusal_of(lambda: claim(coupon, shopper))
        assert asked_again == 0
        assert (type(second), second.data) == (type(first), first.data) == (refused, data or first.data)

    def test_not_open_yet(self, shopper: User) -> None:
        opens_at = NOW + timedelta(microseconds=1)
        coupon = hot_coupon(claim_starts_at=opens_at)
        self.assert_the_gate_answers_like_the_database(coupon, shopper, NotStarted, starts_at=opens_at)
        # The moment counts, not what was said before.
        assert claim(coupon, shopper, now=opens_at)

    def test_sold_out(self, shopper: User) -> None:
        coupon = hot_coupon(stock=1)
        claim(coupon)
        self.assert_the_gate_answers_like_the_database(coupon, shopper, SoldOut)

    def test_sold_out_comes_before_the_limit_as_in_the_database(self, shopper: User) -> None:
        coupon = hot_coupon(stock=1)
        claim(coupon, shopper)
        self.assert_the_gate_answers_like_the_database(coupon, factories.make_shopper(), SoldOut)
        refused, asked = refusal_of(lambda: claim(coupon, shopper))
        assert isinstance(refused, SoldOut)
        assert asked == 0

    def test_the_limit_of_a_shopper(self, shopper: User) -> None:
        coupon = hot_coupon(limit_per_shopper=2)
        claim(coupon, shopper)
        claim(coupon, shopper)
        refused, asked = refusal_of(lambda: claim(coupon, shopper))
        assert asked == 0
        assert (type(refused), refused.data) == (LimitReached, {"limit": 2, "scope": "shopper"})

    def test_the_limit_of_a_shopper_who_used_a_code(self, shopper: User) -> None:
        coupon = hot_coupon()
        factories.make_code(coupon=coupon, text="WELCOME2026")
        claim(coupon)
        claim_create_by_code(shopper=shopper, text="WELCOME2026", channel=ClaimChannel.CODE, now=NOW)
        assert refusal_of(lambda: claim(coupon, shopper))[1] == 0

    def test_the_daily_limit_of_a_shopper(self, shopper: User) -> None:
        coupon = hot_coupon(limit_per_shopper=5, limit_per_shopper_per_day=1)
        claim(coupon, shopper)
        self.assert_the_gate_answers_like_the_database(coupon, shopper, LimitReached)
        assert claim(coupon, shopper, now=NOW + timedelta(days=1))

    def test_the_daily_limit_of_all(self, shopper: User) -> None:
        coupon = hot_coupon(limit_per_day=1)
        claim(coupon)
        self.assert_the_gate_answers_like_the_database(coupon, shopper, LimitReached)
        assert claim(coupon, shopper, now=NOW + timedelta(days=1))

    def test_who_can_be_refused_for_other_reasons_hears_them_from_the_database(self, shopper: User) -> None:
        coupon = hot_coupon(stock=1, audience="tagged", audience_tag="vip")
        sold_out = Gate(coupon.public_id)
        for _try in range(2):
            refused, asked = refusal_of(lambda: claim(coupon, shopper))
            assert isinstance(refused, NotEligible)
            assert asked > 0
        assert not sold_out.says_sold_out()

    def test_a_closed_account_hears_so(self) -> None:
        coupon = hot_coupon(stock=1)
        claim(coupon)
        refusal_of(lambda: claim(coupon))
        closed = factories.make_shopper(is_active=False)
        assert isinstance(refusal_of(lambda: claim(coupon, closed))[0], NotEligible)


class TestWords:
    """A word counts while it is young and nobody changes the stock."""

    @pytest.mark.reliability(11)
    def test_an_old_word_lets_everybody_through(self, shopper: User, monkeypatch: pytest.MonkeyPatch) -> None:
        coupon = hot_coupon(stock=1)
        claim(coupon)
        refusal_of(lambda: claim(coupon, shopper))
        monkeypatch.setattr(gate_module, "FRESH_MILLISECONDS", 0)
        refused, asked = refusal_of(lambda: claim(coupon, shopper))
        assert isinstance(refused, SoldOut)
        assert asked > 0

    def test_one_caller_renews_it_while_the_others_rely_on_it(
        self, redis: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        coupon = hot_coupon()
        gate = Gate(coupon.public_id)
        gate.confirm(Word(**{**as_fields(WORD), "is_sold_out": True}), epoch=gate.epoch())
        monkeypatch.setattr(gate_module, "RENEWED_AFTER_MILLISECONDS", 300_000)
        redis.hincrby(gate._word, "confirmed_at", -400_000)
        first, second = (enter(coupon, factories.make_shopper()) for _caller in range(2))
        assert (first.outcome, first.is_word_wanted) == ("enter", True)
        assert (second.outcome, second.is_word_wanted) == ("sold_out", False)

    @pytest.mark.reliability(11)
    def test_no_word_counts_from_before_a_change_of_stock(self) -> None:
        gate = Gate(hot_coupon().public_id)
        before = gate.epoch()
        assert gate.confirm(WORD, epoch=before)
        gate.stock_changes()
        during = gate.epoch()
        assert not gate.confirm(WORD, epoch=before)
        assert not gate.confirm(WORD, epoch=during)
        gate.stock_changed()
        assert not gate.confirm(WORD, epoch=during)
        assert gate.confirm(WORD, epoch=gate.epoch())

    @pytest.mark.reliability(11)
    def test_a_top_up_is_handed_out_at_once(self, shopper: User) -> None:
        coupon = self.sold_out_at_the_gate()
        stock_top_up(coupon=coupon, quantity=1, actor=None, now=NOW)
        assert claim(coupon, shopper)

    @pytest.mark.reliability(11)
    def test_nobody_hears_sold_out_while_a_top_up_is_being_committed(self, shopper: User) -> None:
        coupon = self.sold_out_at_the_gate()
        with transaction.atomic():
            stock_top_up(coupon=coupon, quantity=1, actor=None, now=NOW)
            assert enter(coupon, shopper).outcome == "enter"

    @pytest.mark.reliability(11)
    def test_a_gate_that_is_not_told_refuses_falsely(self, shopper: User, monkeypatch: pytest.MonkeyPatch) -> None:
        """Control: this is what telling it prevents, and the short life of a word limits."""
        coupon = self.sold_out_at_the_gate()
        monkeypatch.setattr(stock_service, "tell_gate_of_stock", lambda **_arguments: None)
        stock_top_up(coupon=coupon, quantity=1, actor=None, now=NOW)
        assert isinstance(refusal_of(lambda: claim(coupon, shopper))[0], SoldOut)

    def sold_out_at_the_gate(self) -> Coupon:
        coupon = hot_coupon(stock=1)
        claim(coupon)
        late = factories.make_shopper()
        refusal_of(lambda: claim(coupon, late))
        assert refusal_of(lambda: claim(coupon, late))[1] == 0
        return coupon


class TestPlaces:
    """Who is being served holds a place."""

    def test_places_and_claims_together_fill_the_limit(self, shopper: User, outsider: User) -> None:
        coupon = hot_coupon(limit_per_shopper=2)
        claim(coupon, shopper)
        held = enter(coupon, shopper)
        assert held.outcome == "enter"
        refused, asked = refusal_of(lambda: claim(coupon, shopper))
        assert asked == 0
        assert isinstance(refused, ClaimInFlight)
        assert 1 <= (refused.retry_after or 0) <= 5
        assert claim(coupon, outsider)
        Gate(coupon.public_id).leave(shopper=shopper.pk, token=held.token)
        assert claim(coupon, shopper)

    @pytest.mark.reliability(23)
    def test_the_place_of_a_crashed_worker_ends_by_itself(self, shopper: User, redis: Any) -> None:
        coupon = hot_coupon()
        claim(coupon)
        enter(coupon, shopper)
        places = Gate(coupon.public_id)._places_of(shopper.pk)
        assert 0 < redis.pttl(places) <= gate_module.PLACE_MILLISECONDS
        assert enter(coupon, shopper).outcome == "in_flight"
        redis.zincrby(places, -gate_module.PLACE_MILLISECONDS, redis.zrange(places, 0, 0)[0])
        assert enter(coupon, shopper).outcome == "enter"

    def test_a_claim_that_fails_gives_its_place_back_at_once(self, shopper: User, redis: Any) -> None:
        coupon = hot_coupon(usable_until=NOW - timedelta(days=1))
        assert isinstance(refusal_of(lambda: claim(coupon, shopper))[0], Ended)
        assert not redis.exists(Gate(coupon.public_id)._places_of(shopper.pk))

    def test_a_transaction_that_rolls_back_leaves_nothing_behind(self, shopper: User) -> None:
        coupon = hot_coupon()
        with transaction.atomic():
            claim(coupon, shopper)
            transaction.set_rollback(True)
        assert claim(coupon, shopper)


class TestBehindTheApi:
    def test_a_retry_gets_its_answer_though_the_gate_would_refuse_it(self, shopper_client: APIClient) -> None:
        body = {"coupon": str(hot_coupon(stock=1).public_id)}
        first = post(shopper_client, "claims", body, key="once")
        assert first.status_code == 201
        for _try in range(2):
            assert post(shopper_client, "claims", body, key="other").json()["code"] in {"sold_out", "limit_reached"}
        again = post(shopper_client, "claims", body, key="once")
        assert (again.status_code, again.json()) == (201, first.json())

    def test_who_is_being_served_hears_when_to_come_back(self, shopper: User, shopper_client: APIClient) -> None:
        coupon = hot_coupon()
        claim(coupon)
        enter(coupon, shopper)
        answer = post(shopper_client, "claims", {"coupon": str(coupon.public_id)})
        assert_problem(answer, 409, "claim_in_flight")
        assert 1 <= int(answer["Retry-After"]) <= 5


class TestStanding:
    def test_a_cold_coupon_has_no_gate(self, shopper: User, redis: Any) -> None:
        claim(factories.make_coupon(), shopper)
        assert redis.keys("quan:gate:*") == []

    def test_scripts_are_loaded_again_where_redis_forgot_them(self, shopper: User, redis: Any) -> None:
        coupon = hot_coupon(stock=1)
        claim(coupon)
        redis.script_flush()
        refusal_of(lambda: claim(coupon, shopper))
        assert refusal_of(lambda: claim(coupon, shopper))[1] == 0

    def test_all_keys_of_a_coupon_lie_on_one_node_of_a_cluster(self, shopper: User, redis: Any) -> None:
        coupon = hot_coupon(limit_per_shopper=5, limit_per_shopper_per_day=1)
        claim(coupon, shopper)
        refusal_of(lambda: claim(coupon, shopper))
        enter(coupon, factories.make_shopper())
        keys = redis.keys("quan:gate:*")
        assert len(keys) == 4
        assert len({key_slot(key) for key in keys}) == 1
        assert all(redis.pttl(key) > 0 for key in keys)

    def test_without_redis_there_is_none(self, shopper: User, settings: Settings) -> None:
        settings.REDIS_URL = ""
        coupon = hot_coupon()
        assert claim(coupon, shopper)
        assert reconcile_gates(now=NOW) == Drift()


class TestTurns:
    """While Redis is away the database is asked by so many at a time."""

    @pytest.fixture(autouse=True)
    def _redis_is_away(self, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        # Nobody listens on this port.
        settings.REDIS_URL = "redis://127.0.0.1:1/0"
        settings.CLAIMS_WITHOUT_GATE = 2
        monkeypatch.setattr(gate_service, "TURN_SECONDS", 0)

    def test_claims_go_on(self) -> None:
        coupon = hot_coupon(stock=5)
        for _claim in range(5):
            claim(coupon)
        assert gate_connection.breaker.is_open
        assert isinstance(refusal_of(lambda: claim(coupon))[0], SoldOut)

    def test_who_finds_no_turn_is_told_when_to_come_back(self) -> None:
        coupon, shopper = hot_coupon(), factories.make_shopper()
        shelf.get(coupon.public_id)
        with gate_service.turn_without_gate(), gate_service.turn_without_gate():
            refused, asked = refusal_of(lambda: claim(coupon, shopper))
        assert isinstance(refused, Busy)
        assert (refused.retry_after, asked) == (1, 0)
        assert claim(coupon, shopper)
