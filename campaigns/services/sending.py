"""The outbox's sending half: every message is sent, retried or given up, and none by two senders at once.

A sender takes a batch under row locks that others pass over, marks it `sending` with a lease, commits, and
only then talks to the outside. Should it die, the lease ends and another sender takes over. One window
remains, as with any mail system: a sender that dies after the mail server took a message and before this was
written down. That message is sent again with the same Message-ID, by which the receiving side can drop it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import transaction
from django.db.models import F
from django.utils import translation

from campaigns.channels import CHANNELS, ChannelUnavailable, Delivery, NotDelivered
from campaigns.enums import MessageState
from campaigns.models import Message
from campaigns.selectors.message_content import About, MessageContent, ReportNotice, things_of
from campaigns.selectors.reminders import reminder_is_wanted
from config.kernel.locks import busy_when_locked
from coupons.models import Coupon

logger = structlog.get_logger(__name__)

BATCH_SIZE = 50
LEASE = timedelta(minutes=10)
# No message is begun later in a lease than this before its end: above the slowest conversation with a server.
LEASE_MARGIN = timedelta(minutes=2)
MAXIMUM_ATTEMPTS = 8
FIRST_PAUSE = timedelta(minutes=1)
LONGEST_PAUSE = timedelta(hours=1)


class Stopwatch:
    """Tells the time of a long job from the moment it was given, without looking at the machine's calendar."""

    def __init__(self, now: datetime) -> None:
        self._started_at = now
        self._started = time.monotonic()

    def now(self) -> datetime:
        """Returns the start plus what has passed since."""
        return self._started_at + timedelta(seconds=time.monotonic() - self._started)


@dataclass(slots=True)
class SendingResult:
    """What became of the messages that a run took."""

    sent: int = 0
    cancelled: int = 0
    postponed: int = 0
    failed: int = 0
    is_channel_down: bool = False

    @property
    def total(self) -> int:
        """How many messages the run took."""
        return self.sent + self.cancelled + self.postponed + self.failed


def messages_send_due(
    *, now: datetime, limit: int = 1000, progressed: Callable[[int], object] = lambda _messages: None
) -> SendingResult:
    """Sends the messages that are due, in batches, until none is left, the limit is reached or a channel is away.

    A message is cancelled instead when it has lost its point: the claim was used, has ended or was extended.
    A refused one is tried again after 1, 2, 4 … minutes, at most an hour, and given up after eight attempts or
    at once when trying again cannot help. While a channel is away nothing counts as an attempt.

    Args:
        progressed: called with the number of messages after each batch.
    """
    clock = Stopwatch(now)
    result = SendingResult()
    with ExitStack() as open_channels:
        deliveries: dict[str, Delivery] = {}
        while result.total < limit and not result.is_channel_down:
            before = result.total
            batch = messages_take(now=clock.now(), limit=min(BATCH_SIZE, limit - result.total), result=result)
            for channel in {message.channel for message in batch} - deliveries.keys():
                deliveries[channel] = open_channels.enter_context(CHANNELS[channel].open())
            _send_batch(batch, deliveries, clock, result)
            if result.total == before:
                break
            progressed(result.total - before)
    return result


def messages_take(*, now: datetime, limit: int, result: SendingResult) -> list[Message]:
    """Takes due messages for one sender, for the time of a lease.

    Messages whose last attempt was lost with its sender are given up and counted in `result`.
    """
    with busy_when_locked(), transaction.atomic():
        due = Message.objects.due(now).select_for_update(skip_locked=True).order_by("next_attempt_at", "pk")
        messages = list(due[:limit])
        worn_out = [message.pk for message in messages if message.attempts >= MAXIMUM_ATTEMPTS]
        taken = [message for message in messages if message.attempts < MAXIMUM_ATTEMPTS]
        if worn_out:
            result.failed += Message.objects.filter(pk__in=worn_out).update(
                state=MessageState.FAILED, last_error="the sender was lost"
            )
        Message.objects.filter(pk__in=[message.pk for message in taken]).update(
            state=MessageState.SENDING, attempts=F("attempts") + 1, next_attempt_at=now + LEASE
        )
    for message in taken:
        message.state = MessageState.SENDING
        message.attempts += 1
        message.next_attempt_at = now + LEASE
    return taken


