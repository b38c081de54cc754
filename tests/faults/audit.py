"""What is true of a sale when it is over."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

from django.db import connection

from coupons.models import Claim, Coupon, Stock
from tests.faults.crowd import Crowd
from tests.figures import Figures
from tests.invariants import assert_invariants


@dataclass
class Audit:
    """What is wrong with the sales of several rounds, counted; and how long each took to go on after its fault.

    Attributes:
        oversold: claims beyond what was released.
        unsold: units left although more shoppers came than there were units.
        lost: acknowledged claims that are not there.
        doubled: claims that nobody heard of, and retries that got another answer than the first.
        broken: answers that no fault excuses.
    """

    rounds: int = 0
    acknowledged: int = 0
    oversold: int = 0
    unsold: int = 0
    lost: int = 0
    doubled: int = 0
    broken: list[str] = field(default_factory=list)
    again: list[float] = field(default_factory=list)
    slowest: float = 0.0

    def take(self, coupon: Coupon, crowd: Crowd, *, moments: Sequence[float]) -> Self:
        """Looks at one sale that is over.

        Args:
            moments: when a fault happened, on the monotonic clock.
        """
        # The one that this thread has may have been cut by the fault.
        connection.close()
        different = crowd.replay()
        stock = Stock.objects.get(coupon=coupon)
        claims = {
            str(public_id) for public_id in Claim.objects.filter(coupon=coupon).values_list("public_id", flat=True)
        }
        acknowledged = list(crowd.won.values())
        self.rounds += 1
        self.acknowledged += len(acknowledged)
        self.oversold += max(0, len(claims) - stock.released)
        self.unsold += stock.remaining() or 0
        self.lost += len(set(acknowledged) - claims)
        self.doubled += len(claims - set(acknowledged)) + len(acknowledged) - len(set(acknowledged)) + different
        self.broken += crowd.broken
        self.again += [crowd.serving_again(moment) for moment in moments]
        self.slowest = max(self.slowest, crowd.slowest)
        assert_invariants(coupon)
        return self

    def note(self, figures: Figures, number: int, what: str, *, beside: str = "") -> None:
        """Notes a line in the table of the long forms."""
        figures.note(
            number,
            what,
            rounds=self.rounds,
            acknowledged=self.acknowledged,
            oversold=self.oversold,
            unsold=self.unsold,
            lost=self.lost,
            doubled=self.doubled,
            again=self.again,
            beside=beside or f"slowest answer {self.slowest:.1f} s",
        )

    def assert_clean(self, *, within: float) -> None:
        """Asserts that nothing is wrong, and that each sale went on within so many seconds of its fault."""
        wrong = {name: getattr(self, name) for name in ("oversold", "unsold", "lost", "doubled")}
        assert wrong == dict.fromkeys(wrong, 0), wrong
        assert self.broken == []
        assert max(self.again, default=0.0) < within
