"""`manage.py grant_claims`."""

from __future__ import annotations

from io import StringIO

import pytest
from django.conf import settings as project_settings
from django.core.management import CommandError, call_command
from pytest_django import Settings

from config.kernel.breaker import CircuitBreaker
from coupons.gate import connection as gate_connection
from coupons.management.commands import grant_claims
from coupons.models import Claim
from tests import factories
from tests.coupons.queues import take

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(not project_settings.REDIS_URL, reason="needs Redis"),
]


class NoSignal:
    """Leaves the signals of the test run alone."""

    def is_set(self) -> bool:
        return False

    def wait(self, _timeout: float | None, /) -> bool:
        return False


@pytest.fixture(autouse=True)
def _no_signals(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grant_claims, "StopSignal", NoSignal)


def test_once_serves_all_queues_and_stops() -> None:
    for _coupon in range(2):
        coupon = factories.make_coupon(is_queued=True)
        for _shopper in range(3):
            take(coupon, factories.make_shopper())
    out = StringIO()
    call_command("grant_claims", "--once", "--batch", "2", stdout=out)
    assert out.getvalue() == "Served 6 places.\n"
    assert Claim.objects.count() == 6


def test_without_redis_it_says_so(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gate_connection, "breaker", CircuitBreaker("gate"))
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    with pytest.raises(CommandError, match="try again"):
        call_command("grant_claims", "--once", stdout=StringIO())
    settings.REDIS_URL = ""
    with pytest.raises(CommandError, match="no queues"):
        call_command("grant_claims", "--once", stdout=StringIO())


@pytest.mark.parametrize("batch", ["0", "-1", "1001"])
def test_a_batch_that_makes_no_sense_is_refused(batch: str) -> None:
    with pytest.raises(CommandError, match="--batch"):
        call_command("grant_claims", "--once", "--batch", batch, stdout=StringIO())
