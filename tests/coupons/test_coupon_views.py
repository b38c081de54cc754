"""Looking at a coupon is the first step of its funnel, and costs the page nothing."""

from __future__ import annotations

from datetime import timedelta
from functools import partial
from uuid import UUID

import pytest
from django.db import DatabaseError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django_redis import get_redis_connection
from pytest_django.fixtures import Settings
from structlog.testing import capture_logs

from config.kernel.redis_scripts import RedisScripts
from coupons.models import Coupon
from coupons.web import coupon as coupon_page
from tests import factories
from tests.concurrency.crowd import rush
from tests.factories import NOW
from users.enums import BehaviourKind
from users.models import BehaviourEvent, User
from users.services import views
from users.services.views import PENDING, coupon_view_note, coupon_views_write

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_pending(monkeypatch: pytest.MonkeyPatch) -> None:
    get_redis_connection("default").delete(PENDING)
    monkeypatch.setattr(views, "scripts", RedisScripts("views"))


@pytest.fixture
def coupon() -> Coupon:
    return factories.make_coupon()


@pytest.fixture
def signed_in(client: Client, shopper: User) -> Client:
    client.force_login(shopper, backend="users.backends.IdentifierBackend")
    return client


NO_REDIS = ["", "redis://127.0.0.1:1/0"]


def take_redis_away(settings: Settings, address: str) -> None:
    settings.REDIS_URL = address
    settings.CACHES = {
        "default": {**settings.CACHES["default"], "LOCATION": address}
        if address
        else {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}
    }


def page_of(coupon: Coupon) -> str:
    return reverse("coupons:coupon", args=[coupon.public_id])


def test_a_look_is_noted_once_a_day(signed_in: Client, shopper: User, coupon: Coupon) -> None:
    for _ in range(2):
        assert signed_in.get(page_of(coupon)).status_code == 200
    assert (coupon_views_write(now=NOW), coupon_views_write(now=NOW)) == (1, 0)
    event = BehaviourEvent.objects.get()
    assert (event.shopper, event.kind, event.coupon_public_id) == (shopper, BehaviourKind.VIEW, coupon.public_id)


def test_it_happened_when_it_was_looked_at(shopper: User, coupon: Coupon) -> None:
    coupon_view_note(shopper=shopper, coupon=coupon.public_id, now=NOW)
    coupon_views_write(now=NOW + timedelta(minutes=3))
    event = BehaviourEvent.objects.get()
    assert (event.occurred_at, event.received_at) == (NOW, NOW + timedelta(minutes=3))


def test_the_next_day_is_another_look(shopper: User, coupon: Coupon) -> None:
    for days in (0, 0, 1):
        coupon_view_note(shopper=shopper, coupon=coupon.public_id, now=NOW + timedelta(days=days))
    assert coupon_views_write(now=NOW) == 2


def test_strangers_parts_of_a_page_and_prefetches_are_no_look(client: Client, shopper: User, coupon: Coupon) -> None:
    client.get(page_of(coupon))
    client.force_login(shopper, backend="users.backends.IdentifierBackend")
    client.head(page_of(coupon))
    client.get(page_of(coupon), headers={"HX-Request": "true"})
    client.get(page_of(coupon), headers={"Sec-Purpose": "prefetch;prerender"})
    assert coupon_views_write(now=NOW) == 0


