"""Two real workers under gunicorn: one page for both, also when one was killed."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from config.env import BASE_DIR
from config.metrics.files import PREFIX
from tests.metrics.scraping import Scrape

READY_SECONDS = 60
VIEW = {"view": "healthz", "method": "GET", "status": "200"}


@dataclass
class Server:
    process: subprocess.Popen[bytes]
    port: int

    def get(self, path: str) -> tuple[int, str]:
        """Asks on a connection of its own, so that either worker may answer."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=READY_SECONDS)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        finally:
            connection.close()

    def scrape(self) -> Scrape:
        status, text = self.get("/metrics")
        assert status == 200, text
        return Scrape(text)

    @property
    def workers(self) -> set[int]:
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return {int(child) for child in children.split()}

    def folder_of(self, worker: int) -> Path | None:
        for line in Path(f"/proc/{worker}/maps").read_text().splitlines():
            if PREFIX in line:
                return Path(line.split()[-1]).parent
        return None


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    # The page is to work without its database as well; here there is none.
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings.test",
        "DATABASE_URL": "postgresql://nobody:nothing@127.0.0.1:1/none",
        "METRICS_NETWORKS": "127.0.0.1",
    }
    with socket.create_server(("127.0.0.1", 0)) as listener, (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "gunicorn", "--config", "python:config.gunicorn", "--workers", "2"),
                *("--bind", f"fd://{listener.fileno()}"),
            ],
            pass_fds=[listener.fileno()],
            env=environment,
            cwd=BASE_DIR,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        server = Server(process, listener.getsockname()[1])
        try:
            until(lambda: len(server.workers) == 2 and all(map(server.folder_of, server.workers)))
            yield server
        finally:
            process.terminate()
            process.wait(timeout=READY_SECONDS)


def test_one_page_for_all_workers_and_a_killed_one_takes_no_counts_along(server: Server) -> None:
    for _request in range(40):
        assert server.get("/healthz")[0] == 200
    assert server.scrape().value("quan_http_requests_total", **VIEW) == 40
    victim = min(server.workers)
    folder = server.folder_of(victim)
    assert folder is not None
    os.kill(victim, signal.SIGKILL)
    until(lambda: len(server.workers - {victim}) == 2 and not list(folder.glob(f"*_{victim}.db")))
    page = server.scrape()
    assert page.value("quan_http_requests_total", **VIEW) == 40
    assert page.value("quan_http_request_seconds_count", view="healthz") == 40
    for _request in range(10):
        server.get("/healthz")
    assert server.scrape().value("quan_http_requests_total", **VIEW) == 50
    # Without its database the page says so instead of failing.
    assert page.value("quan_database_up") == 0
    server.process.terminate()
    server.process.wait(timeout=READY_SECONDS)
    assert not folder.exists()
