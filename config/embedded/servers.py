"""The servers of one name, together: started, shared with a launcher beside us, restarted, stopped."""

import contextlib
import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from config.embedded import places, state
from config.embedded.errors import EmbeddedError
from config.embedded.postgres import PostgresServer
from config.embedded.process import ProcessIdentity
from config.embedded.valkey import ValkeyServer

Server = PostgresServer | ValkeyServer

KINDS: dict[str, type[PostgresServer] | type[ValkeyServer]] = {
    "DATABASE_URL": PostgresServer,
    "REDIS_URL": ValkeyServer,
}
ORPHAN_SECONDS = 30
MAX_RESTARTS = 50


class EmbeddedServers:
    """PostgreSQL and Valkey for as long as a `with` block lasts.

    A server whose address the environment already names is left out. Servers that another launcher of this
    clone runs under the same name are shared, and then stop with that launcher.

    Invariants kept: no server outlives the launcher that started it; two launchers never start the same data.
    """

    def __init__(
        self, *, name: str = "default", ephemeral: bool = False, given: Mapping[str, str] = os.environ
    ) -> None:
        """Prepare the servers.

        Args:
            name: the folder under `var/` that keeps the data; ignored for ephemeral servers.
            ephemeral: throw the data away afterwards, and trade its safety for speed.
            given: the environment that may already name servers.

        Raises:
            EmbeddedError: `name` is not a plain word.
        """
        if not re.fullmatch(r"[a-z0-9][a-z0-9_-]{0,40}", name) or name.startswith(places.EPHEMERAL_PREFIX):
            raise EmbeddedError(
                f"{name!r} is no name for servers: use lower-case letters, digits, hyphens and underscores."
            )
        self._name = name
        self._ephemeral = ephemeral
        self._wanted = {variable: kind for variable, kind in KINDS.items() if not given.get(variable)}
        self._running: dict[str, Server] = {}
        self._shared: dict[str, str] = {}
        self._held: int | None = None
        self._restarts = 0

    @property
    def environment(self) -> dict[str, str]:
        """`DATABASE_URL` and `REDIS_URL` of the servers that run."""
        return self._shared | {variable: server.url for variable, server in self._running.items()}

    def describe(self) -> str:
        """Say in one line, without a password, what runs where."""
        if self._shared:
            return f"sharing the servers that already run as {self._name!r}"
        places_ = [f"{server.label} on {server.url.rpartition('@')[2]}" for server in self._running.values()]
        return ", ".join(places_) or "using the servers that the environment names"

    def __enter__(self) -> Self:
        if not self._wanted:
            return self
        try:
            if self._ephemeral:
                self._start_ephemeral()
            else:
                self._start_or_share()
        except BaseException:
            self._stop_all()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._ephemeral or not self._running:
            self._stop_all()
            return
        with places.locked(self._own_folder):
            self._stop_all()

    def restart_dead(self) -> list[str]:
        """Bring back servers that died by themselves, on the same port; return their labels.

        Raises:
            EmbeddedError: they keep dying, or one does not come back.
        """
        dead = [server for server in self._running.values() if server.process and server.process.poll() is not None]
        for server in dead:
            self._restarts += 1
            if self._restarts > MAX_RESTARTS:
                raise EmbeddedError(f"{server.label} keeps dying; see the logs in {self._own_folder}.")
            server.start()
        if dead:
            self._write_state()
        return [server.label for server in dead]

    @property
    def _own_folder(self) -> Path:
        return places.VAR / self._name

    def _start_ephemeral(self) -> None:
        self._sweep()
        self._name = f"{places.EPHEMERAL_PREFIX}{os.getpid()}-{secrets.token_hex(4)}"
        # Held before it bears its name: a sweeper beside us must never see it unheld.
        draft = places.own_folder(f"starting-{self._name}")
        self._held = places.hold(draft)
        draft.rename(self._own_folder)
        self._start()

    def _start_or_share(self) -> None:
        folder = places.own_folder(self._name)
        with places.locked(folder):
            found = state.read(folder)
            if found and found.launcher.is_alive() and set(self._wanted) <= set(found.environment):
                self._shared = {variable: found.environment[variable] for variable in self._wanted}
                return
            if found and found.launcher.is_alive():
                raise EmbeddedError(f"Servers already run as {self._name!r}, but not all of them: stop them first.")
            for orphan in found.servers if found else ():
                orphan.end(seconds=ORPHAN_SECONDS)
            self._start()

    def _start(self) -> None:
        for variable, kind in self._wanted.items():
            server = kind(name=self._name, durable=not self._ephemeral)
            self._running[variable] = server
            server.start()
            # After each one: should we be killed now, the next launcher must know whom to wait for.
            self._write_state()

    def _write_state(self) -> None:
        launcher = ProcessIdentity.of(os.getpid())
        if launcher is None:
            raise EmbeddedError("The embedded servers need the /proc file system.")
        identities = (ProcessIdentity.of(server.process.pid) for server in self._running.values() if server.process)
        state.write(
            self._own_folder,
            state.State(
                launcher=launcher,
                servers=tuple(identity for identity in identities if identity),
                environment=self.environment,
            ),
        )

    def _stop_all(self) -> None:
        for server in reversed(self._running.values()):
            server.stop()
        if self._running and not self._ephemeral:
            state.remove(self._own_folder)
        self._running.clear()
        if self._held is not None:
            _remove_everywhere(self._own_folder)
            os.close(self._held)
            self._held = None

    def _sweep(self) -> None:
        """Delete throw-away data whose launcher was killed before it could."""
        for folder in places.abandoned_ephemeral_folders():
            with contextlib.suppress(EmbeddedError):
                found = state.read(folder)
                if found is None or not any(server.is_alive() for server in found.servers):
                    _remove_everywhere(folder)


def clean() -> None:
    """Delete all data of this clone's embedded servers, and everything else in `var/`.

    Raises:
        EmbeddedError: servers still run.
    """
    for folder in sorted(places.VAR.glob("*/")):
        found = state.read(folder)
        if found and found.launcher.is_alive():
            raise EmbeddedError(f"Servers still run as {folder.name!r}: stop them first.")
    places.remove_folder(places.VAR)
    places.remove_outside_folder()


def _remove_everywhere(folder: Path) -> None:
    places.remove_folder(folder)
    places.remove_outside_twin(folder)
