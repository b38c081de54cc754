"""Calls as an integrator writes them."""

from __future__ import annotations

import itertools
from typing import Any

from rest_framework.test import APIClient

API = "/api/v1"

_number = itertools.count(1)


def new_key() -> str:
    """An Idempotency-Key that no other call uses."""
    return f"key-{next(_number)}"


def post(client: APIClient, path: str, body: Any = None, *, key: str | None = None, **headers: str) -> Any:
    """Posts JSON under an Idempotency-Key of its own, or the one given."""
    headers["HTTP_IDEMPOTENCY_KEY"] = key or new_key()
    return client.post(f"{API}/{path}", body, format="json", **headers)


def put(client: APIClient, path: str, body: Any, *, key: str | None = None) -> Any:
    """Puts JSON under an Idempotency-Key of its own, or the one given."""
    return client.put(f"{API}/{path}", body, format="json", HTTP_IDEMPOTENCY_KEY=key or new_key())


def post_raw(client: APIClient, path: str, body: bytes, content_type: str = "application/json", **headers: str) -> Any:
    """Posts bytes as they are."""
    headers["HTTP_IDEMPOTENCY_KEY"] = new_key()
    return client.generic("POST", f"{API}/{path}", body, content_type=content_type, **headers)


def get(client: APIClient, path: str, **query: str) -> Any:
    return client.get(f"{API}/{path}", query)


def assert_problem(response: Any, status: int, code: str, parameter: str | None = None) -> dict[str, Any]:
    """Asserts a problem document with everything that each of them has, and returns it."""
    assert response.status_code == status, response.content
    assert response["Content-Type"] == "application/problem+json"
    problem: dict[str, Any] = response.json()
    assert problem["code"] == code, problem
    assert problem["type"] == f"urn:quan:problem:{code}"
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    assert problem["request_id"] == response["X-Request-ID"] != ""
    assert problem["parameter"] == parameter, problem
    for error in problem["errors"]:
        assert set(error) == {"parameter", "code", "message"}
    return problem
