"""The gates of hot coupons: entered and asked in tests."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from config.kernel.breaker import CircuitBreaker
from config.kernel.clock import shop_date
from config.kernel.errors import DomainError
from coupons.enums import ClaimChannel
from coupons.gate import Entry, Gate, Word
from coupons.gate import connection as gate_connection
from coupons.gate import gate as gate_module
from coupons.models import Claim, Coupon
from coupons.services.claims import claim_create
from tests import factories
from tests.factories import NOW
from users.models import User

WORD = Word(
    is_plain=True,
    opens_at=NOW - timedelta(hours=1),
    is_sold_out=False,
    limit=1,
    limit_on_day=None,
    limit_per_day=None,
)


def own_gate(monkeypatch: pytest.MonkeyPatch) -> None:
    """Gives a test its circuit breaker; a slow machine must not make a word old between two lines of it."""
    monkeypatch.setattr(gate_module, "FRESH_MILLISECONDS", 600_000)
    monkeypatch.setattr(gate_module, "RENEWED_AFTER_MILLISECONDS", 600_000)
    monkeypatch.setattr(gate_connection, "breaker", CircuitBreaker("gate"))


def hot_coupon(**fields: Any) -> Coupon:
    return factories.make_coupon(bucket_count=4, **fields)


def claim(coupon: Coupon, shopper: User | None = None, *, now: datetime = NOW) -> Claim:
    return claim_create(shopper=shopper or factories.make_shopper(), coupon=coupon, channel=ClaimChannel.WEB, now=now)


def refusal_of(call: Callable[[], object]) -> tuple[DomainError, int]:
    """Returns what a call was refused with, and how often it asked the database."""
    with CaptureQueriesContext(connection) as queries, pytest.raises(DomainError) as refused:
        call()
    return refused.value, len(queries)


def enter(coupon: Coupon, shopper: User, *, now: datetime = NOW) -> Entry:
    return Gate(coupon.public_id).enter(shopper=shopper.pk, now=now, day=shop_date(now))


def as_fields(word: Word) -> dict[str, Any]:
    return {name: getattr(word, name) for name in Word.__slots__}
