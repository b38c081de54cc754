"""A shopper's messages in the app."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.utils import translation
from pytest_django import DjangoAssertNumQueries

from campaigns.models import Message
from campaigns.selectors.inbox import inbox_entries, unread_count
from campaigns.services.inbox import inbox_mark_read
from campaigns.services.reminders import reminders_enqueue
from tests.campaigns.makers import make_ending_claim
from tests.factories import NOW
from users.models import User

pytestmark = pytest.mark.django_db

HOUR = timedelta(hours=1)


def test_the_inbox_says_which_coupon_ends_when(shopper: User) -> None:
    make_ending_claim(left=20 * HOUR, shopper=shopper, title_en="Fresh fruit", amount_off=12_50)
    reminders_enqueue(now=NOW)

    (entry,) = inbox_entries(shopper=shopper, now=NOW)

    assert entry.title == "Fresh fruit – use it until Nov. 22, 2026, 8 a.m."
    assert entry.body == "¥12.50 off. It is waiting in your wallet."
    assert entry.url.startswith("/")
    assert entry.created_at == NOW
    assert entry.is_unread


def test_it_speaks_the_language_of_the_page(shopper: User) -> None:
    make_ending_claim(left=20 * HOUR, shopper=shopper, title_zh="新鲜水果")
    reminders_enqueue(now=NOW)

    with translation.override("zh-hans"):
        (entry,) = inbox_entries(shopper=shopper, now=NOW)

    assert "新鲜水果" in entry.title


def test_the_newest_comes_first_and_others_see_nothing(shopper: User, outsider: User) -> None:
    claim = make_ending_claim(left=30 * HOUR, shopper=shopper)
    reminders_enqueue(now=NOW)
    reminders_enqueue(now=NOW + 10 * HOUR)

    entries = inbox_entries(shopper=shopper, now=NOW + 10 * HOUR)

    assert [entry.created_at for entry in entries] == [NOW + 10 * HOUR, NOW]
    assert claim.shopper == shopper
    assert inbox_entries(shopper=outsider, now=NOW + 10 * HOUR) == []
    assert unread_count(outsider.pk) == 0


def test_reading_is_noted_once_and_only_for_the_reader(shopper: User, outsider: User) -> None:
    make_ending_claim(left=20 * HOUR, shopper=shopper)
    make_ending_claim(left=20 * HOUR, shopper=outsider)
    reminders_enqueue(now=NOW)
    assert unread_count(shopper.pk) == 1

    assert inbox_mark_read(shopper=shopper, now=NOW + HOUR) == 1
    assert inbox_mark_read(shopper=shopper, now=NOW + 2 * HOUR) == 0

    assert unread_count(shopper.pk) == 0
    assert unread_count(outsider.pk) == 1
    assert not inbox_entries(shopper=shopper, now=NOW)[0].is_unread
    assert Message.objects.inbox(shopper.pk).get().read_at == NOW + HOUR


def test_a_message_that_arrives_while_reading_stays_unread(shopper: User) -> None:
    make_ending_claim(left=20 * HOUR, shopper=shopper)
    reminders_enqueue(now=NOW)

    assert inbox_mark_read(shopper=shopper, now=NOW - timedelta(seconds=1)) == 0


def test_the_number_of_queries_does_not_grow_with_the_inbox(
    shopper: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for hours in range(5, 15):
        make_ending_claim(left=hours * HOUR, shopper=shopper)
    reminders_enqueue(now=NOW)

    with django_assert_num_queries(3):
        assert len(inbox_entries(shopper=shopper, now=NOW)) == 10
