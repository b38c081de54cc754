"""The two people at the admin's screen."""

from __future__ import annotations

import pytest
from django.test import Client

from tests import factories
from users.models import User
from users.roles import MARKETER, MARKETER_PERMISSIONS, give_role


@pytest.fixture
def plain_marketer(db: None) -> User:
    """A member of staff with the role of a marketer and nothing else."""
    person = factories.make_shopper(username="plain-marketer", is_staff=True)
    person.groups.add(give_role(MARKETER, MARKETER_PERMISSIONS))
    return person


@pytest.fixture
def superuser_client(marketer: User) -> Client:
    return _signed_in(marketer)


@pytest.fixture
def marketer_client(plain_marketer: User) -> Client:
    return _signed_in(plain_marketer)


def _signed_in(person: User) -> Client:
    client = Client()
    client.force_login(person, backend="users.backends.IdentifierBackend")
    return client
