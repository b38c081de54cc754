"""One real Valkey server: started, restarted, stopped."""

import contextlib
import os
import secrets
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from config.embedded import ports
from config.embedded.binaries import valkey_program
from config.embedded.errors import EmbeddedError
from config.embedded.places import make_folder, own_folder, server_account, server_folder
from config.embedded.process import POLL_SECONDS, spawn, stop

START_ATTEMPTS = 5
READY_SECONDS = 60
STOP_SECONDS = 20
DATABASES = 64


class ValkeyServer:
    """A Valkey server for one name of this clone.

    Invariants kept: it listens on 127.0.0.1 only; it asks for a password, which no process list shows;
    it never outlives the launcher.

    Attributes:
        process: the running server, or None before the first start.
    """

    label = "Valkey"

    def __init__(self, *, name: str, durable: bool) -> None:
        """Prepare a server.

        Args:
            name: the folder under `var/` that it belongs to.
            durable: whether to keep the data in an append-only file.
        """
        self.process: subprocess.Popen[bytes] | None = None
        self._durable = durable
        own = own_folder(name)
        # As PostgreSQL's account, so that one person's data has one owner.
        account = server_account(data=own / "valkey")
        folder = server_folder(own, account)
        self._account = server_account(data=folder / "valkey")
        self._folder = make_folder(folder / "valkey", mode=0o700, account=self._account)
        self._program = valkey_program(self._account)
        self._log = own / "valkey.log"
        self._password = secrets.token_urlsafe(24)
        self._port: int | None = None

    @property
    def url(self) -> str:
        """The `REDIS_URL` of the running server."""
        return f"redis://:{self._password}@127.0.0.1:{self._port}/0"

    def start(self) -> None:
        """Bring the server up and wait until it answers; a restart keeps port and password.

        Raises:
            EmbeddedError: it did not come up in several attempts.
        """
        fixed_port = self._port
        for attempt in range(START_ATTEMPTS):
            self._port = fixed_port or ports.free_port()
            self.process = self._launch()
            if self._becomes_ready(self.process):
                return
            time.sleep(0.1 * 2**attempt)
        raise EmbeddedError(f"Valkey did not start; see {self._log}.")

    def stop(self) -> None:
        """Stop the server, writing what it holds to disk when its data is to be kept."""
        if self.process:
            stop(self.process, signal_number=self._stop_signal, seconds=STOP_SECONDS)

    @property
    def _stop_signal(self) -> int:
        return signal.SIGTERM if self._durable else signal.SIGKILL

    def _launch(self) -> subprocess.Popen[bytes]:
        # Through standard input, since the command line is there for everybody to read.
        with self._log.open("ab") as log, tempfile.TemporaryFile() as configuration:
            configuration.write(self._configuration().encode())
            configuration.seek(0)
            return spawn(
                [self._program, "-"],
                signal_on_parent_death=self._stop_signal,
                account=self._account,
                new_session=True,
                environment={"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
                folder=Path("/"),
                stdin=configuration,
                output=log,
            )

    def _configuration(self) -> str:
        settings = {
            "bind": "127.0.0.1",
            "port": str(self._port),
            "requirepass": self._password,
            "databases": str(DATABASES),
            "dir": _quoted(os.fsencode(self._folder)),
            "appendonly": "yes" if self._durable else "no",
            "save": '""',
            # A cache may lose keys, a broker and a gate may not.
            "maxmemory-policy": "noeviction",
        }
        return "".join(f"{key} {value}\n" for key, value in settings.items())

    def _becomes_ready(self, process: subprocess.Popen[bytes]) -> bool:
        deadline = time.monotonic() + READY_SECONDS
        while process.poll() is None:
            if self._answers():
                return True
            if time.monotonic() > deadline:
                stop(process, signal_number=signal.SIGKILL, seconds=STOP_SECONDS)
                raise EmbeddedError(f"Valkey was not ready after {READY_SECONDS} s; see {self._log}.")
            time.sleep(POLL_SECONDS)
        return False

    def _answers(self) -> bool:
        # The random password makes sure that it is our own server which answers on this port.
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", self._port or 0), timeout=1) as connection,
        ):
            connection.sendall(f"AUTH {self._password}\r\nPING\r\n".encode())
            reply = b""
            while reply.count(b"\r\n") < 2 and (part := connection.recv(1024)):
                reply += part
            return reply == b"+OK\r\n+PONG\r\n"
        return False


def _quoted(value: bytes) -> str:
    """Write bytes as a quoted word of Valkey's configuration, whatever they are."""
    return '"' + "".join(f"\\x{byte:02x}" for byte in value) + '"'
