"""The one way in which a claim changes its state: a guarded update and a ledger entry, together."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db import transaction

from config.kernel.locks import busy_when_locked
from coupons.enums import ClaimState
from coupons.errors import ClaimNotUsable, claim_not_usable_in
from coupons.models import Claim, ClaimEntry, Order
from users.models import User

# From where a claim may go where.
MOVES: dict[ClaimState, frozenset[ClaimState]] = {
    ClaimState.AVAILABLE: frozenset({ClaimState.LOCKED, ClaimState.GIFTING, ClaimState.EXPIRED, ClaimState.REVOKED}),
    ClaimState.LOCKED: frozenset({ClaimState.REDEEMED, ClaimState.AVAILABLE}),
    ClaimState.REDEEMED: frozenset({ClaimState.AVAILABLE}),
    ClaimState.GIFTING: frozenset({ClaimState.GIFTED, ClaimState.AVAILABLE}),
    ClaimState.EXPIRED: frozenset({ClaimState.AVAILABLE}),
    ClaimState.GIFTED: frozenset(),
    ClaimState.REVOKED: frozenset(),
}


def claims_move(
    *,
    claims: Sequence[Claim],
    from_state: ClaimState,
    to_state: ClaimState,
    reason: str,
    now: datetime,
    order: Order | None = None,
    data: dict[str, Any] | None = None,
) -> None:
    """Moves claims from one state to another, all or none; call it inside a transaction.

    Args:
        claims: of one order when they are locked or redeemed; updated in place too.
        order: the order that the move belongs to; kept on the claim only while it is locked or redeemed.
        reason: a short word for the ledger, such as `order_locked`.

    Raises:
        ClaimNotUsable: one of them is not (or no longer) in `from_state`; says in which state it is.
    """
    if to_state not in MOVES[from_state]:
        raise ValueError(f"a claim cannot go from {from_state} to {to_state}")
    on_order = order if to_state in (ClaimState.LOCKED, ClaimState.REDEEMED) else None
    ids = [claim.pk for claim in claims]
    guarded = Claim.objects.filter(pk__in=ids, state=from_state)
    if from_state in (ClaimState.LOCKED, ClaimState.REDEEMED):
        guarded = guarded.filter(order=order)
    if guarded.update(state=to_state, order=on_order) != len(ids):
        raise _why_not(ids, from_state)
    ClaimEntry.objects.bulk_create(
        ClaimEntry(
            claim=claim,
            from_state=from_state,
            to_state=to_state,
            order=order,
            reason=reason,
            data=data or {},
            created_at=now,
        )
        for claim in claims
    )
    for claim in claims:
        claim.state = to_state
        claim.order = on_order


def refusal_of(claim: Claim) -> ClaimNotUsable:
    """Returns the error that says why a claim in its present state cannot be used."""
    return claim_not_usable_in(claim.state)(claim=str(claim.public_id), state=claim.state)


def _why_not(ids: Sequence[int], from_state: ClaimState) -> ClaimNotUsable:
    claim = Claim.objects.filter(pk__in=ids).exclude(state=from_state).order_by("pk").first()
    return refusal_of(claim) if claim else ClaimNotUsable()


def claim_revoke(*, claim: Claim, actor: User, reason: str, now: datetime) -> Claim:
    """Takes an available claim away from its shopper.

    Raises:
        ClaimNotUsable: it is not available (a locked or used one is undone through its order).
    """
    with busy_when_locked(), transaction.atomic():
        claims_move(
            claims=[claim],
            from_state=ClaimState.AVAILABLE,
            to_state=ClaimState.REVOKED,
            reason="revoked",
            now=now,
            data={"actor": actor.pk, "note": reason},
        )
    return claim


def claim_extend(*, claim: Claim, until: datetime, actor: User, now: datetime) -> Claim:
    """Gives an available or expired claim a later end; an expired one becomes available again.

    Raises:
        ClaimNotUsable: it is in another state, or `until` is no later end.
    """
    with busy_when_locked(), transaction.atomic():
        claim = Claim.objects.select_for_update(of=("self",)).get(pk=claim.pk)
        data = {"actor": actor.pk, "from": claim.expires_at.isoformat(), "until": until.isoformat()}
        if until <= max(claim.expires_at, now):
            raise ClaimNotUsable(claim=str(claim.public_id), state=claim.state)
        if claim.state == ClaimState.EXPIRED:
            claims_move(
                claims=[claim],
                from_state=ClaimState.EXPIRED,
                to_state=ClaimState.AVAILABLE,
                reason="extended",
                now=now,
                data=data,
            )
        elif claim.state == ClaimState.AVAILABLE:
            # No change of state, yet the ledger tells who moved the end.
            ClaimEntry.objects.create(
                claim=claim,
                from_state=ClaimState.AVAILABLE,
                to_state=ClaimState.AVAILABLE,
                reason="extended",
                data=data,
                created_at=now,
            )
        else:
            raise refusal_of(claim)
        claim.expires_at = until
        claim.save(update_fields=["expires_at"])
    return claim
