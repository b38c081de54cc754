"""Runs one command with the servers around it, and passes signals and exit status through."""

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from types import FrameType

from config.embedded.errors import InterruptedStartError
from config.embedded.process import exit_status, spawn
from config.embedded.servers import EmbeddedServers

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Linux's mark of a signal that the terminal sent to the whole foreground group.
SENT_BY_KERNEL = 0x80
COMMAND_NOT_FOUND = 127


def run_command(command: Sequence[str], *, name: str = "default", ephemeral: bool = False, quiet: bool = False) -> int:
    """Start the servers, run `command` with their addresses in its environment, stop them.

    Args:
        command: program and arguments.
        name: the folder under `var/` that keeps the data.
        ephemeral: throw-away data instead.
        quiet: say nothing on standard error when all is well.

    Returns:
        The command's exit status; 128 + signal when a signal ended it.

    Raises:
        EmbeddedError: the servers did not come up.
    """
    servers = EmbeddedServers(name=name, ephemeral=ephemeral)
    try:
        with _signals_as_exceptions(), servers:
            if not quiet:
                _say(servers.describe())
            with _signals_held_back() as waiting:
                return _supervise(command, servers, waiting)
    except InterruptedStartError as interruption:
        return 128 + interruption.signal_number


def _supervise(command: Sequence[str], servers: EmbeddedServers, waiting: set[signal.Signals]) -> int:
    try:
        child = spawn(
            command,
            signal_on_parent_death=signal.SIGTERM,
            environment={**os.environ, **servers.environment},
        )
    except FileNotFoundError:
        _say(f"There is no program {command[0]!r}.")
        return COMMAND_NOT_FOUND
    try:
        while child.poll() is None:
            # The time limit only guards against a missed signal.
            arrived = signal.sigtimedwait(waiting, 1.0)
            if arrived and arrived.si_signo != signal.SIGCHLD:
                _forward(child, arrived)
            elif child.poll() is None:
                for label in servers.restart_dead():
                    _say(f"{label} had died and was started again.")
    except BaseException:
        child.terminate()
        child.wait()
        raise
    return exit_status(child.returncode)


def _forward(child: subprocess.Popen[bytes], arrived: signal.struct_siginfo) -> None:
    # The terminal has sent its Ctrl-C to the command as well; a second one would mean "at once".
    if arrived.si_code != SENT_BY_KERNEL:
        child.send_signal(arrived.si_signo)


@contextlib.contextmanager
def _signals_as_exceptions() -> Iterator[None]:
    """Turn the first stop signal into `InterruptedStartError` while servers come up."""

    def interrupt(signal_number: int, frame: FrameType | None) -> None:
        # The clean-up that follows must run to its end.
        for number in before:
            signal.signal(number, signal.SIG_IGN)
        raise InterruptedStartError(signal_number)

    before = {number: signal.signal(number, interrupt) for number in _handled_signals()}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _signals_held_back() -> Iterator[set[signal.Signals]]:
    """Queue stop signals for `sigtimedwait`, and keep them queued until the process ends."""
    waiting = {*_handled_signals(), signal.SIGCHLD}
    signal.pthread_sigmask(signal.SIG_BLOCK, waiting)
    yield waiting


def _handled_signals() -> list[signal.Signals]:
    # `nohup` ignores SIGHUP on purpose.
    return [number for number in STOP_SIGNALS if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN]


def _say(text: str) -> None:
    # A closed terminal is no reason to leave servers behind.
    with contextlib.suppress(OSError):
        print(f"embedded: {text}", file=sys.stderr, flush=True)
