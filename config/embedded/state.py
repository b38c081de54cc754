"""What a launcher writes down about its running servers, so that a second one can share them."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path

from config.embedded.errors import EmbeddedError
from config.embedded.process import ProcessIdentity


@dataclass(frozen=True)
class State:
    """One launcher and its servers.

    Attributes:
        launcher: the process that started the servers.
        servers: the servers' own processes.
        environment: what a command needs to reach them; holds passwords.
    """

    launcher: ProcessIdentity
    servers: tuple[ProcessIdentity, ...]
    environment: dict[str, str]


def _file(folder: Path) -> Path:
    return folder / "servers.json"


def write(folder: Path, state: State) -> None:
    """Store `state` for this folder, readable by this user only; nobody ever reads half of it."""
    draft = folder / f"servers.json.{os.getpid()}"
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        json.dump(asdict(state), file)
    draft.replace(_file(folder))


def read(folder: Path) -> State | None:
    """Return what the last launcher of this folder wrote, or None.

    Raises:
        EmbeddedError: another user's launcher wrote it.
    """
    try:
        found = json.loads(_file(folder).read_text(encoding="utf-8"))
        return State(
            launcher=ProcessIdentity(**found["launcher"]),
            servers=tuple(ProcessIdentity(**server) for server in found["servers"]),
            environment=dict(found["environment"]),
        )
    except PermissionError as error:
        raise EmbeddedError(f"{folder} belongs to another user: run as that user, or choose another --name.") from error
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None


def remove(folder: Path) -> None:
    """Forget the servers of this folder."""
    _file(folder).unlink(missing_ok=True)
