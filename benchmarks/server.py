"""gunicorn with the platform, as it is deployed, for as long as a block runs."""

from __future__ import annotations

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO

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
    with listening() as listener, log.open("wb") as output:
        server = start_server(listener=listener, workers=workers, output=output)
        port = listener.getsockname()[1]
        try:
            wait_until_ready(server, port, log)
            yield port
        finally:
            server.terminate()
            try:
                server.wait(timeout=STOP_SECONDS)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()


def listening() -> socket.socket:
    """Returns a socket on a free port of this machine, before its server exists: nobody else can take the port."""
    return socket.create_server(("127.0.0.1", 0), backlog=2048)


def start_server(
    *, listener: socket.socket, workers: int, output: IO[bytes], environment: Mapping[str, str] | None = None
) -> subprocess.Popen[bytes]:
    """Starts gunicorn on a socket that listens already.

    Args:
        output: where its output goes.
        environment: what it has beside this process's environment; names its settings too.
    """
    command = [sys.executable, "-m", "gunicorn", *OPTIONS, "--workers", str(workers)]
    return subprocess.Popen(
        [*command, "--bind", f"fd://{listener.fileno()}"],
        pass_fds=[listener.fileno()],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "benchmarks.settings", **(environment or {})},
        stdout=output,
        stderr=subprocess.STDOUT,
    )


def wait_until_ready(server: subprocess.Popen[bytes], port: int, log: Path) -> None:
    """Returns as soon as a shopper can be served.

    Raises:
        RuntimeError: that took too long, or the server ended.
    """
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
