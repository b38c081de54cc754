"""Tickets: coupons and claims with all that their look depends on, decided before the template."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import uuid4

from config.kernel.clock import end_of_shop_day, shop_date
from coupons.affinity_words import affinity_sentence
from coupons.enums import ClaimState, CouponState, Handout
from coupons.errors import NotEligible
from coupons.models import Claim, Coupon
from coupons.services.queueing import Ticket, ticket_waiting
from users.models import User

Standing = Literal[
    "queued", "open", "fit", "claimed", "sold_out", "scheduled", "code", "not_eligible", "paused", "ended"
]
RUNNING_OUT_PERCENT = 10
# From here on a ticket counts the time that is left.
COUNTDOWN_FROM = timedelta(days=3)


@dataclass(frozen=True, slots=True)
class CouponTicket:
    """A coupon as one visitor sees it; `key` names the one attempt to claim that its button stands for."""

    coupon: Coupon
    standing: Standing
    claimed: int
    remaining: int | None
    percent_claimed: int | None
    ends_soon: bool
    is_waiting: bool
    # Known on the coupon's own page.
    waiting_position: int | None
    key: str
    # Why the shopper sees it; empty for a coupon that nothing recommends.
    why: str = ""
    # Why the shopper cannot have it, for the standing `not_eligible`; empty for all others.
    why_not: str = ""
    # In the queue of a coupon in queued mode.
    place: Ticket | None = None

    @property
    def can_claim(self) -> bool:
        return self.standing == "open"

    @property
    def can_wait(self) -> bool:
        """Whether the coupon has a waiting list: whoever fits it or types a code cannot be granted one."""
        coupon = self.coupon
        return self.standing == "sold_out" and coupon.handout == Handout.SHOWCASE and not coupon.is_fitted

    @property
    def is_dimmed(self) -> bool:
        """Whether there is nothing to get any more."""
        return self.standing in {"sold_out", "ended", "paused"}

    @property
    def is_running_out(self) -> bool:
        return self.percent_claimed is not None and self.percent_claimed >= 100 - RUNNING_OUT_PERCENT


@dataclass(frozen=True, slots=True)
class ClaimTicket:
    """A claim as its shopper sees it; `coupon` has the claim's own terms."""

    claim: Claim
    coupon: Coupon
    state: ClaimState
    is_upcoming: bool
    expires_tonight: bool
    ends_soon: bool

    @property
    def is_usable(self) -> bool:
        return self.state == ClaimState.AVAILABLE and not self.is_upcoming

    @property
    def is_dimmed(self) -> bool:
        return self.state not in {ClaimState.AVAILABLE, ClaimState.LOCKED}


def coupon_ticket(
    coupon: Coupon, *, now: datetime, shopper: User | None = None, place: Ticket | None = None
) -> CouponTicket:
    """Returns the ticket of a coupon that carries the facts of `coupons.selectors.showcase.with_ticket_facts`.

    Args:
        shopper: whose place in the coupon's queue is looked up, if it has one.
        place: that place, where it is known.
    """
    if place is None and shopper is not None and coupon.is_queued:
        place = ticket_waiting(coupon=coupon, shopper=shopper)
    remaining: int | None = coupon.remaining  # type: ignore[attr-defined]  # annotated
    claimed: int = coupon.claimed_by_shopper  # type: ignore[attr-defined]  # annotated
    is_waiting: bool = coupon.is_waited_for_by_shopper  # type: ignore[attr-defined]  # annotated
    stock = getattr(coupon, "stock", None)
    released = stock.released if stock is not None else 0
    percent = None
    if remaining is not None and released:
        # Never "100 %" while one is left, never "0 %" once one has gone.
        percent = 100 if not remaining else min(99, -(-100 * (released - remaining) // released))
    standing = _standing(coupon, 0 if is_waiting else remaining, claimed, now) if place is None else "queued"
    return CouponTicket(
        coupon=coupon,
        standing=standing,
        claimed=claimed,
        remaining=remaining,
        percent_claimed=percent,
        ends_soon=coupon.claim_ends_at - now <= COUNTDOWN_FROM,
        is_waiting=is_waiting,
        waiting_position=getattr(coupon, "waiting_position", None),
        key=str(uuid4()),
        why=affinity_sentence(getattr(coupon, "affinity_reason", None), getattr(coupon, "affinity_data", None)),
        why_not=NotEligible(reason=_reason_not(coupon)).sentence if standing == "not_eligible" else "",
        place=place,
    )


def coupon_tickets(coupons: Iterable[Coupon], *, now: datetime, shopper: User | None = None) -> list[CouponTicket]:
    """Returns the tickets of many coupons without a further query."""
    return [coupon_ticket(coupon, now=now, shopper=shopper) for coupon in coupons]


def claim_tickets(claims: Iterable[Claim], *, now: datetime) -> list[ClaimTicket]:
    """Returns the tickets of claims that were read with their coupons."""
    tonight = end_of_shop_day(shop_date(now))
    tickets = []
    for claim in claims:
        state = claim.state_at(now)
        is_alive = state == ClaimState.AVAILABLE
        tickets.append(
            ClaimTicket(
                claim=claim,
                coupon=claim.coupon_as_held,
                state=state,
                is_upcoming=is_alive and claim.usable_from > now,
                expires_tonight=is_alive and claim.expires_at <= tonight,
                ends_soon=is_alive and claim.expires_at - now <= COUNTDOWN_FROM,
            )
        )
    return tickets


def _standing(coupon: Coupon, remaining: int | None, claimed: int, now: datetime) -> Standing:
    state = coupon.state(now)
    if claimed >= coupon.limit_per_shopper:
        return "claimed"
    # The claim would be refused; who is kept out by lot reads what all read whom the coupon is not for.
    if state in (CouponState.LIVE, CouponState.SCHEDULED) and _reason_not(coupon):
        return "not_eligible"
    if state == CouponState.LIVE:
        if remaining == 0:
            return "sold_out"
        if coupon.handout == Handout.CODE:
            return "code"
        return "fit" if coupon.is_fitted else "open"
    if state == CouponState.SCHEDULED:
        return "scheduled"
    return "paused" if state == CouponState.PAUSED else "ended"


def _reason_not(coupon: Coupon) -> str:
    reason: str = coupon.not_for_shopper  # type: ignore[attr-defined]  # annotated
    return reason