def _send_batch(
    batch: Sequence[Message], deliveries: dict[str, Delivery], clock: Stopwatch, result: SendingResult
) -> None:
    down: dict[str, str] = {}
    for message in batch:
        if message.channel in down or clock.now() > message.next_attempt_at - LEASE_MARGIN:
            _put_back(message, clock, result, reason=down.get(message.channel, ""))
            continue
        try:
            _send(message, deliveries[message.channel], clock, result)
        except ChannelUnavailable as error:
            logger.warning("channel_unavailable", channel=message.channel, reason=error.reason)
            down[message.channel] = error.reason
            result.is_channel_down = True
            _put_back(message, clock, result, reason=error.reason)


def _send(message: Message, delivery: Delivery, clock: Stopwatch, result: SendingResult) -> None:
    # Read anew: minutes may have passed since the batch was taken, and days since the message was written.
    current = Message.objects.select_related("shopper").get(pk=message.pk)
    about = things_of([current]).get(current.pk)
    if about is None or not _is_wanted(current, about, clock.now()):
        result.cancelled += _finish(message, state=MessageState.CANCELLED)
        return
    try:
        with translation.override(current.shopper.language):
            delivery.send(current, MessageContent(current, about))
    except NotDelivered as error:
        _give_up_or_retry(message, clock, result, reason=error.reason, is_permanent=error.is_permanent)
    except ChannelUnavailable:
        raise
    except Exception as error:
        # One message that breaks its channel must not hold up the others. The text of the error may name a
        # person, so only its kind is kept.
        logger.exception("message_broke", message_id=message.pk, error=type(error).__name__, exc_info=False)
        _give_up_or_retry(message, clock, result, reason=type(error).__name__, is_permanent=False)
    else:
        result.sent += _finish(message, state=MessageState.SENT, sent_at=clock.now(), last_error="")


def _is_wanted(message: Message, about: About, now: datetime) -> bool:
    if isinstance(about, Coupon | ReportNotice):
        return message.shopper.is_active and message.shopper.is_staff and bool(message.shopper.email)
    return reminder_is_wanted(message=message, claim=about, now=now)


def _give_up_or_retry(
    message: Message, clock: Stopwatch, result: SendingResult, *, reason: str, is_permanent: bool
) -> None:
    logger.info("message_not_delivered", message_id=message.pk, attempt=message.attempts, reason=reason)
    if is_permanent or message.attempts >= MAXIMUM_ATTEMPTS:
        result.failed += _finish(message, state=MessageState.FAILED, last_error=reason)
        return
    result.postponed += _finish(
        message,
        state=MessageState.PENDING,
        last_error=reason,
        next_attempt_at=clock.now() + pause_after(message.attempts),
    )


def _put_back(message: Message, clock: Stopwatch, result: SendingResult, *, reason: str) -> None:
    result.postponed += _finish(
        message,
        state=MessageState.PENDING,
        attempts=message.attempts - 1,
        last_error=reason,
        next_attempt_at=clock.now() + FIRST_PAUSE,
    )


def pause_after(attempts: int) -> timedelta:
    """Returns how long to wait after so many failed attempts."""
    return min(FIRST_PAUSE * 2 ** (attempts - 1), LONGEST_PAUSE)


def _finish(message: Message, **changes: Any) -> int:
    # `attempts` is the token of the lease: a sender that overran it changes nothing any more.
    mine = Message.objects.filter(pk=message.pk, state=MessageState.SENDING, attempts=message.attempts)
    return mine.update(**changes)
