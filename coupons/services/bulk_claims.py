"""Handing out in bulk: what `coupons.services.claims` does for one shopper, for many in a handful of statements."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import BooleanField, Case, F, Value, When

from config.kernel.clock import shop_date
from config.kernel.errors import DomainError
from config.kernel.ids import uuid7
from config.kernel.locks import busy_when_locked
from coupons.enums import AudienceKind, ClaimChannel, ClaimState, WaitingState
from coupons.errors import Ended, NotEligible, SoldOut, TermsNeeded
from coupons.holdouts import is_held_out
from coupons.models import (
    Claim,
    ClaimCounter,
    ClaimEntry,
    Coupon,
    DailyClaimCount,
    ReleaseBatch,
    Stock,
    WaitingEntry,
)
from coupons.selectors.audience import in_audience
from coupons.services.claim_refusals import limit_of_day_reached, limit_of_shopper_reached, refuse_unless_handing_out
from coupons.services.claim_writing import COUNT_CLAIM, COUNT_UNLESS_FORBIDDEN, NO_LIMIT, coupon_with_stock
from coupons.services.gate import tell_gate_of_claims
from coupons.services.stock import stock_lock, stock_open_batch, stock_take
from users.models import User

# In the order of primary keys, as everybody does who takes several: two bulks that share shoppers never wait for
# each other in a ring.
COUNT_CLAIMS = (
    """
    INSERT INTO coupons_claimcounter AS counter (coupon_id, shopper_id, claimed, day, claimed_on_day)
    SELECT %(coupon)s, shopper, 1, %(day)s, 1 FROM unnest(%(shoppers)s::bigint[]) AS shopper ORDER BY shopper
    """  # noqa: S608
    + COUNT_UNLESS_FORBIDDEN
    + ", shopper_id"
)

LOCK_DAY = """
    INSERT INTO coupons_dailyclaimcount AS counter (coupon_id, day, claimed) VALUES (%s, %s, 0)
    ON CONFLICT (coupon_id, day) DO UPDATE SET claimed = counter.claimed
    RETURNING claimed
"""

WRITE_CLAIMS = """
    WITH made AS (
        INSERT INTO coupons_claim (
            public_id, coupon_id, shopper_id, ordinal, state, channel, gift_depth, claimed_at, usable_from, expires_at
        )
        SELECT public_id, %(coupon)s, shopper, ordinal, %(state)s, %(channel)s, 0, %(now)s, %(from)s, %(until)s
        FROM unnest(%(ids)s::uuid[], %(shoppers)s::bigint[], %(ordinals)s::integer[])
            AS new (public_id, shopper, ordinal)
        RETURNING id, shopper_id
    ), noted AS (
        INSERT INTO coupons_claimentry (claim_id, from_state, to_state, reason, data, created_at)
        SELECT id, '', %(state)s, %(reason)s, '{}', %(now)s FROM made
    )
    SELECT shopper_id, id FROM made
