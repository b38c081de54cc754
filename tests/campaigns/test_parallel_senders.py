"""Senders side by side on real connections: no double, nothing left over."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable

import pytest
from django.db import connection

from campaigns.enums import MessageState
from campaigns.models import Message
from campaigns.services import sending
from campaigns.services.reminders import reminders_enqueue
from campaigns.services.sending import messages_send_due
from tests.campaigns.makers import emails, make_due_emails, make_ending_claim
from tests.campaigns.smtp import MailServer
from tests.factories import NOW

pytestmark = pytest.mark.django_db(transaction=True)

SENDERS = 4
MESSAGES = 40


def run_together(work: Callable[[], object], *, times: int = SENDERS) -> list[object]:
    """Runs the same work in several threads that start at one moment; returns what each returned."""
    start = threading.Barrier(times)
    results: list[object] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            start.wait(timeout=20)
            results.append(work())
        except BaseException as error:  # handed to the test below
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert errors == []
    return results


def test_parallel_senders_deliver_every_message_once(mail_server: MailServer, monkeypatch: pytest.MonkeyPatch) -> None:
    # Small batches, so that the senders meet often.
    monkeypatch.setattr(sending, "BATCH_SIZE", 3)
    make_due_emails(MESSAGES)

    run_together(lambda: messages_send_due(now=NOW))
    # A sender may have stopped while another still held the last batch.
    assert messages_send_due(now=NOW).total == 0

    assert set(Counter(mail_server.recipients()).values()) == {1}
    assert len(mail_server.accepted) == MESSAGES
    assert emails().filter(state=MessageState.SENT, attempts=1).count() == MESSAGES


def test_without_lock_and_lease_parallel_senders_do_deliver_twice(
    mail_server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The control: what the guard above prevents does happen without it."""
    make_due_emails(MESSAGES)
    all_have_read = threading.Barrier(SENDERS)
    sender = threading.local()

    def take_without_guard(**_arguments: object) -> list[Message]:
        if hasattr(sender, "has_taken"):
            return []
        sender.has_taken = True
        messages = list(Message.objects.due(NOW))
        all_have_read.wait(timeout=20)
        Message.objects.filter(pk__in=[message.pk for message in messages]).update(
            state=MessageState.SENDING, attempts=1, next_attempt_at=NOW + sending.LEASE
        )
        for message in messages:
            message.attempts, message.next_attempt_at = 1, NOW + sending.LEASE
        return messages

    monkeypatch.setattr(sending, "messages_take", take_without_guard)

    run_together(lambda: messages_send_due(now=NOW, limit=MESSAGES))

    assert len(mail_server.accepted) > MESSAGES


def test_parallel_reminder_jobs_write_each_reminder_once() -> None:
    for _ in range(20):
        make_ending_claim(left=sending.timedelta(hours=20))

    run_together(lambda: reminders_enqueue(now=NOW, chunk_size=3))

    assert emails().count() == 20
    assert Message.objects.count() == 40
