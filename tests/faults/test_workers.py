"""Background work whose worker is killed in the middle: every task has its effect, and has it once."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from threading import Lock

import pytest
from django.db.models import Count, F
from kombu import Connection
from pytest_django import Settings

from campaigns.enums import MessageChannel, MessageState
from campaigns.models import Message
from campaigns.services.sending import LEASE, messages_send_due
from config.celery import app
from config.kernel.clock import database_now
from coupons.enums import CodeBatchState
from coupons.models import Claim, Code, CodeBatch, Coupon
from coupons.services.code_batches import TASK, code_batch_generate
from tests import factories
from tests.campaigns.smtp import MailServer, running_mail_server
from tests.faults.proxy import Proxy, standing_before
from tests.faults.shop import PATIENCE, Part, Shop, kill, port_of, until
from tests.figures import Figures
from tests.forms import rounds

KILL_ROUNDS = rounds(short=2, long=20)
TASKS = rounds(short=20, long=200)
CODES_EACH = 50
LOOKS = 20
GO_ON = "coupons.tasks.run_code_batches"

OUTBOX_ROUNDS = rounds(short=2, long=20)
CLAIMS = rounds(short=4, long=20)
OUTBOX_TASKS = ("campaigns.tasks.enqueue_reminders", "campaigns.tasks.send_messages")
WEEK = timedelta(days=7)


def send_tasks(shop: Shop, *tasks: tuple[str, list[int]]) -> None:
    """Hands tasks to the shop's broker."""
    with Connection(shop.valkey.url) as broker:
        for name, arguments in tasks:
            app.send_task(name, args=arguments, connection=broker)


def is_idle(shop: Shop) -> bool:
    """Tells whether no task waits or is being worked on."""
    with shop.redis() as redis:
        # Between the two a task may be on its way from the one to the other.
        return all(redis.llen("celery") == 0 and redis.hlen("unacked") == 0 for _look in range(LOOKS))


def forget_tasks(shop: Shop) -> None:
    """Empties the broker: what a killed worker held comes back hours later, long after the beat's next round."""
    with shop.redis() as redis:
        redis.delete("celery", "unacked", "unacked_index")


def kill_a_child(worker: Part, rng: random.Random) -> None:
    """Kills one process of the pool; the worker gives its task back and starts another process."""
    kill(rng.choice(worker.children()))


def kill_all(worker: Part, _rng: random.Random) -> None:
    """Kills the worker with all its processes and starts it again."""
    worker.kill()
    worker.start()


