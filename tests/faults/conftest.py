"""One shop for all tests of faults; each test starts the processes that it kills."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from pytest_django import DjangoDbBlocker, Settings

from benchmarks.prepare import sign_in_shoppers
from tests.faults.shop import Shop, Web
from tests.forms import rounds

SHOPPERS = rounds(short=80, long=400)


@pytest.fixture(scope="session")
def opened_shop(django_db_blocker: DjangoDbBlocker) -> Iterator[Shop]:
    """A shop with shoppers who are signed in."""
    shop = Shop(f"faults-{uuid.uuid4().hex[:8]}")
    try:
        shop.open()
        with django_db_blocker.unblock(), shop.database():
            shop.sessions = sign_in_shoppers(SHOPPERS)
        yield shop
    finally:
        shop.close()


@pytest.fixture
def shop(opened_shop: Shop, django_db_blocker: DjangoDbBlocker, settings: Settings) -> Iterator[Shop]:
    """The shop; models and services of the test work on its database and its Valkey."""
    settings.REDIS_URL = opened_shop.valkey.url
    with django_db_blocker.unblock(), opened_shop.database():
        yield opened_shop


@pytest.fixture(scope="session")
def web(opened_shop: Shop) -> Iterator[Web]:
    """gunicorn as deployed, which every test leaves serving."""
    with opened_shop.web() as running:
        yield running
