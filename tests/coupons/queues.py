"""Places in the queue of a coupon: taken and served in tests."""

from __future__ import annotations

import pytest

from config.kernel.breaker import CircuitBreaker
from config.kernel.idempotency import Attempt
from coupons.gate import connection as gate_connection
from coupons.models import Coupon
from coupons.services.granting import batch_grant
from coupons.services.queueing import Ticket, queued_coupon, ticket_take
from users.models import User


def attempt_of(shopper: User, *, key: str = "once", fingerprint: str = "same") -> Attempt:
    """A shopper's request for a place; the same one when nothing else is said."""
    return Attempt.of(caller=f"user:{shopper.pk}", key=key, fingerprint=fingerprint)


def take(coupon: Coupon, shopper: User, *, key: str = "once", fingerprint: str = "same") -> Ticket:
    """Takes a place in the queue of a coupon, which must have one."""
    queued = queued_coupon(public_id=coupon.public_id)
    assert queued is not None
    attempt = attempt_of(shopper, key=key, fingerprint=fingerprint)
    ticket = ticket_take(coupon=queued, shopper=shopper, attempt=attempt)
    assert ticket is not None
    return ticket


def grant(coupon: Coupon, size: int = 500) -> int | None:
    """Serves one batch of the queue of a coupon."""
    return batch_grant(public_id=coupon.public_id, consumer="test", size=size)


def own_breaker(monkeypatch: pytest.MonkeyPatch) -> CircuitBreaker:
    """Gives a test a breaker before Redis that no other test has opened, and that is soon closed again."""
    made = CircuitBreaker("gate", rest=0.2)
    monkeypatch.setattr(gate_connection, "breaker", made)
    return made
