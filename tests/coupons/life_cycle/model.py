"""What a coupon, its claims and its orders are, in plain Python: the model beside which the platform is walked."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

SHOPPERS = 3
LIMIT, LIMIT_A_DAY, LIMIT_ALL_A_DAY = 4, 2, 5
VALID_FOR = timedelta(days=3)
LOCK_LASTS = timedelta(minutes=30)
GRACE = timedelta(days=7)
GIFT_LASTS = timedelta(days=3)
GIFTS_A_DAY, HANDS = 2, 2
PRICE, AMOUNT_OFF = 100_00, 10_00
# Below this a stock policy does something.
LOW = 2

NOT_AVAILABLE = {"locked": "claim_locked", "redeemed": "already_redeemed"}


def shop_day(moment: datetime) -> date:
    """The calendar day in Shanghai, worked out without the code under test."""
    return (moment + timedelta(hours=8)).date()


@dataclass
class ModelClaim:
    """What the model knows of a claim."""

    shopper: int
    claimed_at: datetime
    expires_at: datetime
    state: str = "available"
    order: int | None = None
    locked_until: datetime | None = None
    offered_until: datetime | None = None
    hands: int = 0

    def put_on(self, order: int, until: datetime) -> None:
        self.state, self.order, self.locked_until = "locked", order, until

    def put_back(self) -> None:
        self.state, self.order, self.locked_until = "available", None, None

    def is_overdue(self, now: datetime) -> bool:
        return self.state == "locked" and self.locked_until is not None and self.locked_until <= now

    def is_unaccepted(self, now: datetime) -> bool:
        return self.state == "gifting" and self.offered_until is not None and self.offered_until <= now

    def come_back(self, now: datetime) -> None:
        """Returns from an offer that nobody accepted."""
        self.state = "available" if self.expires_at > now else "expired"

    def refusal(self) -> str:
        """The code with which the platform refuses what only an available claim may do; `ok` for such a one."""
        return "ok" if self.state == "available" else NOT_AVAILABLE.get(self.state, "claim_not_usable")

    def answer_on_an_order(self, now: datetime) -> str:
        """What an order that wants this claim hears; it ends a lock or an offer that has run out."""
        expected = "ok" if self.is_overdue(now) or self.is_unaccepted(now) else self.refusal()
        if expected == "ok" and now >= self.expires_at:
            return "claim_not_usable" if self.is_unaccepted(now) else "coupon_refused"
        return expected


@dataclass
class ModelOrder:
    """An order of one line, with a claim or without."""

    shopper: int
    quantity: int
    claim: int | None
    locked_until: datetime
    state: str = "locked"
    returned: int = 0
    used: bool = False

    @property
    def left(self) -> int:
        """Units that may still come back."""
        return self.quantity - self.returned

    @property
    def standing(self) -> int:
        """What its coupon still takes off; each unit carries the same part of it."""
        return AMOUNT_OFF * self.left // self.quantity if self.used and self.state == "redeemed" else 0


@dataclass
class ModelBatch:
    """A slice of stock that opens at its time."""

    opens_at: datetime
    quantity: int
    is_open: bool = False


@dataclass
class ModelPolicy:
    """What happens by itself when the stock is low."""

    open_reserve: int
    top_up: int
    stops: bool
    is_low: bool = False
    topped_up: list[date] = field(default_factory=list)


@dataclass
class ModelEntry:
    """Somebody on the waiting list."""

    shopper: int
    state: str = "waiting"


@dataclass
class ModelStock:
    """How much may still be handed out, and what may come."""

    remaining: int
    reserve: int
    policy: ModelPolicy | None = None
    batches: list[ModelBatch] = field(default_factory=list)
    queue: list[ModelEntry] = field(default_factory=list)

    @property
    def waiting(self) -> list[ModelEntry]:
        return [entry for entry in self.queue if entry.state == "waiting"]

    @property
    def beyond(self) -> int:
        """What is left when everybody who waits has got one."""
        return max(0, self.remaining - len(self.waiting))

    def due(self, now: datetime) -> list[ModelBatch]:
        return [batch for batch in self.batches if not batch.is_open and batch.opens_at <= now]

    def open_due(self, now: datetime) -> int:
        """Opens what is due; returns how many batches."""
        due = self.due(now)
        for batch in due:
            batch.is_open = True
            self.remaining += batch.quantity
        return len(due)
