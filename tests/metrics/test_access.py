"""Who may read the page of metrics: nobody, unless the operator says so."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import Client

from config import env
from tests.metrics.scraping import TOKEN

pytestmark = pytest.mark.django_db


def status(address: str = "203.0.113.7", **headers: str) -> int:
    return Client(REMOTE_ADDR=address).get("/metrics", headers=headers).status_code


def test_closed_by_default() -> None:
    assert status("127.0.0.1") == 403
    assert status("127.0.0.1", authorization="Bearer ") == 403


def test_the_token_opens_it_from_anywhere(settings: Any) -> None:
    settings.METRICS_TOKEN = TOKEN
    assert status(authorization=f"Bearer {TOKEN}") == 200
    assert status(authorization=f"bearer {TOKEN}") == 200


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}", TOKEN]
)
def test_nothing_like_the_token_does(settings: Any, authorization: str) -> None:
    settings.METRICS_TOKEN = TOKEN
    assert status(authorization=authorization) == 403


def test_a_token_that_is_no_ascii_is_only_wrong(settings: Any) -> None:
    settings.METRICS_TOKEN = TOKEN
    assert Client(HTTP_AUTHORIZATION="Bearer 券\x00").get("/metrics").status_code == 403


@pytest.mark.parametrize(
    ("address", "expected"),
    [("10.1.2.3", 200), ("::ffff:10.1.2.3", 200), ("fd00::7", 200), ("11.0.0.1", 403), ("fe80::1", 403), ("", 403)],
)
def test_a_near_network_needs_no_token(settings: Any, address: str, expected: int) -> None:
    settings.METRICS_NETWORKS = [ip_network("10.0.0.0/8"), ip_network("fd00::/8")]
    assert status(address) == expected


def test_behind_a_proxy_that_nobody_told_us_of_everybody_would_be_near(settings: Any) -> None:
    settings.METRICS_NETWORKS = [ip_network("127.0.0.1")]
    assert status("127.0.0.1", x_forwarded_for="203.0.113.7") == 403
    # What a stranger writes into the header opens nothing either.
    assert status("203.0.113.7", x_forwarded_for="127.0.0.1") == 403
    settings.TRUSTED_PROXIES = 1
    assert status("127.0.0.1", x_forwarded_for="203.0.113.7") == 403
    assert status("127.0.0.1", x_forwarded_for="127.0.0.1, 203.0.113.7") == 403
    # Control: without a proxy the same address may.
    settings.TRUSTED_PROXIES = 0
    assert status("127.0.0.1") == 200


def test_it_is_read_only(settings: Any) -> None:
    settings.METRICS_NETWORKS = [ip_network("127.0.0.1")]
    assert Client().post("/metrics").status_code == 405


@pytest.mark.parametrize("text", ["10.0.0.0/33", "10.0.0.1/8", "everywhere"])
def test_a_network_that_is_none_stops_the_start(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METRICS_NETWORKS", text)
    with pytest.raises(ImproperlyConfigured, match="METRICS_NETWORKS"):
        env.networks("METRICS_NETWORKS")


@pytest.mark.parametrize(("text", "expected"), [("", ""), (TOKEN, TOKEN)])
def test_the_token_may_be_left_out(text: str, expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METRICS_TOKEN", text)
    assert env.secret("METRICS_TOKEN", is_optional=True) == expected


def test_a_token_that_can_be_guessed_stops_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("METRICS_TOKEN", "letmein")
    with pytest.raises(ImproperlyConfigured, match="METRICS_TOKEN"):
        env.secret("METRICS_TOKEN", is_optional=True)
