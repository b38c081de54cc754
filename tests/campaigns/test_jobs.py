"""The jobs as Celery and an operator start them."""

from __future__ import annotations

from datetime import datetime, timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection

from campaigns import tasks
from campaigns.channels.email import EmailDelivery
from campaigns.enums import MessageState
from campaigns.models import Message
from config.celery import app
from config.kernel.clock import database_now
from tests.campaigns.makers import emails, make_ending_claim
from tests.campaigns.smtp import MailServer

HOUR = timedelta(hours=1)


@pytest.fixture
def real_now(transactional_db: None) -> datetime:
    """The clock that the jobs read."""
    return database_now()


def everything() -> list[dict[str, object]]:
    return list(Message.objects.order_by("pk").values())


@pytest.mark.reliability(26)
@pytest.mark.django_db(transaction=True)
def test_every_task_run_twice_leaves_the_same_state(mail_server: MailServer, real_now: datetime) -> None:
    make_ending_claim(left=20 * HOUR, now=real_now)

    tasks.enqueue_reminders()
    assert len(everything()) == 2
    tasks.enqueue_reminders()
    assert len(everything()) == 2

    assert tasks.send_messages() == 1
    sent = everything()
    assert tasks.send_messages() == 0
    assert everything() == sent
    assert len(mail_server.accepted) == 1


@pytest.mark.django_db(transaction=True)
def test_commands_do_the_same_and_say_what_they_did(mail_server: MailServer, real_now: datetime) -> None:
    make_ending_claim(left=20 * HOUR, now=real_now)
    out = StringIO()

    call_command("send_reminders", stdout=out)
    call_command("send_messages", stdout=out)
    call_command("send_messages", stdout=out)

    assert out.getvalue().splitlines() == [
        "Reminded of 1 claims.",
        "Sent 1, no longer needed 0, to try again 0, given up 0.",
        "Sent 0, no longer needed 0, to try again 0, given up 0.",
    ]
    assert emails().get().state == MessageState.SENT


@pytest.mark.django_db(transaction=True)
def test_no_transaction_is_open_while_the_mail_server_is_spoken_to(
    mail_server: MailServer, real_now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_ending_claim(left=20 * HOUR, now=real_now)
    tasks.enqueue_reminders()
    in_transaction: list[bool] = []
    send = EmailDelivery.send

    def spy(self: EmailDelivery, message: Message, content: object) -> None:
        in_transaction.append(connection.in_atomic_block)
        # Committed already: another connection would see that the message is taken.
        assert message.state == MessageState.SENDING
        send(self, message, content)  # type: ignore[arg-type]  # handed on as it came

    monkeypatch.setattr(EmailDelivery, "send", spy)
    tasks.send_messages()

    assert in_transaction == [False]


def test_every_scheduled_task_exists_and_does_not_pile_up() -> None:
    app.loader.import_default_modules()
    schedule = app.conf.beat_schedule
    for name in ("enqueue reminders", "send messages", "expire claims", "release expired locks"):
        entry = schedule[name]
        assert entry["task"] in app.tasks
        assert entry["options"]["expires"] == entry["schedule"]
