"""One real PostgreSQL server: made on first use, started, restarted, stopped."""

import contextlib
import locale
import os
import secrets
import signal
import subprocess
import time
from pathlib import Path
from urllib.parse import quote

from config.embedded import ports
from config.embedded.binaries import postgres_home
from config.embedded.errors import EmbeddedError
from config.embedded.places import own_folder, remove_folder, server_account, server_folder
from config.embedded.process import POLL_SECONDS, ProcessIdentity, spawn, stop

ROLE = "quan"
DATABASE = "quan"
START_ATTEMPTS = 6
# Recovery after a crash reads the whole write-ahead log before the first connection is let in.
READY_SECONDS = 120
STOP_SECONDS = 30

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    # Socket files have short path limits and would need a folder both sides can enter.
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "effective_cache_size": "4GB",
    "work_mem": "16MB",
    "maintenance_work_mem": "256MB",
    "max_wal_size": "4GB",
    "random_page_cost": "1.1",
    # Compiling a plan costs more than our short queries take.
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
THROW_AWAY_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
}


class PostgresServer:
    """A PostgreSQL server for one name of this clone.

    Invariants kept: it listens on 127.0.0.1 only; it asks for a password; it never outlives the launcher.

    Attributes:
        process: the running postmaster, or None before the first start.
    """

    label = "PostgreSQL"

    def __init__(self, *, name: str, durable: bool) -> None:
        """Prepare a server.

        Args:
            name: the folder under `var/` that it belongs to.
            durable: False trades safety for speed; the data is thrown away anyway.
        """
        self.process: subprocess.Popen[bytes] | None = None
        self._durable = durable
        self._own = own_folder(name)
        self._account = server_account(data=self._own / "postgres")
        self._folder = server_folder(self._own, self._account)
        self._account = server_account(data=self.data)
        self._home = postgres_home(self._account)
        self._log = self._own / "postgres.log"
        self._port: int | None = None
        self._password = ""

    @property
    def data(self) -> Path:
        """Where the server keeps its data."""
        return self._folder / "postgres"

    @property
    def url(self) -> str:
        """The `DATABASE_URL` of the running server."""
        return f"postgresql://{ROLE}:{quote(self._password)}@127.0.0.1:{self._port}/{DATABASE}"

    def start(self) -> None:
        """Bring the server up and wait until it takes connections; a restart keeps port and password.

        Raises:
            EmbeddedError: it did not come up in several attempts.
        """
        if not (self.data / "PG_VERSION").exists():
            self._create()
        self._password = self._read_password()
        fixed_port = self._port
        for attempt in range(START_ATTEMPTS):
            self._clear_left_over_postmaster()
            self._port = fixed_port or ports.free_port()
            self.process = self._launch()
            if self._becomes_ready(self.process):
                return
            # A PostgreSQL killed hard refuses its first restart while its old children still leave.
            time.sleep(0.1 * 2**attempt)
        raise EmbeddedError(f"PostgreSQL did not start: {self._last_log_line()} The whole story is in {self._log}.")

    def stop(self) -> None:
        """Stop the server, with a checkpoint when its data is to be kept."""
        if self.process:
            stop(self.process, signal_number=self._stop_signal, seconds=STOP_SECONDS)

    @property
    def _stop_signal(self) -> int:
        # SIGINT is PostgreSQL's fast shutdown, SIGQUIT its immediate one.
        return signal.SIGINT if self._durable else signal.SIGQUIT

    def _launch(self) -> subprocess.Popen[bytes]:
        settings = SETTINGS | ({} if self._durable else THROW_AWAY_SETTINGS) | {"port": str(self._port)}
        options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        with self._log.open("ab") as log:
            return spawn(
                [self._home / "bin" / "postgres", "-D", self.data, *options],
                signal_on_parent_death=self._stop_signal,
                account=self._account,
                new_session=True,
                environment=self._environment,
                folder=Path("/"),
                stdin=subprocess.DEVNULL,
                output=log,
            )

    def _becomes_ready(self, process: subprocess.Popen[bytes]) -> bool:
        deadline = time.monotonic() + READY_SECONDS
        while process.poll() is None:
            lines = self._postmaster_lines()
            # The server itself writes "ready" on the eighth line once it takes connections.
            if len(lines) > 7 and lines[0] == str(process.pid) and lines[7] == "ready":
                return True
            if time.monotonic() > deadline:
                stop(process, signal_number=signal.SIGQUIT, seconds=STOP_SECONDS)
                raise EmbeddedError(f"PostgreSQL was not ready after {READY_SECONDS} s; see {self._log}.")
            time.sleep(POLL_SECONDS)
        return False

    def _postmaster_lines(self) -> list[str]:
        try:
            return [line.strip() for line in (self.data / "postmaster.pid").read_text().splitlines()]
        except (FileNotFoundError, UnicodeDecodeError):
            return []

    def _clear_left_over_postmaster(self) -> None:
        """Deal with a `postmaster.pid` left by a crash.

        A server of an earlier launcher that is still shutting down is waited for. A process id that
        belongs to something else by now must not keep PostgreSQL from starting.
        """
        lines = self._postmaster_lines()
        if not lines or not lines[0].isdigit():
            return
        owner = ProcessIdentity.of(int(lines[0]))
        if owner and self._serves_this_data(owner.pid):
            owner.end(seconds=STOP_SECONDS)
        elif owner:
            (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _serves_this_data(self, pid: int) -> bool:
        try:
            return os.fsencode(self.data) in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except OSError:
            return False

    @property
    def _environment(self) -> dict[str, str]:
        # Not the caller's: PGDATA, PGPORT and their kind would change what starts.
        return {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}

    @property
    def _password_file(self) -> Path:
        return self._folder / "postgres.password"

    def _read_password(self) -> str:
        try:
            return self._password_file.read_text().strip()
        except OSError as error:
            raise EmbeddedError(
                f"The password of the data in {self.data} is not readable ({error.strerror}): "
                "remove that folder to start anew."
            ) from error

    def _create(self) -> None:
        """Make the data folder: all of it or nothing, so that an interruption leaves nothing half-made."""
        draft = self._folder / "postgres.new"
        remove_folder(draft)
        self._write_password()
        draft.mkdir(mode=0o700)
        if self._account:
            os.chown(draft, self._account.uid, self._account.gid)
        self._run_tool(
            "initdb",
            *("-D", str(draft)),
            f"--username={ROLE}",
            f"--pwfile={self._password_file}",
            "--auth=scram-sha-256",
            "--encoding=UTF8",
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            # Text search and trigrams still ask the C library what a letter is: in plain C, nothing Chinese.
            f"--locale={_c_library_locale()}",
            *([] if self._durable else ["--no-sync"]),
        )
        self._run_tool("postgres", "--single", "-D", str(draft), "postgres", commands=f"CREATE DATABASE {DATABASE}\n")
        draft.rename(self.data)

    def _write_password(self) -> None:
        self._password_file.unlink(missing_ok=True)
        descriptor = os.open(self._password_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_urlsafe(24))
        if self._account:
            os.chown(self._password_file, self._account.uid, self._account.gid)

    def _run_tool(self, program: str, *arguments: str, commands: str = "") -> None:
        with self._log.open("ab") as log:
            process = spawn(
                [self._home / "bin" / program, *arguments],
                signal_on_parent_death=signal.SIGKILL,
                account=self._account,
                new_session=True,
                environment=self._environment,
                folder=Path("/"),
                stdin=subprocess.PIPE,
                output=log,
            )
            try:
                process.communicate(commands.encode())
            except BaseException:
                process.kill()
                process.wait()
                raise
        if process.returncode != 0:
            raise EmbeddedError(f"{program} failed: {self._last_log_line()} The whole story is in {self._log}.")

    def _last_log_line(self) -> str:
        with contextlib.suppress(OSError, IndexError):
            return self._log.read_text(errors="replace").strip().splitlines()[-1].rstrip(".") + "."
        return "it left no message."


def _c_library_locale() -> str:
    before = locale.setlocale(locale.LC_CTYPE)
    try:
        locale.setlocale(locale.LC_CTYPE, "C.UTF-8")
    except locale.Error:
        return "C"
    finally:
        locale.setlocale(locale.LC_CTYPE, before)
    return "C.UTF-8"