"""
REASON = "claimed"

WHY_OUTSIDE = {AudienceKind.TAGGED: "tag_needed", AudienceKind.NEW_SHOPPERS: "new_shoppers_only"}


def claims_create_many(
    *, coupon_id: int, shoppers: Sequence[int], channel: ClaimChannel, now: datetime
) -> list[Claim | DomainError]:
    """Hands one claim of a coupon to each of many shoppers, as far as rules, limits and stock allow.

    Works inside the caller's transaction, so that what the caller notes of it is committed with it or not at all.
    The rules are those of `coupons.services.claims.claim_create` without a code. When stock or a daily limit is
    short, who stands earlier in `shoppers` comes first. Locks are taken in the order stock's own row (only while
    batches are due or somebody waits), shoppers by primary key, day, buckets by primary key. Call it once in a
    transaction: a second coupon's locks would come after the first one's.

    Args:
        shoppers: distinct primary keys, up to a few thousand.
        channel: by which the claims come; `GRANT` also hands out what is only granted by the shop.
        now: the database's time.

    Returns:
        For each shopper, in the given order, the claim or why there is none. Refusals may be shared.

    Raises:
        Busy: the database could not give a lock in time; the caller's transaction must be rolled back.
    """
    assert connection.in_atomic_block
    assert len(set(shoppers)) == len(shoppers)
    if not shoppers:
        return []
    with busy_when_locked():
        coupon, stock, left = coupon_with_stock(coupon_id)
        try:
            refuse_unless_handing_out(coupon=coupon, channel=channel, now=now)
        except DomainError as refusal:
            return [refusal] * len(shoppers)
        outcomes: dict[int, Claim | DomainError] = dict(_outside_audience(coupon, shoppers, now))
        candidates = [shopper for shopper in shoppers if shopper not in outcomes]
        outcomes |= _hand_out(coupon, stock, left, candidates, channel, now)
    return [outcomes[shopper] for shopper in shoppers]


@dataclass(slots=True, kw_only=True)
class _Supply:
    """What there is to hand out; None means without a limit.

    Attributes:
        left: units that may be taken.
        on_day: claims that the day still allows.
        beyond_waiting: units that nobody waits for.
        waiting: who waits: such a shopper takes one of the units that are waited for.
    """

    left: int | None = None
    on_day: int | None = None
    beyond_waiting: int | None = None
    waiting: Collection[int] = ()


def _hand_out(
    coupon: Coupon, stock: Stock, left: int, candidates: list[int], channel: ClaimChannel, now: datetime
) -> Mapping[int, Claim | DomainError]:
    if vars(coupon)["has_envelope"]:
        return dict.fromkeys(candidates, TermsNeeded(parameter="terms"))
    supply = _Supply()
    due: list[ReleaseBatch] = []
    if not stock.is_unlimited:
        due, left = _keep_stock_still(coupon, left, supply, channel, now)
        # Zero here is zero in truth, and spares a crowd that comes too late the rest.
        if left <= 0 or (supply.beyond_waiting is not None and supply.beyond_waiting <= 0):
            return dict.fromkeys(candidates, SoldOut())
    usable_from, expires_at = coupon.usable_window(now)
    if expires_at <= max(usable_from, now):
        return dict.fromkeys(candidates, Ended())

    ordinals = _count_claims(coupon, candidates, now)
    refused = _limits_reached(coupon, [shopper for shopper in candidates if shopper not in ordinals], now)
    if coupon.limit_per_day is not None:
        supply.on_day = max(0, coupon.limit_per_day - _lock_day(coupon, now))
    winners, _ = _share_out(coupon, candidates, refused, supply, now)
    if winners and not stock.is_unlimited:
        for batch in due:
            stock_open_batch(stock=stock, batch=batch, now=now)
        taken, rest = stock_take(coupon_id=coupon.pk, stock=stock, quantity=len(winners))
        supply.left = taken + rest
    elif not stock.is_unlimited:
        supply.left = left
    winners, refused = _share_out(coupon, candidates, refused, supply, now)
    _uncount(coupon, set(ordinals).difference(winners))
    if coupon.limit_per_day is not None and winners:
        DailyClaimCount.objects.filter(coupon=coupon, day=shop_date(now)).update(claimed=F("claimed") + len(winners))
    claims = _write(coupon, {shopper: ordinals[shopper] for shopper in winners}, channel, now)
    _close_waiting(coupon, [claims[shopper] for shopper in winners if shopper in supply.waiting], now)
    tell_gate_of_claims(coupon=coupon, stock=stock, claimed={shopper: ordinals[shopper] for shopper in winners})
    return {**refused, **claims}


def _share_out(
    coupon: Coupon, candidates: list[int], refused: Mapping[int, DomainError], supply: _Supply, now: datetime
) -> tuple[list[int], dict[int, DomainError]]:
    """Goes through the shoppers in their order as if each came alone; returns who gets one, and who does not."""
    left, on_day, beyond = supply.left, supply.on_day, supply.beyond_waiting
    sold_out, day_over = SoldOut(), limit_of_day_reached(coupon=coupon, now=now)
    winners: list[int] = []
    refusals: dict[int, DomainError] = {}
    for shopper in candidates:
        if left == 0 or beyond == 0:
            refusals[shopper] = sold_out
        elif shopper in refused:
            refusals[shopper] = refused[shopper]
        elif on_day == 0:
            refusals[shopper] = day_over
        else:
            winners.append(shopper)
            left = None if left is None else left - 1
            on_day = None if on_day is None else on_day - 1
            if beyond is not None and shopper not in supply.waiting:
                beyond -= 1
    return winners, refusals


# Who may


def _outside_audience(coupon: Coupon, shoppers: Sequence[int], now: datetime) -> dict[int, DomainError]:
    is_meant = Case(When(in_audience(coupon, now), then=Value(True)), default=False, output_field=BooleanField())
    active = User.objects.filter(pk__in=shoppers, is_active=True).annotate(is_meant=is_meant)
    known: dict[int, bool] = dict(active.values_list("pk", "is_meant"))
    closed = NotEligible(reason="account_closed")
    outside = NotEligible(reason=WHY_OUTSIDE.get(AudienceKind(coupon.audience), "not_selected"))
    held_out = NotEligible(reason="not_selected")
    refusals: dict[int, DomainError] = {}
    for shopper in shoppers:
        if shopper not in known:
            refusals[shopper] = closed
        elif not known[shopper]:
            refusals[shopper] = held_out if is_held_out(coupon, shopper) else outside
    return refusals


# Limits


def _count_claims(coupon: Coupon, shoppers: list[int], now: datetime) -> dict[int, int]:
    """Counts one more claim for every shopper whose limits allow it; returns which it is of each of them."""
    values: dict[str, Any] = {
        "coupon": coupon.pk,
        "day": shop_date(now),
        "limit": coupon.limit_per_shopper,
        "limit_on_day": coupon.limit_per_shopper_per_day or NO_LIMIT,
    }
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(COUNT_CLAIMS, {**values, "shoppers": shoppers})
            return {shopper: claimed for claimed, shopper in cursor.fetchall()}
        ordinals = {}
        for shopper in shoppers:
            cursor.execute(COUNT_CLAIM, {**values, "shopper": shopper})
            for (claimed,) in cursor.fetchall():
                ordinals[shopper] = claimed
        return ordinals


def _limits_reached(coupon: Coupon, shoppers: list[int], now: datetime) -> dict[int, DomainError]:
    if not shoppers:
        return {}
    counters = ClaimCounter.objects.filter(coupon=coupon, shopper__in=shoppers).values_list("shopper", "claimed")
    return {shopper: limit_of_shopper_reached(coupon=coupon, claimed=claimed, now=now) for shopper, claimed in counters}


def _uncount(coupon: Coupon, shoppers: Collection[int]) -> None:
    """Takes back what `_count_claims` counted for shoppers who got nothing: stock or day fell short."""
    if not shoppers:
        return
    counters = ClaimCounter.objects.filter(coupon=coupon, shopper__in=shoppers)
    counters.filter(claimed=1).delete()
    counters.update(claimed=F("claimed") - 1, claimed_on_day=F("claimed_on_day") - 1)


def _lock_day(coupon: Coupon, now: datetime) -> int:
    """Returns how many claims the day has seen, and keeps it so until the commit."""
    with connection.cursor() as cursor:
        cursor.execute(LOCK_DAY, [coupon.pk, shop_date(now)])
        (claimed,) = cursor.fetchone()
    return int(claimed)


# Stock


def _keep_stock_still(
    coupon: Coupon, left: int, supply: _Supply, channel: ClaimChannel, now: datetime
) -> tuple[list[ReleaseBatch], int]:
    """Locks the stock's own row if batches are due or somebody waits; returns the batches, and what is left with them.

    Batches that are due count before their job has come by. They are opened later, since their buckets are locked
    after the shoppers.
    """
    is_overtaking = bool(vars(coupon)["is_waited_for"]) and channel != ClaimChannel.WAITING_LIST
    due = ReleaseBatch.objects.due(now).filter(coupon=coupon).order_by("opens_at", "pk")
    if not is_overtaking and not due.exists():
        return [], left
    left = stock_lock(coupon_id=coupon.pk).remaining() or 0
    batches = list(due)
    left += sum(batch.quantity for batch in batches)
    if is_overtaking:
        supply.waiting = set(WaitingEntry.objects.waiting(coupon.pk).values_list("shopper", flat=True))
        supply.beyond_waiting = max(0, left - len(supply.waiting))
    return batches, left


def _close_waiting(coupon: Coupon, claims: list[Claim], now: datetime) -> None:
    """Takes those who waited and now have a claim off the list."""
    if not claims:
        return
    by_shopper = {claim.shopper_id: claim for claim in claims}
    entries = list(WaitingEntry.objects.waiting(coupon.pk).filter(shopper__in=list(by_shopper)))
    for entry in entries:
        entry.state, entry.claim, entry.closed_at = WaitingState.GRANTED, by_shopper[entry.shopper_id], now
    WaitingEntry.objects.bulk_update(entries, ["state", "claim", "closed_at"])


# Claims


def _write(coupon: Coupon, ordinals: Mapping[int, int], channel: ClaimChannel, now: datetime) -> dict[int, Claim]:
    """Writes one claim per shopper with its first ledger entry."""
    usable_from, expires_at = coupon.usable_window(now)
    claims = {
        shopper: Claim(
            public_id=uuid7(),
            coupon=coupon,
            shopper_id=shopper,
            ordinal=ordinal,
            channel=channel,
            claimed_at=now,
            usable_from=usable_from,
            expires_at=expires_at,
        )
        for shopper, ordinal in ordinals.items()
    }
    if not claims:
        return {}
    if connection.vendor != "postgresql":
        Claim.objects.bulk_create(claims.values())
        ClaimEntry.objects.bulk_create(
            ClaimEntry(claim=claim, to_state=ClaimState.AVAILABLE, reason=REASON, created_at=now)
            for claim in claims.values()
        )
        return claims
    with connection.cursor() as cursor:
        cursor.execute(
            WRITE_CLAIMS,
            {
                "ids": [str(claim.public_id) for claim in claims.values()],
                "shoppers": list(ordinals),
                "ordinals": list(ordinals.values()),
                "coupon": coupon.pk,
                "state": ClaimState.AVAILABLE.value,
                "channel": channel.value,
                "now": now,
                "from": usable_from,
                "until": expires_at,
                "reason": REASON,
            },
        )
        for shopper, claim_id in cursor.fetchall():
            claim = claims[shopper]
            claim.pk = claim_id
            claim._state.adding, claim._state.db = False, connection.alias
    return claims
