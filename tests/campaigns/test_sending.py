"""The outbox's sending half, against a real mail server: nothing lost, nothing twice, nothing pointless."""

from __future__ import annotations

from datetime import timedelta

import pytest

from campaigns.enums import MessageState
from campaigns.models import Message
from campaigns.services import sending
from campaigns.services.sending import (
    LEASE,
    MAXIMUM_ATTEMPTS,
    SendingResult,
    messages_send_due,
    messages_take,
    pause_after,
)
from coupons.enums import ClaimState
from coupons.models import Claim
from coupons.services.claim_states import claim_extend, claim_revoke
from tests import factories
from tests.campaigns.makers import emails, make_due_email, make_due_emails
from tests.campaigns.smtp import MailServer
from tests.factories import NOW
from users.models import User

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def reread(message: Message) -> Message:
    return Message.objects.get(pk=message.pk)


def test_a_due_message_is_delivered_once(mail_server: MailServer) -> None:
    message = make_due_email()

    assert messages_send_due(now=NOW).sent == 1
    assert messages_send_due(now=NOW).total == 0
    assert messages_send_due(now=NOW + 30 * HOUR).total == 0

    assert mail_server.recipients() == [message.shopper.email]
    message = reread(message)
    assert (message.state, message.attempts, message.last_error) == (MessageState.SENT, 1, "")
    assert message.sent_at is not None
    assert NOW <= message.sent_at < NOW + timedelta(minutes=1)


def test_one_connection_serves_many_messages(mail_server: MailServer) -> None:
    make_due_emails(60)

    assert messages_send_due(now=NOW).sent == 60

    assert len(set(mail_server.recipients())) == 60
    assert mail_server.connections == 1


def test_the_limit_holds(mail_server: MailServer) -> None:
    make_due_emails(5)
    steps: list[int] = []

    assert messages_send_due(now=NOW, limit=3, progressed=steps.append).sent == 3

    assert len(mail_server.accepted) == sum(steps) == 3


def test_a_refused_message_is_tried_again_and_arrives_exactly_once(mail_server: MailServer) -> None:
    message = make_due_email()
    mail_server.refuse_next("451 4.3.0 try again later, says mei@example.com")

    assert messages_send_due(now=NOW).postponed == 1
    message = reread(message)
    assert (message.state, message.attempts, message.last_error) == (MessageState.PENDING, 1, "SMTP 451")

    assert messages_send_due(now=NOW + timedelta(seconds=30)).total == 0
    assert messages_send_due(now=NOW + timedelta(minutes=2)).sent == 1
    assert messages_send_due(now=NOW + timedelta(hours=2)).total == 0
    assert mail_server.recipients() == [message.shopper.email]


def test_one_refused_message_does_not_hold_up_the_others(mail_server: MailServer) -> None:
    make_due_emails(4)
    mail_server.refuse_next("451 4.3.0 try again later")

    result = messages_send_due(now=NOW)

    assert (result.sent, result.postponed) == (3, 1)
    assert mail_server.connections == 1


def test_pauses_double_up_to_an_hour() -> None:
    minutes = [pause_after(attempts) / timedelta(minutes=1) for attempts in range(1, MAXIMUM_ATTEMPTS)]

    assert minutes == [1, 2, 4, 8, 16, 32, 60]


def test_a_message_that_is_refused_again_and_again_is_given_up(mail_server: MailServer) -> None:
    message = make_due_email()
    mail_server.refuse_next("452 4.2.2 mailbox full", times=MAXIMUM_ATTEMPTS)

    for attempt in range(1, MAXIMUM_ATTEMPTS + 1):
        messages_send_due(now=NOW + attempt * 2 * HOUR)
        assert reread(message).attempts == attempt

    assert reread(message).state == MessageState.FAILED
    assert reread(message).last_error == "SMTP 452"
    assert messages_send_due(now=NOW + 19 * HOUR).total == 0


def test_a_message_that_can_never_arrive_is_given_up_at_once(mail_server: MailServer) -> None:
    message = make_due_email()
    mail_server.refuse_next("550 5.1.1 no such mailbox mei@example.com")

    assert messages_send_due(now=NOW).failed == 1

    assert (reread(message).state, reread(message).last_error) == (MessageState.FAILED, "SMTP 550")


def test_an_address_with_a_line_break_harms_nobody_else(mail_server: MailServer) -> None:
    broken = make_due_email(shopper=factories.make_shopper(email="mei@example.com\nBcc: all@example.com"))
    whole = make_due_email()

    result = messages_send_due(now=NOW)

    assert (result.sent, result.failed) == (1, 1)
    assert reread(broken).last_error == "unusable address"
    assert mail_server.recipients() == [whole.shopper.email]


def test_while_the_server_is_away_messages_wait_and_no_attempt_is_counted(mail_server: MailServer) -> None:
    make_due_emails(3)
    mail_server.shut_down()

    for hour in range(12):
        result = messages_send_due(now=NOW + hour * HOUR)
        assert result.is_channel_down
        assert result.postponed == 3

    assert set(emails().values_list("state", "attempts", "last_error")) == {
        (MessageState.PENDING, 0, "ConnectionRefusedError")
    }


