"""What every process counts of claims and gates."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import structlog
from prometheus_client import Counter

from config.kernel.counters import count
from config.kernel.errors import DomainError
from config.kernel.locks import is_busy
from coupons.enums import ClaimChannel

claims = Counter(
    "quan_claims",
    "Tries to claim, by channel and outcome: granted, queued, replayed, the code of the refusal, or error.",
    ["channel", "outcome"],
)
gate_answers = Counter("quan_gate_answers", "What the gates of hot coupons answered; away: nothing.", ["outcome"])

GATE_OUTCOMES = ("enter", "not_started", "sold_out", "shopper", "shopper_day", "day", "in_flight", "away")

for _channel in (ClaimChannel.WEB, ClaimChannel.API, ClaimChannel.CODE):
    for _outcome in ("granted", "queued", "replayed", "sold_out", "limit_reached", "busy", "error"):
        claims.labels(_channel.value, _outcome)
for _outcome in GATE_OUTCOMES:
    gate_answers.labels(_outcome)


@dataclass(slots=True)
class CountedTry:
    """One try to claim, and what came of it unless it is refused."""

    outcome: str = "granted"

    def answered(self, *, status: int, replayed: bool) -> None:
        """Notes how it was answered: a retry gets an old answer, a queued claim (202) only a place."""
        if replayed:
            self.outcome = "replayed"
        elif status == 202:
            self.outcome = "queued"


@contextmanager
def claim_counted(*, channel: ClaimChannel, coupon: Any = None) -> Iterator[CountedTry]:
    """Counts what came of one try to claim, and gives the line that the log has on this request its outcome.

    It stands around the idempotency of a face, so that what is counted as granted has been committed.

    Args:
        channel: by which a shopper asks.
        coupon: public id, for the log; None while only a code is known.
    """
    attempt = CountedTry()
    outcome = "error"
    try:
        yield attempt
        outcome = attempt.outcome
    except DomainError as refusal:
        outcome = refusal.code
        raise
    except Exception as error:
        if is_busy(error):
            outcome = "busy"
        raise
    finally:
        count(claims, channel.value, outcome)
        about = {"claim": outcome} if coupon is None else {"claim": outcome, "coupon": str(coupon)}
        # Part of the line that is written anyway when the request ends: a rush is not the time for more lines.
        structlog.contextvars.bind_contextvars(**about)
