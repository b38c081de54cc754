"""Grants: a coupon handed to an audience of any size, in chunks of one transaction each."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from time import monotonic

from django.db import transaction

from campaigns.enums import GrantState
from campaigns.errors import NotForGrant, WrongGrantState
from campaigns.models import Grant
from campaigns.models.grant import OPEN_STATES
from campaigns.selectors.grants import grant_audience, grant_next_shoppers, last_shopper
from campaigns.services.exposures import coupon_exposures_log
from config.kernel.errors import Busy, DomainError
from config.kernel.history import set_history
from config.kernel.locks import busy_when_locked
from config.kernel.waking import wake_on_commit
from coupons.enums import AudienceKind, ClaimChannel, CouponState
from coupons.errors import Ended, LimitReached, NotEligible, NotStarted, Paused, SoldOut, TermsNeeded
from coupons.models import Claim, Coupon
from coupons.selectors.audience import can_be_granted, meant_for
from coupons.services.bulk_claims import claims_create_many
from users.models import User

CHUNK = 1_000
TASK = "campaigns.tasks.run_grant"
# A run ends after so many seconds and wakes the next, so that other jobs get their turn.
TURN_SECONDS = 30.0
# How often in a row a chunk may find the database too busy before the run leaves it to the next.
TRIES = 5
FAILED = "failed"

logger = logging.getLogger(__name__)


def grant_create(*, coupon: Coupon, audience: AudienceKind, tag: str = "", actor: User | None, now: datetime) -> Grant:
    """Drafts a grant of a coupon to an audience; nobody gets anything before it is started.

    Args:
        tag: for a tagged audience; such as `segment:loyal`, what the nightly segmentation writes.

    Raises:
        NotForGrant: the coupon comes another way, or shoppers choose its terms.
    """
    refuse_unless_grantable(coupon)
    with busy_when_locked(), transaction.atomic():
        grant = Grant(
            coupon=coupon,
            audience=audience,
            audience_tag=tag if audience == AudienceKind.TAGGED else "",
            created_by=actor,
            created_at=now,
        )
        set_history(grant, actor=actor, reason="created")
        grant.save()
    return grant


def refuse_unless_grantable(coupon: Coupon) -> None:
    """Refuses a coupon that no grant can hand out.

    Raises:
        NotForGrant
    """
    if not can_be_granted(coupon):
        raise NotForGrant


def grant_start(*, grant: Grant, actor: User | None, now: datetime, wakes_worker: bool = True) -> Grant:
    """Starts a draft; a worker goes through everybody who has an account by now.

    Before the coupon's claim window opens it waits for that.

    Raises:
        WrongGrantState: it is no draft.
        Ended, Paused: the coupon is not published, or its window is over.
    """
    with busy_when_locked(), transaction.atomic():
        grant = _lock(grant, GrantState.DRAFT)
        _refuse_unless_open(grant.coupon, now)
        grant.last_shopper = last_shopper()
        grant.expected = grant_audience(grant=grant, now=now).count()
        grant.started_at = now
        return _open(grant, actor, "started", wakes_worker=wakes_worker)


def grant_pause(*, grant: Grant, actor: User | None, now: datetime) -> Grant:
    """Pauses a grant: once this returns, nobody gets anything by it until it is resumed.

    Raises:
        WrongGrantState: it is not open.
    """
    with busy_when_locked(), transaction.atomic():
        grant = _lock(grant, *OPEN_STATES)
        return _set_state(grant, GrantState.PAUSED, actor, "paused")


def grant_resume(*, grant: Grant, actor: User | None, now: datetime, wakes_worker: bool = True) -> Grant:
    """Goes on with a grant that was paused or has stopped, from the shopper at whom it ended.

    Raises:
        WrongGrantState: it is neither.
        Ended, Paused: the coupon still cannot be claimed.
    """
    with busy_when_locked(), transaction.atomic():
        grant = _lock(grant, GrantState.PAUSED, GrantState.STOPPED)
        _refuse_unless_open(grant.coupon, now)
        return _open(grant, actor, "resumed", wakes_worker=wakes_worker)


def grant_cancel(*, grant: Grant, actor: User | None, now: datetime) -> Grant:
    """Ends a grant for good; claims already made stay.

    Raises:
        WrongGrantState: it has ended already.
    """
    with busy_when_locked(), transaction.atomic():
        grant = _lock(grant, GrantState.DRAFT, *OPEN_STATES, GrantState.PAUSED, GrantState.STOPPED)
        grant.finished_at = now
        return _set_state(grant, GrantState.CANCELLED, actor, "cancelled")


def grant_run(
    *,
    grant_id: int,
    clock: Callable[[], datetime],
    seconds: float | None = TURN_SECONDS,
    chunk_size: int = CHUNK,
    progressed: Callable[[int], object] = lambda _shoppers: None,
) -> int:
    """Works on a grant until it is done, stops or its turn is over; returns how many shoppers were dealt with.

    It may be started again after any crash, and beside itself: whoever finds the grant in another's hands leaves.

    Args:
        clock: gives the database's time, asked for each chunk: a window may end meanwhile.
        seconds: after so long it wakes the next run; None works on to the end.
        progressed: called with the number of shoppers after each chunk.

    Raises:
        Busy: the database could not give a lock several times in a row; nothing is lost.
    """
    started, dealt_with, busy = monotonic(), 0, 0
    while seconds is None or monotonic() - started < seconds:
        try:
            count = _chunk(grant_id, clock(), chunk_size)
        except Busy:
            busy += 1
            if busy == TRIES:
                raise
            continue
        except Exception:
            logger.exception("grant %s failed", grant_id)
            _fail(grant_id)
            raise
        if count is None:
            return dealt_with
        busy = 0
        dealt_with += count
        progressed(count)
    wake_on_commit(TASK, grant_id)
    return dealt_with


def grants_run(
    *,
    clock: Callable[[], datetime],
    seconds: float | None = TURN_SECONDS,
    progressed: Callable[[int], object] = lambda _shoppers: None,
) -> int:
    """Goes on with every open grant, such as after a crash; returns how many shoppers were dealt with."""
    waiting = list(Grant.objects.open().order_by("pk").values_list("pk", flat=True))
    return sum(
        grant_run(grant_id=grant_id, clock=clock, seconds=seconds, progressed=progressed) for grant_id in waiting
    )


# Deciding


def _lock(grant: Grant, *states: GrantState) -> Grant:
    grant = Grant.objects.select_for_update(of=("self",)).select_related("coupon").get(pk=grant.pk)
    if grant.state not in states:
        raise WrongGrantState(state=grant.state)
    return grant


def _refuse_unless_open(coupon: Coupon, now: datetime) -> None:
    match coupon.state(now):
        case CouponState.LIVE | CouponState.SCHEDULED:
            return
        case CouponState.PAUSED:
            raise Paused
        case _:
            raise Ended


def _open(grant: Grant, actor: User | None, reason: str, *, wakes_worker: bool) -> Grant:
    grant.resumes_at = None
    if wakes_worker:
        wake_on_commit(TASK, grant.pk)
    return _set_state(grant, GrantState.WAITING, actor, reason)


def _set_state(grant: Grant, state: GrantState, actor: User | None, reason: str, *, stop_reason: str = "") -> Grant:
    grant.state, grant.stop_reason = state, stop_reason
    set_history(grant, actor=actor, reason=reason)
    grant.save()
    return grant


# Working


@dataclass(frozen=True, slots=True)
class _Tally:
    """What became of a chunk: how far it came, and what kept it from going further."""

    seen: int
    granted: int
    refused: Counter[str]
    halt: DomainError | None


def _chunk(grant_id: int, now: datetime, chunk_size: int) -> int | None:
    """Deals with the next shoppers; returns how many, or None when there is nothing to do now."""
    with busy_when_locked(), transaction.atomic():
        taken = Grant.objects.open().select_for_update(skip_locked=True, of=("self",)).select_related("coupon")
        grant = taken.filter(pk=grant_id).first()
        if grant is None or (grant.resumes_at is not None and now < grant.resumes_at):
            return None
        shoppers = grant_next_shoppers(grant=grant, count=chunk_size, now=now)
        if not shoppers:
            grant.cursor, grant.finished_at = grant.last_shopper, now
            _set_state(grant, GrantState.DONE, None, "done")
            return None
        outcomes = claims_create_many(coupon_id=grant.coupon_id, shoppers=shoppers, channel=ClaimChannel.GRANT, now=now)
        tally = _count(outcomes)
        _log_exposures(grant.coupon, shoppers[: tally.seen], now)
        if tally.seen:
            grant.cursor = shoppers[tally.seen - 1]
        grant.seen += tally.seen
        grant.granted += tally.granted
        grant.refused = dict(Counter(grant.refused) + tally.refused)
        _note(grant, tally.halt)
        return None if tally.halt is not None and not tally.seen else tally.seen


def _note(grant: Grant, halt: DomainError | None) -> None:
    if halt is None:
        # Past the history: it keeps decisions, and there are as many chunks as thousands of shoppers.
        Grant.objects.filter(pk=grant.pk).update(
            state=GrantState.RUNNING,
            cursor=grant.cursor,
            seen=grant.seen,
            granted=grant.granted,
            refused=grant.refused,
            resumes_at=None,
        )
        return
    goes_on = halt.data.get("starts_at") or halt.data.get("resets_at")
    if goes_on is not None:
        grant.resumes_at = goes_on
        _set_state(grant, GrantState.WAITING, None, halt.code)
    else:
        _set_state(grant, GrantState.STOPPED, None, halt.code, stop_reason=halt.code)


def _count(outcomes: Sequence[Claim | DomainError]) -> _Tally:
    """Counts outcomes up to the first that says the same of everybody who comes after."""
    granted, refused = 0, Counter[str]()
    for seen, outcome in enumerate(outcomes):
        if isinstance(outcome, Claim):
            granted += 1
        elif _concerns_everybody(outcome):
            return _Tally(seen, granted, refused, outcome)
        else:
            refused[outcome.data.get("reason") or outcome.data.get("scope") or outcome.code] += 1
    return _Tally(len(outcomes), granted, refused, None)


def _concerns_everybody(refusal: DomainError) -> bool:
    match refusal:
        case SoldOut() | Ended() | Paused() | NotStarted() | TermsNeeded():
            return True
        case NotEligible():
            return refusal.data["reason"] in ("code_needed", "not_claimable")
        case LimitReached():
            return bool(refusal.data["scope"] == "day")
        case _:
            return False


def _log_exposures(coupon: Coupon, shoppers: Sequence[int], now: datetime) -> None:
    """Logs for whom the coupon was meant, in both arms by one rule.

    Whether they got it is not asked: of whoever is held out it cannot be known, so that the arms would differ by it.
    """
    if not coupon.holdout_below:
        return
    meant = User.objects.filter(meant_for(coupon, now), pk__in=shoppers, is_active=True)
    coupon_exposures_log(coupon=coupon, shopper_ids=list(meant.values_list("pk", flat=True)), now=now)


def _fail(grant_id: int) -> None:
    with transaction.atomic():
        grant = Grant.objects.open().select_for_update().filter(pk=grant_id).first()
        if grant is not None:
            _set_state(grant, GrantState.STOPPED, None, FAILED, stop_reason=FAILED)
