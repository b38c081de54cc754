"""Nobody waits for ever for a database that fell silent on an open connection."""

from __future__ import annotations

import io
import socket
from collections.abc import Callable, Iterator
from threading import Thread
from typing import Any

import psycopg2
import pytest
from django.db import connection

from config.kernel.locks import is_busy
from config.kernel.postgresql import patience
from config.kernel.postgresql.base import Connection, Cursor, DatabaseWrapper
from tests.faults.proxy import Proxy, Weather, standing_before

pytestmark = [
    pytest.mark.reliability(28),
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif("connection.vendor != 'postgresql'", reason="PostgreSQL's network"),
]

LIMIT = 0.1
# Long enough to have hung up in.
PATIENCE = 10


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    with standing_before(int(connection.settings_dict["PORT"])) as made:
        yield made


@pytest.fixture
def reached(proxy: Proxy) -> Iterator[DatabaseWrapper]:
    """The test's database, reached by the proxy."""
    wrapper = DatabaseWrapper({**connection.settings_dict, "PORT": proxy.port}, alias="behind the proxy")
    wrapper.inc_thread_sharing()
    with wrapper.cursor() as cursor:
        cursor.execute("CREATE TEMP TABLE pieces AS SELECT generate_series(1, 10000) AS number")
    yield wrapper
    wrapper.close()


@pytest.fixture
def limited() -> Iterator[None]:
    patience.limit_waiting(LIMIT)
    yield
    patience.limit_waiting(None)


def execute(wrapper: DatabaseWrapper) -> Any:
    with wrapper.cursor() as cursor:
        cursor.execute("SELECT 1")
        return cursor.fetchone()


def commit(wrapper: DatabaseWrapper) -> None:
    wrapper.commit()


def rollback(wrapper: DatabaseWrapper) -> None:
    wrapper.rollback()


def copy(wrapper: DatabaseWrapper) -> None:
    with wrapper.cursor() as cursor, wrapper.wrap_database_errors:
        cursor.copy_expert("COPY pieces FROM STDIN", io.StringIO("1\n" * 100_000))


def in_background(work: Callable[[], Any]) -> tuple[Thread, list[Any]]:
    """Starts something that may hang, so that the test does not; its result or error ends up in the list."""
    results: list[Any] = []

    def run() -> None:
        try:
            results.append(work())
        except Exception as error:
            results.append(error)

    thread = Thread(target=run, daemon=True)
    thread.start()
    return thread, results


@pytest.mark.usefixtures("limited")
@pytest.mark.parametrize("wait", [execute, commit, rollback, copy])
def test_a_silent_server_counts_as_gone(proxy: Proxy, reached: DatabaseWrapper, wait: Callable[..., Any]) -> None:
    """The waiting thread wakes with the error that every face answers with "try again"."""
    reached.set_autocommit(False)
    execute(reached)
    proxy.turn(Weather.SILENT)
    thread, results = in_background(lambda: wait(reached))
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert is_busy(results[0])
    assert reached.connection.closed


@pytest.mark.usefixtures("limited")
def test_a_cursor_in_the_server_is_given_up_too(proxy: Proxy, reached: DatabaseWrapper) -> None:
    reached.set_autocommit(False)
    rows = reached.chunked_cursor()
    rows.execute("SELECT number FROM pieces")
    assert len(rows.fetchmany(10)) == 10
    proxy.turn(Weather.SILENT)
    thread, results = in_background(lambda: rows.fetchmany(5_000))
    thread.join(PATIENCE)
    assert not thread.is_alive()
    assert is_busy(results[0])


@pytest.mark.usefixtures("limited")
def test_it_comes_back_with_a_new_connection(proxy: Proxy, reached: DatabaseWrapper) -> None:
    proxy.turn(Weather.SILENT)
    thread, _error = in_background(lambda: execute(reached))
    thread.join(PATIENCE)
    proxy.turn(Weather.FAIR)
    reached.close_if_unusable_or_obsolete()
    assert execute(reached) == (1,)


def test_without_a_limit_it_would_wait_for_as_long_as_it_takes(proxy: Proxy, reached: DatabaseWrapper) -> None:
    """Control: the deadline is what ends the wait."""
    proxy.turn(Weather.SILENT)
    thread, results = in_background(lambda: execute(reached))
    thread.join(LIMIT + 3 * patience.LOOK_EVERY_SECONDS)
    assert thread.is_alive()
    proxy.turn(Weather.FAIR)
    thread.join(PATIENCE)
    assert results == [(1,)]


@pytest.mark.usefixtures("limited")
def test_only_the_wait_that_is_over_ends(reached: DatabaseWrapper) -> None:
    """What was answered in time stays open, however long ago that is, and however long others wait."""
    execute(reached)
    wait = reached.connection.wait
    wait.hang_up_when_over(now=float("inf"))
    assert execute(reached) == (1,)


@pytest.mark.usefixtures("limited")
def test_the_socket_itself_is_what_hangs_up() -> None:
    """Ended waits never touch the number, which may be another socket's by then."""
    near, far = socket.socketpair()
    with near, far:
        wait = patience.Wait()
        wait.begin(near.fileno())
        wait.end()
        wait.hang_up_when_over(now=float("inf"))
        near.sendall(b"open")
        assert far.recv(4) == b"open"
        wait.begin(near.fileno())
        wait.hang_up_when_over(now=float("inf"))
        assert far.recv(4) == b""


class TestIdleConnections:
    def test_nothing_is_asked_of_one_that_is_fine(self, reached: DatabaseWrapper, monkeypatch: Any) -> None:
        asked: list[str] = []
        monkeypatch.setattr(Cursor, "execute", lambda _cursor, sql, *_rest: asked.append(sql))
        assert reached.is_usable()
        assert asked == []

    def test_one_that_the_server_ended_is_noticed(self, reached: DatabaseWrapper) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [reached.connection.get_backend_pid()])
            assert cursor.fetchone() == (True,)
        assert not reached.is_usable()

    def test_one_that_has_only_a_message_to_read_is_fine(self, reached: DatabaseWrapper) -> None:
        with reached.cursor() as cursor:
            cursor.execute("LISTEN quan")
        with connection.cursor() as cursor:
            cursor.execute("NOTIFY quan")
        assert reached.is_usable()

    def test_a_closed_one_is_not(self, reached: DatabaseWrapper) -> None:
        reached.connection.close()
        assert not reached.is_usable()


def test_the_platform_uses_such_connections() -> None:
    connection.ensure_connection()
    assert isinstance(connection.connection, Connection)
    with connection.cursor() as cursor:
        assert isinstance(cursor.cursor, Cursor)
    assert isinstance(connection.connection, psycopg2.extensions.connection)
