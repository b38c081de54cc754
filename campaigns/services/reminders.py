"""Reminders before coupons expire; `campaigns.selectors.reminders` says which."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime

from django.db.models import Q

from campaigns.enums import MessageChannel, MessageTopic
from campaigns.models import ContactPlan
from campaigns.selectors.contact import best_moment, contact_plans_of, wants_email
from campaigns.selectors.reminders import WINDOWS, ReminderWindow, claims_to_remind
from campaigns.services.outbox import MessageDraft, messages_write
from coupons.models import Claim

CHUNK_SIZE = 2000


def reminders_enqueue(
    *, now: datetime, chunk_size: int = CHUNK_SIZE, progressed: Callable[[int], object] = lambda _claims: None
) -> int:
    """Writes the reminders that are due: in the app always, by e-mail to those who want that.

    The e-mail of a reminder that can wait goes out at the shopper's best hour, and is left out where the nightly run
    found that it would not help beside the message in the app. The last reminder waits for nothing.

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
            plans = contact_plans_of(shopper_ids=(claim.shopper_id for claim in claims), now=now)
            messages_write(
                drafts=(
                    draft for claim in claims for draft in _drafts_of(claim, window, plans.get(claim.shopper_id), now)
                ),
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


def _drafts_of(claim: Claim, window: ReminderWindow, plan: ContactPlan | None, now: datetime) -> Iterator[MessageDraft]:
    is_last = not window.shortest
    channels = [MessageChannel.IN_APP]
    if claim.by_email and (is_last or wants_email(plan=plan)):  # type: ignore[attr-defined]  # annotated by the selector
        channels.append(MessageChannel.EMAIL)
    latest = claim.expires_at - window.shortest
    for channel in channels:
        yield MessageDraft(
            dedupe_key=f"{claim.reminder_key}:{channel}",  # type: ignore[attr-defined]  # annotated by the selector
            shopper_id=claim.shopper_id,
            channel=channel,
            topic=MessageTopic.EXPIRY_REMINDER,
            data={"claim": claim.pk, "expires_at": claim.expires_at.isoformat(), "lead_hours": window.hours},
            send_at=now if is_last else best_moment(plan=plan, now=now, latest=latest),
        )
