"""gunicorn with the platform, as it is deployed, for as long as a block runs."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

READY_SECONDS = 60
STOP_SECONDS = 20
# As in the Procfile.
OPTIONS = ("--config", "python:config.gunicorn")


@contextmanager
def running_server(*, workers: int, log: Path) -> Iterator[int]:
    """Starts gunicorn on a free port of this machine and yields the port once it answers.

    Args:
        workers: how many processes; the deployed default is one a core.
        log: where its output goes, which in production is standard output.
    """
    # Listening before the server exists: nobody else can take the port in between.
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listener, log.open("wb") as output:
        port = listener.getsockname()[1]
        command = [sys.executable, "-m", "gunicorn", *OPTIONS, "--workers", str(workers)]
        server = subprocess.Popen(
            [*command, "--bind", f"fd://{listener.fileno()}"],
            pass_fds=[listener.fileno()],
            env={**os.environ, "DJANGO_SETTINGS_MODULE": "benchmarks.settings"},
            stdout=output,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait_until_ready(server, port, log)
            yield port
        finally:
            server.terminate()
            try:
                server.wait(timeout=STOP_SECONDS)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def _wait_until_ready(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline and server.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            if connection.getresponse().status == 200:
                return
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()
        time.sleep(0.1)
    raise RuntimeError(f"The server did not become ready; see {log}.")
