"""Every answer carries the security headers, and its request's id."""

from __future__ import annotations

import pytest
from django.test import Client

PAGES = [
    "/",
    "/accounts/sign-in",
    "/wallet",
    "/nowhere",
    "/api/v1/coupons",
    "/api/v1/nowhere",
    "/admin/login/",
    "/healthz",
]

pytestmark = [pytest.mark.django_db, pytest.mark.reliability(58)]


@pytest.mark.parametrize("path", PAGES)
def test_no_answer_goes_without_its_headers(client: Client, path: str) -> None:
    response = client.get(path)
    assert "default-src 'self'" in response["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in response["Content-Security-Policy"]
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["X-Frame-Options"] == "DENY"
    assert response["Referrer-Policy"] == "same-origin"
    assert response["X-Request-ID"]


@pytest.mark.parametrize("path", ["/", "/accounts/sign-in", "/api/v1/coupons"])
def test_pages_of_the_shop_run_no_inline_script(client: Client, path: str) -> None:
    policy = client.get(path)["Content-Security-Policy"]
    assert "unsafe-inline" not in policy
    assert "unsafe-eval" not in policy


@pytest.mark.parametrize("hostile", ["order-42", "a\tb", "<script>", "x" * 500])
def test_a_callers_request_id_cannot_write_into_our_logs(client: Client, hostile: str) -> None:
    response = client.get("/healthz", headers={"X-Request-ID": hostile})
    assert response["X-Request-ID"] != hostile
    assert len(response["X-Request-ID"]) <= 64
