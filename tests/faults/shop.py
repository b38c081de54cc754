"""A whole platform of a test's own: real PostgreSQL, Valkey, gunicorn and workers, each of which may be killed."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from unittest.mock import patch
from urllib.parse import urlsplit, urlunsplit

import psycopg2
from django.db import connections
from django.db.utils import ConnectionHandler
from redis import Redis
from redis.exceptions import RedisError

from benchmarks.server import listening, start_server, wait_until_ready
from config.embedded.places import VAR, remove_folder, remove_outside_twin
from config.embedded.postgres import PostgresServer
from config.embedded.process import ask_for_signal_on_parent_death, stop, wait_until
from config.embedded.valkey import ValkeyServer
from config.env import BASE_DIR, database

SETTINGS = "tests.faults.settings"
STOP_SECONDS = 20
PATIENCE = 60  # seconds; a part that takes longer to come up is broken


class Part:
    """One kind of process of the platform: started, killed, started again."""

    def __init__(self, name: str, command: Sequence[str], *, environment: Mapping[str, str], folder: Path) -> None:
        """Prepares a part.

        Args:
            command: the words after `python`.
            environment: what it has beside this process's environment.
            folder: where its log goes.
        """
        self.name = name
        self.log = folder / f"{name}.log"
        self.environment = {"DJANGO_SETTINGS_MODULE": SETTINGS, **environment}
        self.process: subprocess.Popen[bytes] | None = None
        self._command = [sys.executable, *command]

    def start(self) -> None:
        """Starts it; whoever kills the tests kills it too."""
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                self._command,
                cwd=BASE_DIR,
                env={**os.environ, **self.environment},
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=lambda: ask_for_signal_on_parent_death(signal.SIGTERM),  # noqa: PLW1509 - it takes no lock
            )

    @property
    def pid(self) -> int:
        """The process that the others of this part are children of."""
        assert self.process is not None
        return self.process.pid

    def children(self) -> list[int]:
        """The processes that do the work, where there are several."""
        return children_of(self.pid)

    def kill(self) -> None:
        """Kills it and its children at once, as the kernel does that runs out of memory, or a power cut."""
        killed = [self.pid, *self.children()]
        for pid in killed:
            kill(pid)
        assert self.process is not None
        self.process.wait(timeout=STOP_SECONDS)

    def stop(self) -> None:
        """Lets it end in its own time."""
        if self.process is not None:
            stop(self.process, signal_number=signal.SIGTERM, seconds=STOP_SECONDS)


class Web(Part):
    """gunicorn, on a port that it keeps when it is started again."""

    def __init__(self, *, workers: int, environment: Mapping[str, str], folder: Path) -> None:
        super().__init__("web", [], environment=environment, folder=folder)
        self._workers = workers
        self._listener = listening()
        self.port: int = self._listener.getsockname()[1]

    def start(self) -> None:
        """Starts it and waits until it can serve."""
        with self.log.open("ab") as output:
            self.process = start_server(
                listener=self._listener, workers=self._workers, output=output, environment=self.environment
            )
        wait_until_ready(self.process, self.port, self.log)

    def stop(self) -> None:
        super().stop()
        self._listener.close()


class Shop:
    """PostgreSQL and Valkey with data of their own, and the processes that a test starts around them."""

    def __init__(self, name: str) -> None:
        """Prepares everything; `name` is that of its folder under var/."""
        self._name = name
        self.folder = VAR / name
        self.postgres = PostgresServer(name=name, durable=True)
        self.valkey = ValkeyServer(name=name, durable=True)
        self.sessions: list[list[str]] = []

    def open(self) -> None:
        """Starts the servers and makes the tables."""
        self.postgres.start()
        self.valkey.start()
        migrate = Part("migrate", ["manage.py", "migrate"], environment=self.environment(), folder=self.folder)
        migrate.start()
        assert migrate.process is not None
        assert migrate.process.wait(timeout=PATIENCE * 3) == 0, migrate.log.read_text()

    def close(self) -> None:
        """Stops the servers and forgets their data."""
        self.valkey.stop()
        self.postgres.stop()
        remove_folder(self.folder)
        remove_outside_twin(self.folder)

    def environment(
        self, *, database_port: int | None = None, redis_port: int | None = None, **more: str
    ) -> dict[str, str]:
        """Returns what a process needs to find the servers.

        Args:
            database_port: of a proxy that stands before PostgreSQL.
            redis_port: of a proxy that stands before Valkey.
        """
        return {
            "DATABASE_URL": at_port(self.postgres.url, database_port) + ("?sslmode=disable&gssencmode=disable"),
            "REDIS_URL": at_port(self.valkey.url, redis_port),
            **more,
        }

    @contextmanager
    def web(self, *, workers: int = 2, **environment: str | int) -> Iterator[Web]:
        """Runs gunicorn; the rest as in `environment`."""
        own = self.environment(**environment)  # type: ignore[arg-type]
        with running(Web(workers=workers, environment=own, folder=self.folder)) as web:
            yield web

    @contextmanager
    def worker(self, *, processes: int = 2, **environment: str | int) -> Iterator[Part]:
        """Runs a Celery worker."""
        # As in the Procfile; gossip is for several workers that want to know of each other.
        command = ["-m", "celery", "-A", "config", "worker", "--loglevel", "INFO", "--concurrency", str(processes)]
        part = Part(
            "worker",
            [*command, "--without-gossip", "--without-mingle"],
            environment=self.environment(**environment),  # type: ignore[arg-type]
            folder=self.folder,
        )
        with running(part) as worker:
            yield worker

    @contextmanager
    def database(self) -> Iterator[None]:
        """Lets this thread's models and services work on the shop's database for as long as a block runs."""
        with patch.dict(os.environ, self.environment()):
            own = ConnectionHandler({"default": database()})["default"]
        before = connections["default"]
        connections["default"] = own
        try:
            yield
        finally:
            own.close()
            connections["default"] = before

    def redis(self) -> Redis:
        """Returns a connection of the test's own to Valkey."""
        return Redis.from_url(self.valkey.url, decode_responses=True)

    def connect(self) -> psycopg2.extensions.connection:
        """Returns a connection of the test's own to PostgreSQL.

        Raises:
            psycopg2.OperationalError: there is none to be had.
        """
        made = psycopg2.connect(self.postgres.url)
        made.autocommit = True
        return made

    # Faults

    def kill_postgres(self, _rng: random.Random) -> None:
        """Kills the whole server and starts it again."""
        assert self.postgres.process is not None
        kill(self.postgres.process.pid)
        self.postgres.process.wait(timeout=STOP_SECONDS)
        self.postgres.start()

    def kill_a_connection(self, rng: random.Random) -> None:
        """Kills one process of PostgreSQL that serves a client: the server then restarts all of them by itself."""
        assert self.postgres.process is not None
        serving = [pid for pid in children_of(self.postgres.process.pid) if b"127.0.0.1(" in command_line(pid)]
        kill(rng.choice(serving))

    def kill_valkey(self, _rng: random.Random) -> None:
        """Kills the whole server and starts it again."""
        assert self.valkey.process is not None
        kill(self.valkey.process.pid)
        self.valkey.process.wait(timeout=STOP_SECONDS)
        self.valkey.start()

    def empty_valkey(self, _rng: random.Random) -> None:
        """Lets Valkey forget everything."""
        with self.redis() as redis:
            redis.flushall()


@contextmanager
def running(part: Part) -> Iterator[Part]:
    """Starts a part, and stops it after the block."""
    try:
        part.start()
        yield part
    finally:
        part.stop()


def kill(pid: int) -> None:
    """Kills one process that belongs to a shop; one that is gone already may be."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return


def children_of(pid: int) -> list[int]:
    """Returns the children of a process, oldest first."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except FileNotFoundError:
        return []


def command_line(pid: int) -> bytes:
    """Returns how a process names itself; nothing when it is gone."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def at_port(url: str, port: int | None) -> str:
    """Returns an address with another port."""
    if port is None:
        return url
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=f"{parts.netloc.rpartition(':')[0]}:{port}"))


def port_of(url: str) -> int:
    """Returns the port of an address."""
    port = urlsplit(url).port
    assert port is not None
    return port


def answers(question: Callable[[], object]) -> bool:
    """Tells whether a server answers at all."""
    try:
        question()
    except (RedisError, OSError, psycopg2.Error):
        return False
    return True


def until(condition: Callable[[], bool], *, seconds: float, what: str = "it") -> None:
    """Returns as soon as a condition holds, which it has to within so many seconds."""
    assert wait_until(condition, seconds=seconds), f"{what}: not within {seconds} s"
