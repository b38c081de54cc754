"""A database that goes away at the wrong moment: not in the view, but before it or after."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import OperationalError
from django.test import Client

from tests.factories import PASSWORD, api_client_for, make_shopper

pytestmark = pytest.mark.django_db


def go_away(monkeypatch: pytest.MonkeyPatch, part: str, error: Exception) -> None:
    def refuse(*_arguments: Any, **_named: Any) -> None:
        raise error

    monkeypatch.setattr(part, refuse)


# Only asked when somebody wants to know: by the view, and by the log after it.
WHO_IT_IS = "users.backends.IdentifierBackend.get_user"
LOST = OperationalError("server closed the connection unexpectedly")


def test_the_log_that_cannot_ask_who_it_was_leaves_the_answer_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    client = api_client_for(make_shopper())
    client.raise_request_exception = False
    go_away(monkeypatch, WHO_IT_IS, LOST)

    answer = client.get("/api/v1/claims")

    assert (answer.status_code, answer.json()["code"], answer["Retry-After"]) == (503, "busy", "1")


def test_a_page_is_busy_too(monkeypatch: pytest.MonkeyPatch) -> None:
    client = Client(raise_request_exception=False)
    client.force_login(make_shopper(password=PASSWORD), backend="users.backends.IdentifierBackend")
    go_away(monkeypatch, WHO_IT_IS, LOST)

    answer = client.get("/wallet/")

    assert (answer.status_code, answer["Retry-After"]) == (503, "1")


@pytest.mark.parametrize(("error", "status"), [(LOST, 503), (RuntimeError("inside"), 500)])
@pytest.mark.parametrize(
    ("path", "kind"), [("/", "text/html"), ("/api/v1/coupons", "application/problem+json"), ("/admin/", "text/html")]
)
def test_what_breaks_in_a_middleware_is_answered_as_in_a_view(
    monkeypatch: pytest.MonkeyPatch, path: str, kind: str, error: Exception, status: int
) -> None:
    go_away(monkeypatch, "django.middleware.common.CommonMiddleware.process_request", error)
    answer = Client(raise_request_exception=False).get(path)

    assert answer.status_code == status
    assert answer["Content-Type"].startswith(kind)
    assert answer.get("Retry-After") == ("1" if status == 503 else None)
    assert "inside" not in answer.content.decode()
