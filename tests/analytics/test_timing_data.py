"""What timing is worked out from: the same as counted one by one, whoever lies between."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

import numpy as np
import pytest
from django.db import connection

from analytics.selectors.timing import CHANNELS, HABIT_LASTS, timing_chunks
from campaigns.enums import MessageChannel, MessageState, MessageTopic
from campaigns.models import Message
from config.kernel.clock import shop_zone
from tests import factories
from tests.analytics.builders import make_claim_at, make_order, make_purchase, make_redemption
from users.models import BehaviourEvent, User

NOW = factories.NOW
DAY = timedelta(days=1)
WEIGHTS = {"view": 0.5, "cart": 2.0, "purchase": 3.0}

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _needs_postgresql() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("the facts come from statements of PostgreSQL")


@pytest.fixture
def shoppers() -> list[User]:
    """Thirteen with events and messages at random, some silent, one of the staff and one closed account among them."""
    random = np.random.default_rng(5)
    found = [factories.make_shopper() for _ in range(13)]
    coupon = factories.make_coupon(limit_per_shopper=100)
    for number, shopper in enumerate(found):
        if number % 4 == 3:
            # Too long ago.
            make_purchase(shopper, NOW - HABIT_LASTS - DAY)
            continue
        for _ in range(12):
            kind = random.choice(["view", "cart", "purchase", "search"])
            make_purchase(shopper, NOW - random.choice([5, 20, 95]) * random.random() * DAY, kind=kind)
        for _ in range(4):
            sent_at = NOW - random.choice([7, 200]) * random.random() * DAY
            order = make_order(shopper, sent_at + 10 * random.random() * DAY)
            claim = make_claim_at(shopper, coupon, sent_at - DAY, order=order)
            make_redemption(claim, order, amount=1_00)
            Message.objects.create(
                shopper=shopper,
                channel=random.choice(list(MessageChannel)),
                topic=MessageTopic.EXPIRY_REMINDER,
                dedupe_key=f"{claim.pk}",
                data={"claim": claim.pk},
                state=MessageState.SENT,
                next_attempt_at=sent_at,
                created_at=sent_at,
                sent_at=sent_at,
            )
    User.objects.filter(pk=found[2].pk).update(is_staff=True)
    User.objects.filter(pk=found[5].pk).update(is_active=False)
    return found


@pytest.mark.parametrize("chunk_rows", [1, 4, 100])
def test_it_is_what_one_counts_one_by_one(shoppers: list[User], chunk_rows: int) -> None:
    chunks = list(timing_chunks(as_of=NOW, now=NOW, chunk_rows=chunk_rows))

    told = {
        shopper: (chunk.hours[row], chunk.days[row], chunk.sent[row], chunk.answered[row], chunk.sent_lately[row])
        for chunk in chunks
        for row, shopper in enumerate(chunk.shopper_ids.tolist())
    }
    expected = {
        shopper.pk: counted(shopper)
        for number, shopper in enumerate(shoppers)
        if number % 4 != 3 and number not in (2, 5)
    }
    assert list(told) == sorted(expected)
    for shopper, figures in expected.items():
        for mine, theirs in zip(told[shopper], figures, strict=True):
            assert mine.tolist() == theirs.tolist()


def counted(shopper: User) -> tuple[np.ndarray, ...]:
    """Hours, weights by day, messages sent, answered and sent lately, by plain loops."""
    hours, days = np.zeros(24), np.zeros(8)
    for event in BehaviourEvent.objects.filter(shopper=shopper, occurred_at__lt=NOW):
        age = NOW - event.occurred_at
        if age <= HABIT_LASTS:
            hours[event.occurred_at.astimezone(shop_zone()).hour] += 1
        if age < 8 * DAY:
            days[age // DAY] += WEIGHTS.get(event.kind, 0)
    sent, answered, lately = Counter(), Counter(), Counter()
    for message in Message.objects.filter(shopper=shopper, sent_at__gte=NOW - 180 * DAY, sent_at__lt=NOW):
        sent[message.channel] += 1
        lately[message.channel] += message.sent_at >= NOW - 7 * DAY
        until = min(NOW, message.sent_at + 7 * DAY)
        used = shopper.claims.get(pk=message.data["claim"]).redemptions.get().redeemed_at
        answered[message.channel] += message.sent_at <= used < until
    by_channel = (np.array([found[channel] for channel in CHANNELS], dtype=float) for found in (sent, answered, lately))
    return hours, days, *by_channel
