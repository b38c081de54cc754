"""What every test may ask for by name. Things are made by `tests.factories`."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

import pytest
from django.core.cache import cache
from django.utils import translation
from rest_framework.test import APIClient

from coupons.models import Coupon, Product
from tests import factories
from users.models import User

pytest_plugins = ["tests.emptying", "tests.figures"]


@pytest.fixture(scope="session", autouse=True)
def _empty_redis() -> None:
    """Starts a session on an empty Redis database: this worker's own, see config/settings/test.py."""
    cache.clear()


@pytest.fixture(autouse=True)
def _leave_nothing_behind() -> Iterator[None]:
    """Gives every test an empty cache and the shop's own language."""
    with translation.override("en"):
        yield
    cache.clear()


@pytest.fixture
def now() -> datetime:
    """A fixed moment for services, which take the time as an argument."""
    return factories.NOW


@pytest.fixture
def shopper(db: None) -> User:
    return factories.make_shopper(name="Mei")


@pytest.fixture
def outsider(db: None) -> User:
    """Another shopper, who must reach nothing of the first one's."""
    return factories.make_shopper(name="Outsider")


@pytest.fixture
def marketer(db: None) -> User:
    return factories.make_marketer()


@pytest.fixture
def coupon(db: None) -> Coupon:
    """A live coupon, 10.00 off, 100 in stock, once per shopper."""
    return factories.make_coupon()


@pytest.fixture
def product(db: None) -> Product:
    """A product at 100.00."""
    return factories.make_product()


@pytest.fixture
def shopper_client(shopper: User) -> APIClient:
    """The API as `shopper` reaches it from a page."""
    return factories.api_client_for(shopper)


@pytest.fixture
def shop_client(db: None) -> APIClient:
    """The API as the shop's backend reaches it, with every scope."""
    return factories.integrator_client()