def test_a_server_that_shuts_down_in_the_middle_costs_no_attempt(mail_server: MailServer) -> None:
    make_due_emails(3)
    mail_server.refuse_next("421 4.3.2 shutting down")

    result = messages_send_due(now=NOW)
    assert (result.sent, result.postponed, result.is_channel_down) == (0, 3, True)

    assert messages_send_due(now=NOW + timedelta(minutes=2)).sent == 3
    assert len(set(mail_server.recipients())) == 3


def test_a_sender_that_dies_after_taking_a_message_is_replaced_after_the_lease(mail_server: MailServer) -> None:
    message = make_due_email()
    messages_take(now=NOW, limit=10, result=SendingResult())

    assert messages_send_due(now=NOW + LEASE - timedelta(seconds=1)).total == 0
    assert messages_send_due(now=NOW + LEASE).sent == 1
    assert messages_send_due(now=NOW + 3 * LEASE).total == 0

    assert mail_server.recipients() == [message.shopper.email]
    assert reread(message).attempts == 2


def test_a_message_whose_senders_all_died_is_given_up() -> None:
    message = make_due_email()
    for attempt in range(MAXIMUM_ATTEMPTS):
        messages_take(now=NOW + attempt * LEASE, limit=10, result=SendingResult())

    assert messages_send_due(now=NOW + MAXIMUM_ATTEMPTS * LEASE).failed == 1

    assert (reread(message).state, reread(message).last_error) == (MessageState.FAILED, "the sender was lost")


def test_a_sender_that_overran_its_lease_changes_nothing_any_more(mail_server: MailServer) -> None:
    make_due_email()
    (stale,) = messages_take(now=NOW, limit=10, result=SendingResult())
    (fresh,) = messages_take(now=NOW + LEASE, limit=10, result=SendingResult())

    assert sending._finish(stale, state=MessageState.PENDING) == 0
    assert reread(stale).state == MessageState.SENDING
    assert sending._finish(fresh, state=MessageState.PENDING) == 1


def test_what_cannot_be_begun_in_time_goes_back_untouched(
    mail_server: MailServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_due_emails(3)
    monkeypatch.setattr(sending, "LEASE_MARGIN", LEASE + HOUR)

    result = messages_send_due(now=NOW)

    assert (result.sent, result.postponed) == (0, 3)
    assert set(emails().values_list("state", "attempts")) == {(MessageState.PENDING, 0)}


def test_a_second_sending_carries_the_same_message_id(mail_server: MailServer) -> None:
    message = make_due_email()
    messages_send_due(now=NOW)
    # As if the sender had died between the server's answer and its own note.
    Message.objects.filter(pk=message.pk).update(state=MessageState.SENDING, sent_at=None)

    messages_send_due(now=NOW + 2 * LEASE)

    first, second = mail_server.accepted
    assert first["Message-ID"] == second["Message-ID"]


def test_messages_of_two_claims_have_two_message_ids(mail_server: MailServer) -> None:
    make_due_emails(2)
    messages_send_due(now=NOW)

    first, second = mail_server.accepted
    assert first["Message-ID"] != second["Message-ID"]


def claim_used(message: Message, actor: User) -> None:
    claim = Claim.objects.get(pk=message.data["claim"])
    claim_revoke(claim=claim, actor=actor, reason="taken back", now=NOW)


def claim_expired(message: Message, actor: User) -> None:
    Claim.objects.filter(pk=message.data["claim"]).update(state=ClaimState.EXPIRED)


def claim_extended(message: Message, actor: User) -> None:
    claim = Claim.objects.get(pk=message.data["claim"])
    claim_extend(claim=claim, until=claim.expires_at + 48 * HOUR, actor=actor, now=NOW)


def shopper_declined(message: Message, actor: User) -> None:
    User.objects.filter(pk=message.shopper_id).update(wants_reminders=False)


def account_closed(message: Message, actor: User) -> None:
    User.objects.filter(pk=message.shopper_id).update(is_active=False)


@pytest.mark.parametrize("change", [claim_used, claim_expired, claim_extended, shopper_declined, account_closed])
def test_a_message_that_lost_its_point_is_cancelled(mail_server: MailServer, marketer: User, change: object) -> None:
    message = make_due_email()
    change(message, marketer)  # type: ignore[operator]  # one of the functions above

    assert messages_send_due(now=NOW).cancelled == 1

    assert mail_server.accepted == []
    assert reread(message).state == MessageState.CANCELLED


def test_a_message_is_not_sent_after_the_coupon_has_expired(mail_server: MailServer) -> None:
    message = make_due_email()

    assert messages_send_due(now=NOW + 20 * HOUR).cancelled == 1

    assert mail_server.accepted == []
    assert reread(message).state == MessageState.CANCELLED


@pytest.mark.reliability(26)
def test_running_twice_leaves_the_same_state(mail_server: MailServer) -> None:
    make_due_emails(3)
    messages_send_due(now=NOW)
    first = list(Message.objects.order_by("pk").values())

    messages_send_due(now=NOW)

    assert list(Message.objects.order_by("pk").values()) == first
    assert len(mail_server.accepted) == 3
