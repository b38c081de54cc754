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


def test_postgresql_gets_limits_for_every_wait(monkeypatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://quan@localhost/quan")
    settings = env.database()
    assert settings["ENGINE"] == "config.kernel.postgresql"
    assert settings["OPTIONS"] == {"options": "-c lock_timeout=3000 -c statement_timeout=0", "connect_timeout": 5}


@pytest.mark.parametrize(("seconds", "is_pooled"), [("60", False), ("0", True)])
def test_behind_a_pooler_no_cursor_outlives_a_transaction(monkeypatch, seconds: str, is_pooled: bool) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://quan@localhost/quan")
    monkeypatch.setenv("DATABASE_CONNECTION_MAX_AGE", seconds)
    assert env.database()["DISABLE_SERVER_SIDE_CURSORS"] is is_pooled


def test_the_address_may_say_how_long_to_try_to_connect(monkeypatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://quan@localhost/quan?connect_timeout=2")
    assert env.database()["OPTIONS"]["connect_timeout"] == 2


@pytest.mark.parametrize(("text", "value"), [("true", True), (" On ", True), ("1", True), ("no", False), ("0", False)])
def test_true_and_false_are_read_as_people_write_them(monkeypatch, text: str, value: bool) -> None:
    monkeypatch.setenv("SOME_SWITCH", text)
    assert env.boolean("SOME_SWITCH", default=not value) is value


@pytest.mark.parametrize("text", ["ture", "2", "-"])
def test_a_mistyped_switch_is_refused_rather_than_off(monkeypatch, text: str) -> None:
    monkeypatch.setenv("SECURE_SSL_REDIRECT", text)
    with pytest.raises(ImproperlyConfigured, match="SECURE_SSL_REDIRECT"):
        env.boolean("SECURE_SSL_REDIRECT", default=True)


def test_a_variable_left_empty_counts_as_left_out(monkeypatch) -> None:
    monkeypatch.setenv("SOMETHING", "")
    assert env.boolean("SOMETHING", default=True) is True
    assert env.whole_number("SOMETHING", default=5) == 5
    assert env.names("SOMETHING", default=["localhost"]) == ["localhost"]


@pytest.mark.parametrize("text", ["-30", "0", "soon", "1.5"])
def test_a_number_out_of_range_is_refused(monkeypatch, text: str) -> None:
    monkeypatch.setenv("ORDER_LOCK_MINUTES", text)
    with pytest.raises(ImproperlyConfigured, match="ORDER_LOCK_MINUTES"):
        env.whole_number("ORDER_LOCK_MINUTES", default=30, minimum=1)


def test_a_share_is_at_most_a_hundred(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROSS_MARGIN_PERCENT", "100")
    assert env.whole_number("GROSS_MARGIN_PERCENT", default=30, maximum=100) == 100
    monkeypatch.setenv("GROSS_MARGIN_PERCENT", "101")
    with pytest.raises(ImproperlyConfigured, match="above 100"):
        env.whole_number("GROSS_MARGIN_PERCENT", default=30, maximum=100)


def test_an_unknown_word_is_refused(monkeypatch) -> None:
    monkeypatch.setenv("LOG_FORMAT", "xml")
    with pytest.raises(ImproperlyConfigured, match="LOG_FORMAT='xml' is none of console, json"):
        env.choice("LOG_FORMAT", choices=("console", "json"), default="console")


def test_spaces_in_a_list_do_not_belong_to_the_names(monkeypatch) -> None:
    monkeypatch.setenv("ALLOWED_HOSTS", "coupons.example.com, www.example.com ,")
    assert env.names("ALLOWED_HOSTS") == ["coupons.example.com", "www.example.com"]


def test_an_unknown_way_to_send_mail_is_refused_without_its_password(monkeypatch) -> None:
    monkeypatch.setenv("EMAIL_URL", "smpt://quan:sesame@mail.example.com")
    with pytest.raises(ImproperlyConfigured, match="EMAIL_URL must begin with") as refused:
        env.email("EMAIL_URL", default="consolemail://")
    assert "sesame" not in str(refused.value)


def test_a_mail_server_is_read_with_its_encryption(monkeypatch) -> None:
    monkeypatch.setenv("EMAIL_URL", "smtp+tls://quan:sesame@mail.example.com:587")
    settings = env.email("EMAIL_URL", default="consolemail://")
    assert (settings["EMAIL_HOST"], settings["EMAIL_PORT"], settings["EMAIL_USE_TLS"]) == (
        "mail.example.com",
        587,
        True,
    )


def test_production_has_no_default_for_what_only_the_shop_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_URL", "https://coupons.example.com")
    monkeypatch.setenv("EMAIL_URL", " ")
    with pytest.raises(ImproperlyConfigured, match="EMAIL_URL"):
        env.require("SHOP_URL", "EMAIL_URL")
    monkeypatch.setenv("EMAIL_URL", "smtp://mail.example.com")
    env.require("SHOP_URL", "EMAIL_URL")
