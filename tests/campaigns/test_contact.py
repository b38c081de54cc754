"""Reminders keep to the shopper's hour and channel where they can wait, and never beyond that."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from campaigns.enums import MessageChannel, MessageState
from campaigns.models import ContactPlan, Message
from campaigns.selectors.contact import best_moment, contact_plans_of
from campaigns.services.reminders import reminders_enqueue
from coupons.models import Claim
from tests import factories
from users.models import User

# Noon in the shop.
NOW = factories.NOW
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def make_plan(shopper: User, *, hour: int = 19, **fields: Any) -> ContactPlan:
    fields.setdefault("channel", MessageChannel.EMAIL)
    fields.setdefault("is_triggered", False)
    fields.setdefault("computed_at", NOW - HOUR)
    return ContactPlan.objects.create(shopper=shopper, hour=hour, trigger_score=0.1, **fields)


def claim_ending(left: timedelta) -> Claim:
    claim = factories.make_claim(now=NOW - DAY)
    Claim.objects.filter(pk=claim.pk).update(expires_at=NOW + left)
    claim.refresh_from_db()
    return claim


def emails() -> list[Message]:
    return list(Message.objects.filter(channel=MessageChannel.EMAIL))


@pytest.mark.django_db
class TestReminders:
    def test_an_e_mail_waits_for_the_shoppers_hour_and_the_app_does_not(self) -> None:
        claim = claim_ending(60 * HOUR)
        make_plan(claim.shopper)
        reminders_enqueue(now=NOW)

        (email,) = emails()
        assert (email.state, email.next_attempt_at) == (MessageState.PENDING, NOW + 7 * HOUR)
        assert Message.objects.get(channel=MessageChannel.IN_APP).sent_at == NOW

    def test_without_a_plan_it_goes_out_now(self) -> None:
        claim_ending(60 * HOUR)
        reminders_enqueue(now=NOW)

        assert [email.next_attempt_at for email in emails()] == [NOW]

    def test_a_plan_of_long_ago_is_none(self) -> None:
        claim = claim_ending(60 * HOUR)
        make_plan(claim.shopper, channel=MessageChannel.IN_APP, computed_at=NOW - 8 * DAY)
        reminders_enqueue(now=NOW)

        assert [email.next_attempt_at for email in emails()] == [NOW]

    def test_whom_an_e_mail_would_not_help_is_reminded_in_the_app_alone(self) -> None:
        claim = claim_ending(60 * HOUR)
        make_plan(claim.shopper, channel=MessageChannel.IN_APP)
        reminders_enqueue(now=NOW)

        assert emails() == []
        assert Message.objects.count() == 1

    def test_the_last_reminder_waits_for_nothing_and_leaves_nothing_out(self) -> None:
        claim = claim_ending(2 * HOUR)
        make_plan(claim.shopper, hour=13, channel=MessageChannel.IN_APP)
        reminders_enqueue(now=NOW)

        assert [email.next_attempt_at for email in emails()] == [NOW]

    def test_whoever_is_near_to_buying_hears_at_once(self) -> None:
        claim = claim_ending(60 * HOUR)
        make_plan(claim.shopper, is_triggered=True)
        reminders_enqueue(now=NOW)

        assert [email.next_attempt_at for email in emails()] == [NOW]

    def test_twice_writes_nothing_more(self) -> None:
        claim = claim_ending(60 * HOUR)
        make_plan(claim.shopper)
        reminders_enqueue(now=NOW)
        reminders_enqueue(now=NOW + HOUR)

        assert [email.next_attempt_at for email in emails()] == [NOW + 7 * HOUR]


@pytest.mark.django_db
class TestTheMoment:
    @pytest.mark.parametrize(
        ("hour", "latest", "expected"),
        [
            (19, NOW + DAY, NOW + 7 * HOUR),
            (9, NOW + DAY, NOW + 21 * HOUR),
            (12, NOW + DAY, NOW),
            (19, NOW + 7 * HOUR, NOW),
            (19, NOW + 7 * HOUR + timedelta(seconds=1), NOW + 7 * HOUR),
        ],
    )
    def test_is_the_next_time_the_hour_strikes_before_the_latest(
        self, shopper: User, hour: int, latest: datetime, expected: datetime
    ) -> None:
        assert best_moment(plan=make_plan(shopper, hour=hour), now=NOW, latest=latest) == expected

    def test_plans_of_many_take_one_query(self, django_assert_num_queries: Any) -> None:
        people = [factories.make_shopper() for _ in range(5)]
        for person in people:
            make_plan(person)
        with django_assert_num_queries(1):
            plans = contact_plans_of(shopper_ids=[person.pk for person in people], now=NOW)
        assert plans.keys() == {person.pk for person in people}
