"""Reminders before coupons expire: who gets which, and each once."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise

import pytest

from campaigns.enums import MessageChannel, MessageState
from campaigns.models import Message
from campaigns.selectors.reminders import LEAD_TIMES, WINDOWS, reminders_due_count
from campaigns.services.reminders import reminders_enqueue
from coupons.enums import ClaimState
from coupons.models import Claim
from coupons.services.claim_states import claim_extend, claim_revoke
from tests import factories
from tests.campaigns.makers import emails, lead_hours, make_ending_claim
from tests.factories import NOW
from users.models import User

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)
TICK = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("left", "reminded"),
    [
        (72 * HOUR + TICK, []),
        (72 * HOUR, [72]),
        (25 * HOUR + TICK, [72]),
        # The next reminder comes within the hour: two in a row would be one too many.
        (25 * HOUR, []),
        (24 * HOUR + TICK, []),
        (24 * HOUR, [24]),
        (4 * HOUR + TICK, [24]),
        (4 * HOUR, []),
        (3 * HOUR, [3]),
        (TICK, [3]),
        (-TICK, []),
    ],
)
def test_a_claim_gets_the_nearest_lead_time_that_has_come(left: timedelta, reminded: list[int]) -> None:
    claim = make_ending_claim(left=HOUR * 24 * 30)
    Claim.objects.filter(pk=claim.pk).update(expires_at=NOW + left)

    reminders_enqueue(now=NOW)

    assert lead_hours(claim) == reminded
    assert lead_hours(claim, MessageChannel.EMAIL) == reminded


def test_a_job_that_runs_every_ten_minutes_sends_each_lead_time_once_and_on_time() -> None:
    claim = make_ending_claim(left=80 * HOUR)

    written_at = {}
    for minutes in range(0, 81 * 60, 10):
        now = NOW + timedelta(minutes=minutes)
        reminders_enqueue(now=now)
        for hours in lead_hours(claim):
            written_at.setdefault(hours, now)

    assert lead_hours(claim) == [72, 24, 3]
    assert written_at == {int(lead / HOUR): claim.expires_at - lead for lead in LEAD_TIMES}


def test_a_claim_made_shortly_before_its_end_is_reminded_of_once_at_a_time() -> None:
    coupon = factories.make_coupon(usable_until=NOW + 10 * HOUR)
    claim = factories.make_claim(coupon=coupon, now=NOW)

    reminders_enqueue(now=NOW + timedelta(minutes=10))
    assert lead_hours(claim) == [24]

    reminders_enqueue(now=claim.expires_at - 3 * HOUR)
    assert lead_hours(claim) == [24, 3]


def test_a_job_that_was_down_catches_up_with_one_reminder() -> None:
    claim = make_ending_claim(left=100 * HOUR)
    over = make_ending_claim(left=50 * HOUR)

    reminders_enqueue(now=NOW + 98 * HOUR)

    assert lead_hours(claim) == [3]
    assert lead_hours(over) == []


@pytest.mark.reliability(26)
def test_running_twice_writes_nothing_more() -> None:
    claim = make_ending_claim(left=20 * HOUR)

    assert reminders_enqueue(now=NOW) == 1
    first = list(Message.objects.order_by("pk").values())
    assert reminders_enqueue(now=NOW) == 0
    assert reminders_enqueue(now=NOW + HOUR) == 0

    assert list(Message.objects.order_by("pk").values()) == first
    assert len(first) == 2
    assert lead_hours(claim) == [24]


def test_chunks_cover_every_claim_once_and_report_their_progress() -> None:
    coupon = factories.make_coupon(usable_until=NOW + 20 * HOUR)
    other = factories.make_coupon(usable_until=NOW + 2 * HOUR)
    claims = [factories.make_claim(coupon=coupon, now=NOW - HOUR) for _ in range(5)]
    claims += [factories.make_claim(coupon=other, now=NOW - HOUR) for _ in range(2)]
    steps: list[int] = []

    assert reminders_due_count(now=NOW) == 7
    assert reminders_enqueue(now=NOW, chunk_size=2, progressed=steps.append) == 7

    assert steps == [2, 2, 1, 2]
    assert reminders_due_count(now=NOW) == 0
    assert all(len(lead_hours(claim)) == 1 for claim in claims)


def test_a_new_end_is_reminded_of_anew(marketer: User) -> None:
    claim = make_ending_claim(left=2 * HOUR)
    reminders_enqueue(now=NOW)
    claim_extend(claim=claim, until=NOW + 48 * HOUR, actor=marketer, now=NOW)

    reminders_enqueue(now=NOW)
    reminders_enqueue(now=NOW + 46 * HOUR)

    assert lead_hours(claim) == [3, 72, 3]


@pytest.mark.parametrize("state", [ClaimState.GIFTING, ClaimState.EXPIRED])
def test_only_available_claims_are_reminded_of(state: ClaimState) -> None:
    claim = make_ending_claim(left=20 * HOUR)
    Claim.objects.filter(pk=claim.pk).update(state=state)

    assert reminders_enqueue(now=NOW) == 0


def test_a_revoked_claim_is_not_reminded_of(marketer: User) -> None:
    claim = make_ending_claim(left=20 * HOUR)
    claim_revoke(claim=claim, actor=marketer, reason="mistake", now=NOW)

    assert reminders_enqueue(now=NOW) == 0


def test_a_claim_that_is_not_usable_yet_is_reminded_of_once_it_is() -> None:
    claim = make_ending_claim(left=20 * HOUR, usable_from=NOW + HOUR)

    assert reminders_enqueue(now=NOW) == 0
    assert reminders_enqueue(now=NOW + HOUR) == 1
    assert lead_hours(claim) == [24]


def test_a_closed_account_gets_nothing() -> None:
    claim = make_ending_claim(left=20 * HOUR)
    User.objects.filter(pk=claim.shopper_id).update(is_active=False)

    assert reminders_enqueue(now=NOW) == 0


@pytest.mark.parametrize("fields", [{"email": ""}, {"wants_reminders": False}])
def test_without_an_address_or_the_wish_there_is_only_the_message_in_the_app(fields: dict[str, object]) -> None:
    claim = make_ending_claim(left=20 * HOUR, shopper=factories.make_shopper(**fields))

    reminders_enqueue(now=NOW)

    assert lead_hours(claim) == [24]
    assert not emails().exists()


def test_in_the_app_a_reminder_is_delivered_when_it_is_written() -> None:
    make_ending_claim(left=20 * HOUR)

    reminders_enqueue(now=NOW)

    in_app = Message.objects.get(channel=MessageChannel.IN_APP)
    email = emails().get()
    assert (in_app.state, in_app.sent_at) == (MessageState.SENT, NOW)
    assert (email.state, email.sent_at, email.next_attempt_at) == (MessageState.PENDING, None, NOW)


def test_the_outbox_holds_no_personal_data() -> None:
    claim = make_ending_claim(left=20 * HOUR, shopper=factories.make_shopper(name="Mei", email="mei@example.com"))

    reminders_enqueue(now=NOW)

    for message in Message.objects.values("dedupe_key", "data", "last_error"):
        assert message["data"].keys() == {"claim", "expires_at", "lead_hours"}
        assert "mei" not in str(message).lower()
        assert message["dedupe_key"].startswith(f"expiry:{claim.pk}:20261122000000:24h:")


def test_windows_leave_no_lead_time_out_and_do_not_overlap() -> None:
    assert [window.longest for window in WINDOWS] == list(LEAD_TIMES)
    for earlier, later in pairwise(WINDOWS):
        assert earlier.shortest > later.longest
