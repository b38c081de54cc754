"""Every task of every app run twice, one after the other and beside itself: the second time changes nothing.

A message broker may deliver anything twice. A new task without a piece of work for it here fails.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from celery import Task
from django.apps import apps
from django.conf import settings
from django_redis import get_redis_connection

from analytics.enums import RequestKind
from analytics.models import ModelPromotion, ModelVersion, Run, SegmentSnapshot
from analytics.services.plan_requests import plan_request_create
from campaigns.services.grants import grant_create, grant_start
from config.celery import app, beat_schedule
from config.kernel.clock import database_now
from config.kernel.lots import border_of
from config.kernel.models import IdempotencyRecord, JobReport
from coupons.enums import AudienceKind, Handout
from coupons.gate import Gate
from coupons.models import (
    AffinityEdition,
    AllocationEdition,
    ClaimTicket,
    ReleaseBatch,
    ScopeEntry,
    StockPolicy,
    WaitingEntry,
)
from coupons.services.code_batches import code_batch_generate
from coupons.services.gifts import gift_offer
from coupons.services.lotteries import lottery_enter, lottery_seal
from coupons.services.orders import order_lock
from coupons.services.waiting import waiting_grant_due
from tests import factories
from tests.analytics.builders import make_order, make_plan, make_population
from tests.analytics.response_shop import make_response_shop
from tests.analytics.shopping import make_shop
from tests.analytics.test_bandit_job import make_decision
from tests.campaigns.makers import make_campaign, make_due_email, make_ending_claim
from tests.campaigns.smtp import running_mail_server
from tests.campaigns.test_variants import make_group
from tests.concurrency.crowd import rush
from tests.factories import LONG_AGO
from tests.figures import Figures
from tests.forms import IS_LONG
from users.enums import TagSource
from users.models import OneTimeCode, Tag, User
from users.models.one_time_code import LASTS
from users.services.views import PENDING, coupon_view_note

# Tasks read the real clock; whatever is done here lies safely before it.
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
THEN = LONG_AGO + HOUR


@dataclass(frozen=True, slots=True)
class Work:
    """Something for a task to do.

    Attributes:
        prepare: makes it, and returns the arguments of the task.
        finds: what the task returns when it does it, and when it finds nothing more to do; None for anything.
        journal: models whose rows say that the task ran, rather than what came of it.
        renewed: columns that every run writes, such as until when its answer counts.
    """

    prepare: Callable[[], list[Any]]
    finds: tuple[int | None, int | None] = (1, 0)
    journal: tuple[type, ...] = ()
    renewed: tuple[str, ...] = ()


def a_claim_that_is_over() -> list[Any]:
    factories.make_claim(usable_days=1, now=THEN)
    return []


def a_purchase_of_last_week() -> list[Any]:
    make_order(factories.make_shopper(), database_now() - 7 * DAY)
    return []


def an_order_that_nobody_paid() -> list[Any]:
    claim = factories.make_claim(now=THEN)
    order_lock(
        shopper=claim.shopper,
        reference=f"forgotten-{claim.pk}",
        items=[factories.cart_item()],
        claim_ids=[claim.public_id],
        now=THEN,
    )
    return []


def a_batch_of_codes() -> list[Any]:
    coupon = factories.make_coupon(handout=Handout.CODE)
    return [code_batch_generate(coupon=coupon, quantity=20, prefix="", actor=None, now=THEN).pk]


def some_batch_of_codes() -> list[Any]:
    a_batch_of_codes()
    return []


def a_grant_to_three_shoppers() -> list[Any]:
    coupon = factories.make_coupon(stock=10)
    # A tag of their own, since other work in the same database makes shoppers too.
    name = f"grant-{coupon.pk}"
    for _number in range(3):
        Tag.objects.create(shopper=factories.make_shopper(), name=name, source=TagSource.MARKETER, set_at=THEN)
    grant = grant_create(coupon=coupon, audience=AudienceKind.TAGGED, tag=name, actor=None, now=THEN)
    return [grant_start(grant=grant, actor=None, now=THEN, wakes_worker=False).pk]


def some_grant() -> list[Any]:
    a_grant_to_three_shoppers()
    return []


def a_gift_that_nobody_wanted() -> list[Any]:
    claim = factories.make_claim(now=THEN)
    gift_offer(claim=claim, giver=claim.shopper, message="", now=THEN)
    return []


def a_red_packet_that_is_over() -> list[Any]:
    factories.make_red_packet(ends_at=LONG_AGO + DAY)
    return []


def a_gate_that_is_mistaken() -> list[Any]:
    coupon = factories.make_coupon(bucket_count=16, stock=5)
    if settings.REDIS_URL:
        # A claim that was never made.
        Gate(coupon.public_id).note_claimed(shopper=factories.make_shopper().pk, claimed=1)
    return []


def a_batch_that_is_due() -> list[Any]:
    ReleaseBatch.objects.create(coupon=factories.make_coupon(stock=0), quantity=5, opens_at=THEN)
    return []


def a_shopper_who_waits() -> list[Any]:
    WaitingEntry.objects.create(coupon=factories.make_coupon(stock=3), shopper=factories.make_shopper(), joined_at=THEN)
    return []


def a_lottery_that_has_closed() -> list[Any]:
    lottery = factories.make_lottery(closes_at=LONG_AGO + DAY)
    for _entry in range(5):
        lottery_enter(lottery=lottery, shopper=factories.make_shopper(), now=THEN)
    # The list is fixed by one run and drawn from by the next; both find what they have to do once.
    lottery_seal(lottery=lottery, now=LONG_AGO + DAY)
    return []


def a_claim_that_ends_soon() -> list[Any]:
    make_ending_claim(left=20 * HOUR, now=database_now())
    return []


def an_email_that_is_due() -> list[Any]:
    make_due_email(now=database_now())
    return []


def a_stock_that_runs_low() -> list[Any]:
    if not User.objects.filter(is_staff=True).exists():
        factories.make_marketer()
    StockPolicy.objects.create(coupon=factories.make_coupon(stock=1), low_below=5)
    return []


def a_shopper_who_was_granted() -> list[Any]:
    a_shopper_who_waits()
    waiting_grant_due(now=database_now())
    return []


def a_one_time_code_of_last_year() -> list[Any]:
    OneTimeCode.objects.create(address="mei@example.com", checksum="0", sent_at=THEN, expires_at=THEN + LASTS)
    return []


def a_look_at_a_coupon() -> list[Any]:
    # What the pages of other tests have noted.
    get_redis_connection("default").delete(PENDING)
    coupon_view_note(shopper=factories.make_shopper(), coupon=factories.make_coupon().public_id, now=THEN)
    return []


def shoppers_with_habits() -> list[Any]:
    make_population(database_now())
    return []


def a_stock_that_is_claimed() -> list[Any]:
    factories.make_claim(stock=5, now=database_now() - DAY)
    return []


def a_decision_whose_time_is_over() -> list[Any]:
    make_decision(make_group(None, None), database_now() - 30 * DAY)
    return []


def a_plan_for_shoppers_with_habits() -> list[Any]:
    make_population(database_now())
    make_plan(database_now(), budget=50_00)
    return []


def shoppers_with_tastes() -> list[Any]:
    shop = make_shop(database_now())
    for kind in ("Yogurt", "Pasta"):
        ScopeEntry.objects.create(coupon=factories.make_coupon(), category=shop.shelves[kind])
    return []


def an_answer_of_last_year() -> list[Any]:
    IdempotencyRecord.objects.create(caller="user:1", key=str(uuid4()), fingerprint="f", status=201, body={})
    IdempotencyRecord.objects.update(created_at=THEN)
    return []


def a_ticket_of_last_year() -> list[Any]:
    ClaimTicket.objects.create(
        pk=uuid4(),
        coupon=factories.make_coupon(is_queued=True),
        shopper=factories.make_shopper(),
        code="sold_out",
        arrival=1,
        answered_at=THEN,
    )
    return []


def stock_that_nobody_wants_any_more() -> list[Any]:
    factories.make_coupon(bucket_count=16)
    return []


def a_campaign_that_holds_somebody_out() -> list[Any]:
    factories.make_shopper()
    coupon = factories.make_coupon(holdout_salt="lots", holdout_below=border_of(0.5))
    make_campaign(coupon, status="published", holdout_percent=50, holdout_salt="lots")
    return []


def mailings_that_ended() -> list[Any]:
    make_response_shop(database_now())
    return []


def a_dry_run_that_was_asked_for() -> list[Any]:
    make_population(database_now(), each=2)
    plan = make_plan(database_now(), budget=30_00)
    asked = plan_request_create(
        plan=plan, kind=RequestKind.DRY_RUN, actor=factories.make_marketer(), now=database_now()
    )
    return [asked.pk]


def some_dry_run() -> list[Any]:
    a_dry_run_that_was_asked_for()
    return []


WORK = {
    "analytics.tasks.watch_fairness": Work(a_purchase_of_last_week),
    "analytics.tasks.run_allocations": Work(
        a_plan_for_shoppers_with_habits,
        (1, 1),
        journal=(Run, AllocationEdition),
        # The second night decides the same, in rows of its own.
        renewed=("id", "edition_id", "until", "computed_at", "explanation", "last_run_id"),
    ),
    "analytics.tasks.run_plan_request": Work(a_dry_run_that_was_asked_for, (1, 0)),
    "analytics.tasks.run_plan_requests": Work(some_dry_run, (1, 0)),
    "analytics.tasks.run_recommendation": Work(
        shoppers_with_tastes,
        (None, None),
        journal=(Run, ModelVersion, ModelPromotion, AffinityEdition),
        # By the second run everybody's last purchase lies a moment longer ago; every night's lists are rows anew.
        renewed=("id", "edition_id", "score"),
    ),
    "analytics.tasks.run_segmentation": Work(
        shoppers_with_habits,
        (None, None),
        journal=(Run, SegmentSnapshot),
        # By the second run everybody's last purchase lies a moment longer ago.
        renewed=("set_at", "expires_at", "run_id", "profile", "centroid"),
    ),
    "analytics.tasks.run_bandit": Work(a_decision_whose_time_is_over, (None, None), journal=(Run,)),
    "analytics.tasks.run_stock_forecast": Work(
        a_stock_that_is_claimed,
        (None, None),
        journal=(Run,),
        # By the second run a moment less of the day is left.
        renewed=(
            "made_at",
            "claims_ahead",
            "claims_a_day",
            "redemptions_a_week",
            "uses_of_held",
            "days_of_cover",
            "runs_out_at",
        ),
    ),
    "analytics.tasks.run_response": Work(
        mailings_that_ended,
        (None, None),
        journal=(Run,),
        # By the second run a moment less is left to use the coupons.
        renewed=("computed_at", "value"),
    ),
    "analytics.tasks.run_timing": Work(
        shoppers_with_habits,
        (None, None),
        journal=(Run,),
        # The week has moved on by a moment.
        renewed=("computed_at", "trigger_score", "reasons"),
    ),
    "campaigns.tasks.enqueue_reminders": Work(a_claim_that_ends_soon),
    "campaigns.tasks.expose_audiences": Work(a_campaign_that_holds_somebody_out, (1, 0)),
    "campaigns.tasks.enqueue_waiting_notes": Work(a_shopper_who_was_granted),
    "campaigns.tasks.run_grant": Work(a_grant_to_three_shoppers, (3, 0)),
    "campaigns.tasks.run_grants": Work(some_grant, (3, 0)),
    "campaigns.tasks.send_messages": Work(an_email_that_is_due),
    "campaigns.tasks.watch_stock": Work(a_stock_that_runs_low),
    "config.kernel.tasks.purge_idempotency_records": Work(an_answer_of_last_year),
    "coupons.tasks.close_red_packets": Work(a_red_packet_that_is_over),
    "coupons.tasks.delete_old_tickets": Work(a_ticket_of_last_year),
    "coupons.tasks.draw_lotteries": Work(a_lottery_that_has_closed),
    "coupons.tasks.expire_claims": Work(a_claim_that_is_over),
    "coupons.tasks.expire_gifts": Work(a_gift_that_nobody_wanted),
    "coupons.tasks.gather_stock": Work(stock_that_nobody_wants_any_more),
    "coupons.tasks.grant_waiting": Work(a_shopper_who_waits),
    "coupons.tasks.open_release_batches": Work(a_batch_that_is_due),
    "coupons.tasks.reconcile_gates": Work(a_gate_that_is_mistaken, (1 if settings.REDIS_URL else 0, 0)),
    "coupons.tasks.release_expired_locks": Work(an_order_that_nobody_paid),
    "coupons.tasks.run_code_batch": Work(a_batch_of_codes, (20, 0)),
    "coupons.tasks.run_code_batches": Work(some_batch_of_codes, (20, 0)),
    "users.tasks.forget_one_time_codes": Work(a_one_time_code_of_last_year),
    "users.tasks.write_coupon_views": Work(a_look_at_a_coupon),
}
ON_SCHEDULE = {entry["task"] for entry in beat_schedule().values()}
APPS = ("kernel", "users", "coupons", "campaigns", "analytics")


def tasks() -> dict[str, Task]:
    """The tasks of our own apps by name."""
    app.loader.import_default_modules()
    return {name: task for name, task in app.tasks.items() if not name.startswith(("celery.", "tests."))}


def everything(work: Work) -> dict[str, list[Any]]:
    """All rows of all tables of ours, as they are now, and which claims the gates know of."""
    rows: dict[str, list[Any]] = {}
    for label in APPS:
        for model in apps.get_app_config(label).get_models(include_auto_created=True):
            # That a job ran, and when, is noted of every run; it is looked at by itself.
            if model not in (*work.journal, JobReport):
                found = model._default_manager.order_by("pk").values()
                rows[model._meta.label] = [without(row, work.renewed) for row in found]
    if settings.REDIS_URL:
        redis = get_redis_connection("default")
        rows["gates"] = [(key, redis.hgetall(key)) for key in sorted(redis.keys("quan:gate:*:holders"))]
    return rows


def without(row: dict[str, Any], names: tuple[str, ...]) -> dict[str, Any]:
    return {name: value for name, value in row.items() if name not in names}


def grown(before: dict[str, list[Any]], after: dict[str, list[Any]]) -> dict[str, int]:
    """How many rows each table has more."""
    return {label: len(rows) - len(before[label]) for label, rows in after.items() if len(rows) != len(before[label])}


@pytest.mark.reliability(26)
def test_there_is_work_for_every_task() -> None:
    assert tasks().keys() == WORK.keys()


@pytest.fixture
def mail_server(settings: Any) -> Any:
    with running_mail_server() as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = server.hostname, server.port
        yield server


@pytest.mark.django_db
@pytest.mark.parametrize("name", WORK)
@pytest.mark.reliability(26)
def test_the_second_run_changes_nothing(name: str, mail_server: Any) -> None:
    work, task = WORK[name], tasks()[name]
    arguments = work.prepare()
    before = everything(work)
    once, again = work.finds

    first = task.apply(arguments).get()
    assert once is None or first == once
    after = everything(work)
    assert after != before

    second = task.apply(arguments).get()
    assert again is None or second == again
    assert everything(work) == after
    # What was done the first time is not counted twice.
    done = sum(each for each in (first, second) if isinstance(each, int))
    reports = list(JobReport.objects.values_list("runs", "failures", "done"))
    assert reports == ([(2, 0, done)] if name in ON_SCHEDULE else [])
    assert len(mail_server.accepted) == (name == "campaigns.tasks.send_messages")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("name", WORK)
@pytest.mark.reliability(26)
@pytest.mark.skipif(not IS_LONG, reason="long form")
def test_beside_itself_it_does_its_work_once(name: str, mail_server: Any, figures: Figures) -> None:
    work, task = WORK[name], tasks()[name]
    arguments = work.prepare()
    before = everything(work)
    rush([lambda: task.apply(arguments).get()] * 4)
    after = everything(work)
    assert after != before
    task.apply(arguments).get()
    assert everything(work) == after
    # What one run makes of one piece of work.
    arguments = work.prepare()
    beside = everything(work)
    task.apply(arguments).get()
    alone = grown(beside, everything(work))
    at_once = grown(before, after)
    doubled = sum(max(0, count - alone.get(label, 0)) for label, count in at_once.items())
    figures.note(26, f"{name}, four times at once", rounds=1, doubled=0 if work.journal else doubled)
    assert at_once == alone or work.journal
