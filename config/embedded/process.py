"""Child processes that never outlive their parent, and recognising a process again later."""

import contextlib
import ctypes
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from config.embedded.errors import OWN_SERVERS_HINT, EmbeddedError

PR_SET_PDEATHSIG = 1
POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Account:
    """The user and group a server runs as when the launcher itself is root."""

    uid: int
    gid: int


@dataclass(frozen=True)
class ProcessIdentity:
    """A process id together with the process's start time, which tells it from a later owner of the same id.

    Attributes:
        pid: process id.
        started: start time in clock ticks since boot, as the kernel counts them.
    """

    pid: int
    started: int

    @classmethod
    def of(cls, pid: int) -> "ProcessIdentity | None":
        """Return the identity of a running process, or None when there is none (a zombie counts as none)."""
        try:
            stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            return None
        # The command name stands in brackets and may itself hold spaces and brackets.
        state, *fields = stat.rpartition(")")[2].split()
        return None if state in {"Z", "X"} else cls(pid=pid, started=int(fields[18]))

    def is_alive(self) -> bool:
        """Say whether this very process still runs."""
        return ProcessIdentity.of(self.pid) == self

    def end(self, *, seconds: float) -> None:
        """Wait up to `seconds` for the process to end by itself, then kill it."""
        if not wait_until(lambda: not self.is_alive(), seconds=seconds):
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)
            wait_until(lambda: not self.is_alive(), seconds=5)


def wait_until(condition: Callable[[], bool], *, seconds: float) -> bool:
    """Poll `condition` until it holds; return whether it did within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() >= deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def ask_for_signal_on_parent_death(signal_number: int) -> None:
    """Have the kernel send this process `signal_number` when the thread that created it ends.

    Raises:
        OSError: the kernel refused.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, signal_number, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")


def spawn(
    command: Sequence[str | os.PathLike[str]],
    *,
    signal_on_parent_death: int,
    account: Account | None = None,
    new_session: bool = False,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    stdin: int | IO[bytes] | None = None,
    output: int | IO[bytes] | None = None,
) -> subprocess.Popen[bytes]:
    """Start a child that the kernel signals when this process dies, even by `kill -9`.

    Args:
        command: program and arguments.
        signal_on_parent_death: the signal the child gets then.
        account: user and group to become first; None keeps the caller's.
        new_session: True shields the child from the terminal's Ctrl-C.
        environment: the child's whole environment; None inherits.
        folder: its working folder.
        stdin: its standard input; None inherits.
        output: where standard output and error go together; None inherits both.

    Raises:
        EmbeddedError: called outside the main thread, or the account cannot be taken on.
        FileNotFoundError: there is no such program.
    """
    if threading.current_thread() is not threading.main_thread():
        # The kernel watches the creating thread, not the process: the child would die with that thread.
        raise EmbeddedError("Servers can only be started from the main thread.")
    parent = os.getpid()

    def prepare_child() -> None:
        # Popen has changed user by now. It must come first, since changing user clears the death signal.
        ask_for_signal_on_parent_death(signal_on_parent_death)
        if os.getppid() != parent:
            os._exit(1)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])

    try:
        return subprocess.Popen(  # noqa: S603 - commands are our own, or the one given on the command line
            command,
            cwd=folder,
            env=environment,
            stdin=stdin,
            stdout=output,
            stderr=subprocess.STDOUT if output is not None else None,
            start_new_session=new_session,
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            preexec_fn=prepare_child,  # noqa: PLW1509 - this is the main thread, checked above
        )
    except (subprocess.SubprocessError, PermissionError) as error:
        raise EmbeddedError(f"Could not start {command[0]} ({error}). {OWN_SERVERS_HINT}") from error


def stop(process: subprocess.Popen[bytes], *, signal_number: int, seconds: float) -> None:
    """Signal a child, wait up to `seconds` for its end, and kill it after that."""
    if process.poll() is None:
        process.send_signal(signal_number)
    try:
        process.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def exit_status(returncode: int) -> int:
    """Turn Popen's return code into a shell's exit status (128 + signal for a killed process)."""
    return 128 - returncode if returncode < 0 else returncode