class TestThePage:
    """It is only read: whatever the database or Redis does to a write, it is there."""

    def test_writes_nothing(self, signed_in: Client, coupon: Coupon) -> None:
        with CaptureQueriesContext(connection) as captured:
            signed_in.get(page_of(coupon))
        assert not [query["sql"] for query in captured if "behaviourevent" in query["sql"]]

    @pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has no read-only transactions")
    def test_is_there_while_the_database_takes_no_writes(self, signed_in: Client, coupon: Coupon) -> None:
        with transaction.atomic():
            connection.cursor().execute("SET TRANSACTION READ ONLY")
            assert signed_in.get(page_of(coupon)).status_code == 200
        assert coupon_views_write(now=NOW) == 1

    @pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has no read-only transactions")
    def test_control_an_insert_in_its_place_would_break_it(
        self, signed_in: Client, shopper: User, coupon: Coupon, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def insert(*, coupon: UUID, **_about: object) -> None:
            BehaviourEvent.objects.create(
                sender="quan", event_id="1", shopper=shopper, kind="view", coupon_public_id=coupon,
                occurred_at=NOW, received_at=NOW,
            )  # fmt: skip

        monkeypatch.setattr(coupon_page, "coupon_view_note", insert)
        with transaction.atomic():
            connection.cursor().execute("SET TRANSACTION READ ONLY")
            with pytest.raises(DatabaseError, match="read-only"):
                signed_in.get(page_of(coupon))
            transaction.set_rollback(True)

    @pytest.mark.parametrize("address", NO_REDIS)
    def test_is_there_without_redis(self, signed_in: Client, coupon: Coupon, settings: Settings, address: str) -> None:
        take_redis_away(settings, address)
        assert signed_in.get(page_of(coupon)).status_code == 200


class TestWritingDown:
    @pytest.mark.parametrize("address", NO_REDIS)
    def test_waits_until_redis_is_back(
        self,
        shopper: User,
        coupon: Coupon,
        settings: Settings,
        monkeypatch: pytest.MonkeyPatch,
        address: str,
    ) -> None:
        coupon_view_note(shopper=shopper, coupon=coupon.public_id, now=NOW)
        home = settings.REDIS_URL, settings.CACHES
        take_redis_away(settings, address)
        with capture_logs() as logged:
            assert [coupon_views_write(now=NOW) for _ in range(3)] == [0, 0, 0]
        # Nobody is told of a Redis that was never there, and of one that is away once.
        assert [line["event"] for line in logged] == ["circuit_opened"] * bool(address)

        settings.REDIS_URL, settings.CACHES = home
        monkeypatch.setattr(views, "scripts", RedisScripts("views"))
        assert coupon_views_write(now=NOW) == 1

    def test_comes_in_batches_and_leaves_nothing_behind(self, coupon: Coupon, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(views, "BATCH", 3)
        for _number in range(8):
            coupon_view_note(shopper=factories.make_shopper(), coupon=coupon.public_id, now=NOW)
        assert coupon_views_write(now=NOW) == 8
        assert BehaviourEvent.objects.count() == 8
        assert get_redis_connection("default").scard(PENDING) == 0

    def test_goes_on_after_a_failure_and_writes_nothing_twice(
        self, shopper: User, coupon: Coupon, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        coupon_view_note(shopper=shopper, coupon=coupon.public_id, now=NOW)
        with monkeypatch.context() as broken:
            broken.setattr(BehaviourEvent.objects, "bulk_create", _fail)
            with pytest.raises(DatabaseError):
                coupon_views_write(now=NOW)
        assert coupon_views_write(now=NOW) == 1
        # As after a crash between the commit and the forgetting.
        get_redis_connection("default").delete(*get_redis_connection("default").keys("quan:{views}:*"))
        coupon_view_note(shopper=shopper, coupon=coupon.public_id, now=NOW)
        assert coupon_views_write(now=NOW) == 0
        assert BehaviourEvent.objects.count() == 1

    def test_a_shopper_who_is_gone_holds_nobody_up(self, shopper: User, coupon: Coupon) -> None:
        gone = User(pk=shopper.pk + 1_000_000)
        for each in (gone, shopper):
            coupon_view_note(shopper=each, coupon=coupon.public_id, now=NOW)
        assert coupon_views_write(now=NOW) == 1
        assert get_redis_connection("default").scard(PENDING) == 0

    def test_stops_noting_before_redis_is_full(self, coupon: Coupon, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(views, "MOST_PENDING", 2)
        for _number in range(4):
            coupon_view_note(shopper=factories.make_shopper(), coupon=coupon.public_id, now=NOW)
        assert coupon_views_write(now=NOW) == 2


@pytest.mark.django_db(transaction=True)
def test_two_who_write_at_once_write_each_view_once(coupon: Coupon) -> None:
    for _number in range(40):
        coupon_view_note(shopper=factories.make_shopper(), coupon=coupon.public_id, now=NOW)
    results = rush([partial(coupon_views_write, now=NOW)] * 4, threads=4)
    assert not [result for result in results if isinstance(result, Exception)]
    assert BehaviourEvent.objects.count() == 40


def _fail(*_rows: object, **_how: object) -> None:
    raise DatabaseError("the database is away")