@pytest.mark.reliability(24)
def test_celery_killed_in_the_middle_of_its_tasks(shop: Shop, figures: Figures) -> None:
    rng, lost, doubled = random.Random(24), 0, 0
    forget_tasks(shop)
    with shop.worker() as worker:
        for number in range(KILL_ROUNDS):
            coupon = factories.make_coupon(handout="code")
            order_batches(coupon)
            batches = CodeBatch.objects.filter(coupon=coupon)
            send_tasks(shop, *((TASK, [batch]) for batch in batches.values_list("pk", flat=True)))
            enough = rng.randrange(1, TASKS * 2 // 3)
            until(lambda batches=batches, enough=enough: done(batches) >= enough, seconds=PATIENCE, what="the tasks")
            (kill_a_child, kill_all)[number % 2](worker, rng)
            # As the beat does every minute: whatever a killed worker took with it is found.
            send_tasks(shop, (GO_ON, []))
            until(lambda batches=batches: done(batches) == TASKS, seconds=PATIENCE, what="the rest of the tasks")
            written = dict(Code.objects.filter(coupon=coupon).values_list("batch").annotate(Count("pk")))
            lost += sum(max(0, CODES_EACH - written.get(batch.pk, 0)) for batch in batches)
            doubled += sum(max(0, written.get(batch.pk, 0) - CODES_EACH) for batch in batches)
            assert batches.filter(done=F("quantity")).count() == TASKS
            forget_tasks(shop)
    figures.note(
        24,
        f"kill -9 of Celery among {TASKS} tasks",
        rounds=KILL_ROUNDS,
        acknowledged=KILL_ROUNDS * TASKS,
        lost=lost,
        doubled=doubled,
        beside="one process of the pool and the whole worker, in turns",
    )
    assert (lost, doubled) == (0, 0)


def order_batches(coupon: Coupon) -> None:
    """Orders as many batches of codes as there are tasks in a round."""
    for _task in range(TASKS):
        code_batch_generate(
            coupon=coupon, quantity=CODES_EACH, prefix="", actor=None, now=database_now(), wakes_worker=False
        )


def done(batches: object) -> int:
    """Counts the batches that are done."""
    return batches.filter(state=CodeBatchState.DONE).count()  # type: ignore[attr-defined]


class KillAtAnswer:
    """Kills the pool of a worker as it waits for the n-th answer of the database, which it never hears."""

    def __init__(self, worker: Part, at: int) -> None:
        self.has_happened = False
        self._worker = worker
        self._left = at
        self._lock = Lock()

    def __call__(self) -> bool:
        """Called by the proxy for each piece of an answer; tells whether to withhold it."""
        with self._lock:
            self._left -= 1
            if self.has_happened or self._left:
                return False
            self.has_happened = True
        for child in self._worker.children():
            kill(child)
        return True


@pytest.fixture
def mail(settings: Settings) -> Iterator[MailServer]:
    """A mail server for the worker and for the sender in this process."""
    with running_mail_server() as server:
        settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
        settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", server.port
        yield server


@pytest.mark.reliability(25)
def test_a_crash_between_an_event_and_its_message(shop: Shop, mail: MailServer, figures: Figures) -> None:
    rng, missing, doubled, repeated = random.Random(25), 0, 0, 0
    forget_tasks(shop)
    with (
        standing_before(port_of(shop.postgres.url)) as proxy,
        shop.worker(processes=1, database_port=proxy.port, FAULTS_EMAIL_URL=f"smtp://127.0.0.1:{mail.port}") as worker,
    ):
        # Its first tasks tell that it is up, and how many answers a round takes.
        answers = count_answers(shop, proxy, database_now())
        mail.accepted.clear()
        for _round in range(OUTBOX_ROUNDS):
            claims = make_ending_claims(database_now())
            proxy.before_answer = crash = KillAtAnswer(worker, at=rng.randrange(1, answers))
            send_tasks(shop, *((name, []) for name in OUTBOX_TASKS))
            until(lambda crash=crash: crash.has_happened or is_idle(shop), seconds=PATIENCE, what="the crash")
            proxy.before_answer = None
            until(lambda: is_idle(shop), seconds=PATIENCE, what="the tasks given back")
            # As the beat does every 15 seconds; what the killed sender held is free when its lease is over.
            send_tasks(shop, *((name, []) for name in OUTBOX_TASKS))
            until(lambda: is_idle(shop), seconds=PATIENCE, what="the next round of the beat")
            messages_send_due(now=database_now() + LEASE)
            missing += missing_of(claims, mail)
            counts = Counter(message["Message-ID"] for message in mail.accepted)
            repeated += sum(counts.values()) - len(counts)
            doubled += len(counts) - len(claims)
            mail.accepted.clear()
    figures.note(
        25,
        "crash between an event and its message",
        rounds=OUTBOX_ROUNDS,
        acknowledged=OUTBOX_ROUNDS * CLAIMS,
        lost=missing,
        doubled=doubled,
        beside=f"{repeated} letters handed over again under their own Message-ID",
    )
    assert (missing, doubled) == (0, 0)
    # The one that was being handed over when its sender died, and no other.
    assert repeated <= OUTBOX_ROUNDS


def make_ending_claims(now: datetime) -> list[Claim]:
    """Claims of as many shoppers that end in 20 hours: each is an event that asks for a reminder."""
    coupon = factories.make_coupon(usable_until=now + timedelta(hours=20))
    return [factories.make_claim(coupon=coupon, now=now - WEEK) for _claim in range(CLAIMS)]


def count_answers(shop: Shop, proxy: Proxy, now: datetime) -> int:
    """Lets one round pass undisturbed; returns how many answers of the database it took."""
    make_ending_claims(now)
    count = 0

    def counting() -> bool:
        nonlocal count
        count += 1
        return False

    proxy.before_answer = counting
    send_tasks(shop, *((name, []) for name in OUTBOX_TASKS))
    until(lambda: Message.objects.filter(state=MessageState.SENT).exists(), seconds=PATIENCE, what="the worker")
    until(lambda: is_idle(shop), seconds=PATIENCE, what="the worker")
    proxy.before_answer = None
    return count


def missing_of(claims: list[Claim], mail: MailServer) -> int:
    """Counts the claims of which no letter, or no message in the app, has come."""
    of_these = Message.objects.filter(state=MessageState.SENT, data__claim__in=[claim.pk for claim in claims])
    in_app = set(of_these.filter(channel=MessageChannel.IN_APP).values_list("data__claim", flat=True))
    written = set(of_these.filter(channel=MessageChannel.EMAIL).values_list("data__claim", flat=True))
    reached = set(mail.recipients())
    return sum(
        claim.pk not in in_app or claim.pk not in written or claim.shopper.email not in reached for claim in claims
    )
