"""Whose address counts: what trusted proxies saw, never what a visitor wrote."""

from __future__ import annotations

import pytest
from django.test import RequestFactory
from pytest_django import Settings

from config.kernel.addresses import client_address, network_of


def seen(settings: Settings, proxies: int, forwarded: str | None) -> str:
    settings.TRUSTED_PROXIES = proxies
    headers = {} if forwarded is None else {"HTTP_X_FORWARDED_FOR": forwarded}
    return client_address(RequestFactory().get("/", REMOTE_ADDR="10.0.0.9", **headers))


@pytest.mark.reliability(53)
@pytest.mark.parametrize(
    ("proxies", "forwarded", "address"),
    [
        (0, None, "10.0.0.9"),
        # Without a proxy the header is the visitor's own invention.
        (0, "203.0.113.7", "10.0.0.9"),
        (1, "203.0.113.7", "203.0.113.7"),
        # The proxy appends whom it saw to whatever the visitor wrote.
        (1, "198.51.100.1, 203.0.113.7", "203.0.113.7"),
        (2, "198.51.100.1, 203.0.113.7, 10.0.0.8", "203.0.113.7"),
        (2, "203.0.113.7", "203.0.113.7"),
        (1, "", "10.0.0.9"),
        (1, "nonsense\0", "10.0.0.9"),
    ],
)
def test_the_address_is_the_one_that_trusted_proxies_saw(
    settings: Settings, proxies: int, forwarded: str | None, address: str
) -> None:
    assert seen(settings, proxies, forwarded) == address


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("", ""),
    ],
)
def test_whoever_has_one_address_of_a_network_has_all_of_them(address: str, network: str) -> None:
    assert network_of(address) == network
