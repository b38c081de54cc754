"""POST /oauth2/token and /oauth2/revoke: client credentials, and nothing else of OAuth2."""

import hashlib
from base64 import b64encode
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from oauth2_provider.models import AccessToken
from rest_framework.test import APIClient

from tests.api.calls import assert_problem, get
from tests.factories import integrator_client, make_application

pytestmark = pytest.mark.django_db


def ask_token(application: Any, *, secret: str | None = None, **form: str) -> Any:
    pair = f"{application.client_id}:{secret or application.plain_secret}"
    return Client(enforce_csrf_checks=True).post(
        "/oauth2/token",
        {"grant_type": "client_credentials", **form},
        headers={"authorization": "Basic " + b64encode(pair.encode()).decode()},
    )


def with_token(token: str) -> APIClient:
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {token}")
    return client


def test_credentials_become_a_token_with_the_scopes_asked_for() -> None:
    answer = ask_token(make_application(), scope="claims:read coupons:read")

    assert answer.status_code == 200, answer.content
    body = answer.json()
    assert (body["token_type"], set(body["scope"].split())) == ("Bearer", {"claims:read", "coupons:read"})
    assert get(with_token(body["access_token"]), "claims").status_code == 200
    assert_problem(get(with_token(body["access_token"]), "orders"), 403, "insufficient_scope")


def test_a_token_reads_coupons_when_nothing_is_asked_for() -> None:
    assert ask_token(make_application()).json()["scope"] == "coupons:read"


def test_wrong_credentials_and_unknown_scopes_are_refused() -> None:
    application = make_application()

    assert ask_token(application, secret="wrong").json()["error"] == "invalid_client"
    assert ask_token(application, scope="everything").json()["error"] == "invalid_scope"
    assert not AccessToken.objects.exists()


def test_the_secret_is_stored_as_a_hash() -> None:
    application = make_application()

    application.refresh_from_db()

    assert application.plain_secret not in application.client_secret


def checksum_of(token: str) -> str:
    """How the database knows a token: it never holds one that could be used."""
    return hashlib.sha256(token.encode()).hexdigest()


def test_a_token_is_not_stored_in_plain() -> None:
    token = ask_token(make_application()).json()["access_token"]
    stored = AccessToken.objects.get(token_checksum=checksum_of(token))
    assert stored.token == ""


def test_an_expired_and_a_revoked_token_are_refused() -> None:
    application = make_application()
    expired, revoked = (ask_token(application).json()["access_token"] for _ in range(2))
    AccessToken.objects.filter(token_checksum=checksum_of(expired)).update(
        expires=timezone.now() - timedelta(seconds=1)
    )
    Client(enforce_csrf_checks=True).post(
        "/oauth2/revoke",
        {"token": revoked, "client_id": application.client_id, "client_secret": application.plain_secret},
    )

    for token in (expired, revoked):
        assert_problem(get(with_token(token), "coupons"), 401, "invalid_token")


@pytest.mark.parametrize("path", ["authorize", "applications/", "introspect", "userinfo", "register"])
def test_nothing_else_of_oauth2_is_served(path: str) -> None:
    assert integrator_client().get(f"/oauth2/{path}").status_code == 404
