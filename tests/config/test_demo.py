"""The demo's supervisor, on small real processes in the places of web and worker."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from config.demo.accounts import welcome
from config.demo.logs import LineBuffer
from config.demo.secrets import development_secrets
from config.embedded import ports
from config.embedded.places import PROJECT
from config.kernel.crypto import KeyRing

SLOW_MACHINE_SECONDS = 30

WEB = """
import http.server, subprocess, sys
# A grandchild, as a web server's own workers are; it leaves with its parent's session only.
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", sys.argv[2]])
class Ready(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
    def log_message(self, *arguments): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Ready).serve_forever()
"""
WORKER = "import sys, time; print('worker@here ready.', flush=True); time.sleep(600)"
FAILING = "import sys; print('no such table', flush=True); sys.exit(3)"

SUPERVISOR = """
import json, os, signal, sys
from config.demo import supervisor
from config.demo.services import Service
supervisor.MAX_FAILURES = 2
port, worker, mark, web = sys.argv[1:]
services = (
    Service("web", (sys.executable, "-u", "-c", web, port, mark), "", signal.SIGTERM),
    Service("worker", (sys.executable, "-u", "-c", worker, mark), " ready.", signal.SIGKILL),
)
platform = supervisor.Supervisor(services, environment=dict(os.environ), port=int(port))
try:
    sys.exit(platform.run(when_ready=lambda: print("ALL READY", flush=True)))
except supervisor.ServiceGaveUpError as error:
    print("GAVE UP:", error, flush=True)
    sys.exit(1)
"""


def becomes_true(condition: Callable[[], object]) -> bool:
    deadline = time.monotonic() + SLOW_MACHINE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@dataclass
class Platform:
    """A supervisor that runs in the background, and its log file."""

    process: subprocess.Popen[bytes]
    log: Path
    mark: str
    terminal: subprocess.Popen[bytes] | None = None

    def has_logged(self, text: str, *, times: int = 1) -> bool:
        return becomes_true(lambda: self.log.read_text().count(text) >= times)

    def process_ids(self, *, of: str = "") -> list[int]:
        """Return the supervised processes that run, or those whose command line holds `of`."""
        found = []
        for file in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                command_line = file.read_bytes()
            except OSError:
                continue
            pid = int(file.parent.name)
            if self.mark.encode() in command_line and of.encode() in command_line and pid != self.process.pid:
                found.append(pid)
        return found

    def leaves_nothing(self) -> bool:
        return becomes_true(lambda: not self.process_ids())


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Platform]]:
    platforms: list[Platform] = []

    def start(*, worker: str = WORKER, through: tuple[str, ...] = ()) -> Platform:
        log = tmp_path / "log.txt"
        mark = f"mark-{os.getpid()}-{time.monotonic_ns()}"
        with log.open("wb") as file:
            terminal = None
            if through:
                terminal = subprocess.Popen(through, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
            output = terminal.stdin if terminal else file
            process = subprocess.Popen(
                [sys.executable, "-c", SUPERVISOR, str(ports.free_port()), worker, mark, WEB],
                cwd=PROJECT,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
            if terminal and terminal.stdin:
                terminal.stdin.close()
        platforms.append(Platform(process, log, mark, terminal))
        return platforms[-1]

    yield start
    for platform in platforms:
        for process in filter(None, (platform.process, platform.terminal)):
            process.kill()
            process.wait()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_stop_signal_ends_every_process_and_counts_as_success(
    start: Callable[..., Platform], number: signal.Signals
) -> None:
    platform = start()
    assert platform.has_logged("ALL READY")
    assert len(platform.process_ids()) == 3

    platform.process.send_signal(number)

    assert platform.process.wait(SLOW_MACHINE_SECONDS) == 0
    assert platform.process_ids() == []


def test_a_closed_terminal_ends_the_demo_as_well(start: Callable[..., Platform], tmp_path: Path) -> None:
    log = tmp_path / "log.txt"
    # `tee` stands for the terminal.
    platform = start(through=("tee", str(log)))
    assert platform.has_logged("ALL READY")
    assert platform.terminal is not None

    platform.terminal.kill()

    assert platform.process.wait(SLOW_MACHINE_SECONDS) == 0
    assert platform.process_ids() == []


def test_a_killed_supervisor_takes_its_processes_along(start: Callable[..., Platform]) -> None:
    platform = start()
    assert platform.has_logged("ALL READY")
    # The small web process has no quick shutdown of its own for the grandchild; gunicorn's workers have.
    watched = platform.process_ids(of="ready.")

    platform.process.kill()

    assert watched
    assert becomes_true(lambda: not set(watched) & set(platform.process_ids()))
    for pid in platform.process_ids():
        os.kill(pid, signal.SIGKILL)


def test_a_process_that_dies_is_reported_and_comes_back(start: Callable[..., Platform]) -> None:
    platform = start()
    assert platform.has_logged("ALL READY")
    [worker] = platform.process_ids(of="worker@here")

    os.kill(worker, signal.SIGKILL)

    assert platform.has_logged("worker ended with status 137; starting it again in 1 s")
    assert platform.has_logged("worker@here ready.", times=2)
    assert worker not in platform.process_ids()


def test_a_process_that_keeps_failing_stops_the_demo_with_its_own_words(start: Callable[..., Platform]) -> None:
    platform = start(worker=FAILING)

    assert platform.process.wait(SLOW_MACHINE_SECONDS) == 1
    log = platform.log.read_text()
    assert "worker  | no such table" in log
    assert "GAVE UP: worker failed 2 times in a row." in log
    assert "ALL READY" not in log
    assert platform.process_ids() == []


def test_secrets_are_made_once_kept_private_and_accepted_by_the_settings(tmp_path: Path) -> None:
    first = development_secrets(tmp_path)

    assert development_secrets(tmp_path) == first
    assert (tmp_path / "secrets.env").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secrets.env"]
    assert KeyRing.parse(first["FIELD_ENCRYPTION_KEYS"]).keys[0][0] == "demo"
    assert min(len(first["SECRET_KEY"]), len(first["BLIND_INDEX_KEY"])) >= 32


def test_the_welcome_names_every_account_under_the_address_in_use(tmp_path: Path) -> None:
    accounts = [
        {"role": "shopper", "login": "shopper@demo.example", "password": "pass-1", "url": "/"},
        {"role": "marketer", "login": "marketer@demo.example", "password": "pass-2", "url": "/admin/"},
        {"role": "shop backend", "login": "shop", "token": "token-3", "url": "/api/docs/"},
    ]
    (tmp_path / "accounts.json").write_text(json.dumps(accounts))

    text = welcome(tmp_path, address="http://127.0.0.1:8123")

    assert "shopper@demo.example  /  pass-1" in text
    assert "http://127.0.0.1:8123/admin/" in text
    assert "Authorization: Bearer token-3" in text


def test_lines_are_cut_where_they_end_not_where_a_read_ended() -> None:
    buffer = LineBuffer()
    chinese = "优惠券\n".encode()

    assert buffer.feed(b"first\nsec") == ["first"]
    assert buffer.feed(b"ond\n" + chinese[:4]) == ["second"]
    assert buffer.feed(chinese[4:]) == ["优惠券"]
    assert buffer.flush() == []
