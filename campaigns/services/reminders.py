"""Reminders before coupons expire; `campaigns.selectors.reminders` says which."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from django.db.models import Q

from campaigns.enums import MessageChannel, MessageTopic
from campaigns.selectors.reminders import WINDOWS, ReminderWindow, claims_to_remind
from campaigns.services.outbox import MessageDraft, messages_write
from coupons.models import Claim

CHUNK_SIZE = 2000


def reminders_enqueue(
    *, now: datetime, chunk_size: int = CHUNK_SIZE, progressed: Callable[[int], object] = lambda _claims: None
) -> int:
    """Writes the reminders that are due: in the app always, by e-mail to those who want that.

    Each claim, end, lead time and channel gets one message, however often or in how many places at once this
    runs; a run that was cut off is completed by the next.

    Args:
        chunk_size: claims per statement; memory stays flat.
        progressed: called with the number of claims after each chunk.

    Returns:
        How many claims were reminded of.
    """
    reminded = 0
    for window in WINDOWS:
        for claims in _chunks(window, now, chunk_size):
            messages_write(
                drafts=(draft for claim in claims for draft in _drafts_of(claim, window)),
                now=now,
            )
            reminded += len(claims)
            progressed(len(claims))
    return reminded


def _chunks(window: ReminderWindow, now: datetime, chunk_size: int) -> Iterator[list[Claim]]:
    todo = claims_to_remind(window=window, now=now)
    chunk = list(todo[:chunk_size])
    while chunk:
        yield chunk
        last = chunk[-1]
        # Goes on behind the last one rather than reading past all those just written.
        behind = Q(expires_at=last.expires_at, pk__gt=last.pk) | Q(expires_at__gt=last.expires_at)
        chunk = list(todo.filter(behind, expires_at__gte=last.expires_at)[:chunk_size])


def _drafts_of(claim: Claim, window: ReminderWindow) -> Iterator[MessageDraft]:
    channels = [MessageChannel.IN_APP]
    if claim.by_email:  # type: ignore[attr-defined]  # annotated by the selector
        channels.append(MessageChannel.EMAIL)
    for channel in channels:
        yield MessageDraft(
            dedupe_key=f"{claim.reminder_key}:{channel}",  # type: ignore[attr-defined]  # annotated by the selector
            shopper_id=claim.shopper_id,
            channel=channel,
            topic=MessageTopic.EXPIRY_REMINDER,
            data={"claim": claim.pk, "expires_at": claim.expires_at.isoformat(), "lead_hours": window.hours},
        )
