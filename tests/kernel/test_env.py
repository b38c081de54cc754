"""The environment is read strictly: what is wrong stops the start with a sentence that names it."""

from __future__ import annotations

import pytest
from django.core.exceptions import ImproperlyConfigured

from config import env


@pytest.mark.parametrize("value", ["", "short", "change-me-change-me-change-me-change-me"])
def test_a_poor_secret_is_refused(monkeypatch, value: str) -> None:
    monkeypatch.setenv("SOME_SECRET", value)
    with pytest.raises(ImproperlyConfigured, match="SOME_SECRET"):
        env.secret("SOME_SECRET")


def test_an_unknown_currency_is_refused(monkeypatch) -> None:
    monkeypatch.setenv("SHOP_CURRENCY", "XXX")
    with pytest.raises(ImproperlyConfigured, match="SHOP_CURRENCY='XXX'"):
        env.currency("SHOP_CURRENCY", default="CNY")


@pytest.mark.parametrize("zone", ["Mars/Olympus", "../etc/passwd"])
def test_an_unknown_time_zone_is_refused(monkeypatch, zone: str) -> None:
    monkeypatch.setenv("SHOP_TIME_ZONE", zone)
    with pytest.raises(ImproperlyConfigured, match="SHOP_TIME_ZONE"):
        env.time_zone("SHOP_TIME_ZONE", default="UTC")


def test_a_malformed_key_ring_is_refused(monkeypatch) -> None:
    monkeypatch.setenv("FIELD_ENCRYPTION_KEYS", "k1:tooshort")
    with pytest.raises(ImproperlyConfigured, match="FIELD_ENCRYPTION_KEYS"):
        env.key_ring("FIELD_ENCRYPTION_KEYS")


@pytest.mark.parametrize("address", ["", "mysql://localhost/quan"])
def test_a_database_must_be_named_and_be_one_that_quan_knows(monkeypatch, address: str) -> None:
    monkeypatch.setenv("DATABASE_URL", address)
    with pytest.raises(ImproperlyConfigured, match="DATABASE_URL"):
        env.database()


def test_sqlite_takes_its_write_lock_at_once(monkeypatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "sqlite:////tmp/quan.db")
    options = env.database()["OPTIONS"]
    assert (options["transaction_mode"], options["timeout"]) == ("IMMEDIATE", 20)
    assert "journal_mode=WAL" in options["init_command"]
