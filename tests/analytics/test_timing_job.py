"""The nightly timing run: plans for whoever did something lately, with their reasons, blind to the future."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.db import connection

from analytics import tasks
from analytics.enums import RunReason, RunState
from analytics.jobs import timing as job
from analytics.jobs.timing import run_timing
from campaigns.enums import CampaignStatus, MessageChannel, MessageState, MessageTopic
from campaigns.models import Campaign, ContactPlan, CouponScore, Message
from config.kernel.clock import shop_zone
from tests import factories
from tests.analytics.builders import make_claim_at, make_order, make_purchase, make_redemption
from tests.analytics.response_shop import make_mailing
from users.models import User

# Noon in the shop.
NOW = factories.NOW
DAY = timedelta(days=1)
HOUR = timedelta(hours=1)

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _needs_postgresql() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("the facts come from statements of PostgreSQL")


def buy(shopper: User, *, hour: int, days: int, kind: str = "purchase", until: datetime = NOW) -> None:
    """Something done on each of the last days, at an hour of the shop."""
    for day in range(1, days + 1):
        local = (until - day * DAY).astimezone(shop_zone()).replace(hour=hour)
        make_purchase(shopper, local, kind=kind)


def plan_of(shopper: User) -> ContactPlan:
    return ContactPlan.objects.get(shopper=shopper)


def send(shopper: User, channel: MessageChannel, at: datetime, *, claim: int) -> None:
    Message.objects.create(
        dedupe_key=f"{channel}-{shopper.pk}-{claim}-{at.isoformat()}",
        shopper=shopper,
        channel=channel,
        topic=MessageTopic.EXPIRY_REMINDER,
        data={"claim": claim},
        state=MessageState.SENT,
        sent_at=at,
        next_attempt_at=at,
        created_at=at,
    )


def test_everybody_gets_the_hour_of_their_own_habit(shopper: User, outsider: User) -> None:
    buy(shopper, hour=20, days=60)
    buy(outsider, hour=9, days=60)
    run = run_timing(now=NOW, as_of=NOW)

    assert (run.state, run.metrics["shoppers"]) == (RunState.PUBLISHED, 2)
    assert (plan_of(shopper).hour, plan_of(outsider).hour) == (20, 9)
    assert plan_of(shopper).reasons["events"] == 60
    assert plan_of(shopper).reasons["hours"][0][0] == 20


def test_fires_after_two_busy_days_inside_a_live_campaign_alone(shopper: User, outsider: User) -> None:
    for person in (shopper, outsider):
        buy(person, hour=12, days=20)
    campaign = make_mailing(
        [factories.make_product()], [], starts_at=NOW - DAY, key="live", status=CampaignStatus.PUBLISHED
    )
    coupon = campaign.coupons.get()
    CouponScore.objects.create(shopper=shopper, coupon=coupon, probability=0.1, value=1, computed_at=NOW)
    run_timing(now=NOW, as_of=NOW)

    assert plan_of(shopper).trigger_score == 1
    assert plan_of(shopper).is_triggered
    assert not plan_of(outsider).is_triggered

    Campaign.objects.update(status=CampaignStatus.PAUSED)
    run_timing(now=NOW, as_of=NOW)
    assert not plan_of(shopper).is_triggered


def test_a_view_counts_half_a_cart_two_and_a_purchase_three(shopper: User, outsider: User) -> None:
    for kind in ("view", "cart", "purchase", "search"):
        make_purchase(shopper, NOW - HOUR, kind=kind)
    make_purchase(outsider, NOW - HOUR, kind="purchase")
    facts = next(iter(job.timing_chunks(as_of=NOW, now=NOW, chunk_rows=10)))

    assert facts.days[:, 0].tolist() == [5.5, 3.0]


def test_whoever_answers_e_mails_gets_them_until_tired(shopper: User) -> None:
    buy(shopper, hour=12, days=5)
    for number in range(15):
        sent_at = NOW - (20 + 3 * number) * DAY
        claim = make_claim_at(shopper, factories.make_coupon(stock=None), sent_at - DAY)
        order = make_order(shopper, sent_at + DAY)
        make_redemption(claim, order, amount=1_00)
        send(shopper, MessageChannel.EMAIL, sent_at, claim=claim.pk)
        # Of those in the app every fifth comes soon enough to be what was answered.
        send(shopper, MessageChannel.IN_APP, sent_at - (0 if number % 5 == 0 else 12) * DAY, claim=claim.pk)
    run_timing(now=NOW, as_of=NOW)
    assert plan_of(shopper).channel == MessageChannel.EMAIL

    for number in range(6):
        # Six in the last week, none of which was answered.
        send(shopper, MessageChannel.EMAIL, NOW - DAY - number * HOUR, claim=1)
    run_timing(now=NOW, as_of=NOW)
    plan = plan_of(shopper)
    assert plan.channel == MessageChannel.IN_APP
    assert plan.reasons["channels"]["email"]["sent_lately"] == 6


def test_who_wants_no_e_mail_is_never_planned_one(shopper: User) -> None:
    buy(shopper, hour=12, days=5)
    User.objects.filter(pk=shopper.pk).update(wants_reminders=False)
    run_timing(now=NOW, as_of=NOW)

    assert plan_of(shopper).channel == MessageChannel.IN_APP
    assert plan_of(shopper).reasons["channels"]["email"]["score"] == 0


def test_nothing_after_the_cut_off_moves_a_plan(shopper: User, outsider: User) -> None:
    buy(shopper, hour=20, days=30)
    buy(outsider, hour=9, days=30)
    run_timing(now=NOW, as_of=NOW)
    before = list(ContactPlan.objects.order_by("pk").values())
    for hour in range(30):
        make_purchase(shopper, NOW + hour * HOUR, kind="cart")
        send(shopper, MessageChannel.EMAIL, NOW + hour * HOUR, claim=1)
    run_timing(now=NOW, as_of=NOW)

    assert list(ContactPlan.objects.order_by("pk").values()) == before


def test_control_what_happened_before_it_does(shopper: User, outsider: User) -> None:
    buy(shopper, hour=20, days=30)
    buy(outsider, hour=9, days=30)
    run_timing(now=NOW, as_of=NOW)
    before = list(ContactPlan.objects.order_by("pk").values())
    for hour in range(30):
        make_purchase(shopper, NOW - hour * HOUR - HOUR, kind="cart")
    run_timing(now=NOW, as_of=NOW)

    assert list(ContactPlan.objects.order_by("pk").values()) != before


def test_chunks_change_nothing_and_plans_of_the_silent_end(
    shopper: User, outsider: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    buy(shopper, hour=20, days=30)
    buy(outsider, hour=9, days=60, until=NOW - 40 * DAY)
    run_timing(now=NOW, as_of=NOW)
    before = list(ContactPlan.objects.order_by("pk").values())
    monkeypatch.setattr(job, "CHUNK_ROWS", 1)
    run_timing(now=NOW, as_of=NOW)
    assert list(ContactPlan.objects.order_by("pk").values()) == before

    run = run_timing(now=NOW + 80 * DAY, as_of=NOW + 80 * DAY)
    assert run.metrics["dropped"] == 1
    assert ContactPlan.objects.get().shopper == shopper


def test_an_empty_shop_keeps_old_plans(shopper: User) -> None:
    ContactPlan.objects.create(
        shopper=shopper, hour=9, channel="email", trigger_score=0, is_triggered=False, computed_at=NOW - DAY
    )
    run = run_timing(now=NOW, as_of=NOW)

    assert (run.state, run.reason) == (RunState.SKIPPED, RunReason.TOO_FEW)
    assert ContactPlan.objects.exists()


def test_the_task_runs_it(shopper: User) -> None:
    assert tasks.run_timing() is not None
