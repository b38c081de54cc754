"""The gate beside the database: what differs is found once, and repaired."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.conf import settings as project_settings
from django.core.management import call_command
from django_redis import get_redis_connection
from pytest_django import Settings

from config.kernel.clock import shop_date
from coupons.gate import Gate, Word
from coupons.models import Coupon, DailyClaimCount
from coupons.services.gate_reconciling import Drift, reconcile_gates
from coupons.tasks import reconcile_gates as reconcile_task
from tests import factories
from tests.coupons.gates import WORD, as_fields, claim, enter, hot_coupon, own_gate
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


class TestReconciling:
    @pytest.fixture
    def coupon(self) -> Coupon:
        """A hot coupon of which two shoppers have claimed."""
        coupon = hot_coupon(limit_per_shopper=9, limit_per_shopper_per_day=9, limit_per_day=9)
        for _shopper in range(2):
            claim(coupon)
        return coupon

    def test_nothing_is_wrong_after_ordinary_claims(self, coupon: Coupon) -> None:
        assert reconcile_gates(now=NOW) == Drift()

    @pytest.mark.reliability(23)
    def test_every_difference_is_found_once_and_repaired(self, coupon: Coupon, redis: Any) -> None:
        gate = Gate(coupon.public_id)
        one, other = (each.shopper_id for each in coupon.claims.order_by("pk"))
        stranger = factories.make_shopper().pk
        redis.hset(gate._holders, one, 7)
        redis.hset(gate._holders, stranger, 1)
        redis.hdel(gate._holders, other)
        gate.confirm(Word(**{**as_fields(WORD), "is_sold_out": True}), epoch=gate.epoch())
        gate.note_full(shopper=None, day=shop_date(NOW), limit=9)
        gate.note_full(shopper=one, day=shop_date(NOW), limit=9)
        assert reconcile_gates(now=NOW) == Drift(sold_out=1, too_many=2, too_few=1, full_days=2)
        assert reconcile_gates(now=NOW) == Drift()
        assert gate.known_claims([one, other, stranger]) == {one: 1, other: 1, stranger: 0}
        assert not gate.says_sold_out()

    def test_what_a_gate_knows_is_kept_as_long_as_the_coupon_is_open(self, coupon: Coupon, redis: Any) -> None:
        holders = Gate(coupon.public_id)._holders
        redis.pexpire(holders, 60_000)
        reconcile_gates(now=NOW)
        assert redis.pttl(holders) > 60_000

    def test_what_is_right_stays(self, coupon: Coupon) -> None:
        gate = Gate(coupon.public_id)
        DailyClaimCount.objects.filter(coupon=coupon).update(claimed=9)
        gate.note_full(shopper=None, day=shop_date(NOW), limit=9)
        assert reconcile_gates(now=NOW) == Drift()
        assert list(gate.full_days()) == [{None: (shop_date(NOW), 9)}]

    def test_a_day_that_is_over_is_forgotten_and_was_not_wrong(self, coupon: Coupon) -> None:
        gate = Gate(coupon.public_id)
        shopper = coupon.claims.earliest("pk").shopper_id
        gate.note_full(shopper=shopper, day=shop_date(NOW - timedelta(days=1)), limit=9)
        assert reconcile_gates(now=NOW) == Drift()
        assert list(gate.full_days()) == []

    def test_who_is_being_served_is_passed_over(self, coupon: Coupon, redis: Any) -> None:
        gate = Gate(coupon.public_id)
        served = User.objects.get(pk=coupon.claims.earliest("pk").shopper_id)
        redis.hdel(gate._holders, served.pk)
        held = enter(coupon, served)
        assert reconcile_gates(now=NOW) == Drift()
        gate.leave(shopper=served.pk, token=held.token)
        assert reconcile_gates(now=NOW) == Drift(too_few=1)

    @pytest.mark.reliability(26)
    def test_job_and_command_say_what_they_found(self, coupon: Coupon, redis: Any) -> None:
        gate = Gate(coupon.public_id)
        redis.delete(gate._holders)
        assert reconcile_task() == 2
        assert reconcile_task() == 0
        output = StringIO()
        call_command("reconcile_gate", stdout=output)
        assert output.getvalue().startswith("Repaired 0 differences")

    def test_while_redis_is_away_it_says_so_and_goes_on(self, coupon: Coupon, settings: Settings) -> None:
        settings.REDIS_URL = "redis://127.0.0.1:1/0"
        assert reconcile_gates(now=NOW) == Drift()
