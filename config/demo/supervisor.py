"""Starts the platform's processes, shows their logs, brings back the one that dies, stops all together."""

import contextlib
import http.client
import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence

from config.demo.logs import LineBuffer, LogScreen
from config.demo.services import Service
from config.embedded.process import exit_status, spawn

TICK_SECONDS = 0.2
READY_SECONDS = 120
READY_PATH = "/readyz"
STOP_SECONDS = 10
LONGEST_PAUSE_SECONDS = 30
# A process that ran this long had started well; its next failure counts as the first.
STEADY_SECONDS = 60
MAX_FAILURES = 8
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class ServiceGaveUpError(Exception):
    """A process failed again and again, or the platform did not become ready."""


class RunningService:
    """One service over all its restarts."""

    def __init__(self, service: Service, *, environment: Mapping[str, str]) -> None:
        self.service = service
        self.process: subprocess.Popen[bytes] | None = None
        self.is_up = not service.up_mark
        self.restart_at: float | None = None
        self.lines = LineBuffer()
        self._environment = environment
        self._started_at = 0.0
        self._failures = 0

    def start(self) -> None:
        """Start the process; its output goes to a pipe."""
        self.restart_at = None
        self._started_at = time.monotonic()
        # A session of its own: the terminal's Ctrl-C reaches the supervisor alone, which stops all in order.
        self.process = spawn(
            self.service.command,
            signal_on_parent_death=self.service.signal_on_parent_death,
            new_session=True,
            environment=self._environment,
            stdin=subprocess.DEVNULL,
            output=subprocess.PIPE,
        )

    def note_failure(self) -> float:
        """Plan the restart of a process that ended by itself; return the pause before it in seconds.

        Raises:
            ServiceGaveUpError: it has failed too often in a row.
        """
        ran_well = time.monotonic() - self._started_at > STEADY_SECONDS
        self._failures = 1 if ran_well else self._failures + 1
        if self._failures > MAX_FAILURES:
            raise ServiceGaveUpError(f"{self.service.name} failed {MAX_FAILURES} times in a row.")
        pause = float(min(2 ** (self._failures - 1), LONGEST_PAUSE_SECONDS))
        self.restart_at = time.monotonic() + pause
        return pause

    def signal_group(self, signal_number: int) -> None:
        """Send a signal to the process and all its children, also after its own end."""
        if self.process:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self.process.pid, signal_number)


class Supervisor:
    """Runs services until a signal, and leaves none behind."""

    def __init__(self, services: Sequence[Service], *, environment: Mapping[str, str], port: int) -> None:
        """Prepare the supervisor.

        Args:
            services: what to run.
            environment: the whole environment of every process.
            port: where the web process listens, on 127.0.0.1.
        """
        self._services = [RunningService(service, environment=environment) for service in services]
        self._port = port
        self._screen = LogScreen()
        self._selector = selectors.DefaultSelector()
        self._stop_signal: int | None = None

    def run(self, *, when_ready: Callable[[], None]) -> int:
        """Start everything, call `when_ready` once all is up, and watch until a stop signal arrives.

        Returns:
            The exit status: 0 after a stop signal, for that is how a demo ends.

        Raises:
            ServiceGaveUpError: something does not come up.
        """
        for number in STOP_SIGNALS:
            signal.signal(number, self._note_stop_signal)
        # Python notices a signal at once instead of after the next line of output.
        reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        self._selector.register(reader, selectors.EVENT_READ, None)
        try:
            for running in self._services:
                self._start(running)
            self._watch(when_ready)
        finally:
            self._stop_all()
        return 0

    def _note_stop_signal(self, number: int, frame: object) -> None:
        self._stop_signal = number

    def _watch(self, when_ready: Callable[[], None]) -> None:
        ready_deadline: float | None = time.monotonic() + READY_SECONDS
        while self._stop_signal is None and not self._screen.is_gone:
            self._show_output(TICK_SECONDS)
            self._screen.notice_closing()
            for running in self._services:
                self._look_after(running)
            if ready_deadline is None:
                continue
            if all(running.is_up for running in self._services) and self._is_ready():
                ready_deadline = None
                when_ready()
            elif time.monotonic() > ready_deadline:
                raise ServiceGaveUpError(f"The web process was not ready after {READY_SECONDS} s.")

    def _start(self, running: RunningService) -> None:
        running.start()
        if running.process and running.process.stdout:
            os.set_blocking(running.process.stdout.fileno(), False)
            self._selector.register(running.process.stdout, selectors.EVENT_READ, running)

    def _look_after(self, running: RunningService) -> None:
        if running.restart_at is not None:
            if time.monotonic() >= running.restart_at:
                self._start(running)
            return
        if running.process is None or running.process.poll() is None:
            return
        # Children of a process that was killed would keep its port.
        running.signal_group(signal.SIGKILL)
        self._close_output(running)
        pause = running.note_failure()
        status = exit_status(running.process.returncode)
        self._say(f"{running.service.name} ended with status {status}; starting it again in {pause:.0f} s")

    def _show_output(self, seconds: float) -> None:
        for key, _events in self._selector.select(seconds):
            if key.data is None:
                with contextlib.suppress(BlockingIOError):
                    os.read(key.fd, 512)
            else:
                self._show_output_of(key.data)

    def _show_output_of(self, running: RunningService) -> None:
        if running.process is None or running.process.stdout is None:
            return
        try:
            part = os.read(running.process.stdout.fileno(), 65536)
        except BlockingIOError:
            return
        if not part:
            self._selector.unregister(running.process.stdout)
        for line in running.lines.feed(part):
            running.is_up = running.is_up or running.service.up_mark in line
            self._screen.write(running.service.name, line)

    def _close_output(self, running: RunningService) -> None:
        if running.process is None or running.process.stdout is None or running.process.stdout.closed:
            return
        if running.process.stdout in self._selector.get_map():
            self._show_output_of(running)
        with contextlib.suppress(KeyError):
            self._selector.unregister(running.process.stdout)
        running.process.stdout.close()
        for line in running.lines.flush():
            self._screen.write(running.service.name, line)

    def _is_ready(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=2)
        try:
            connection.request("GET", READY_PATH)
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _stop_all(self) -> None:
        """Ask every process to stop, show its last words, kill what is left after `STOP_SECONDS`."""
        self._say("stopping")
        for running in self._services:
            if running.process and running.process.poll() is None:
                running.process.send_signal(signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while any(r.process and r.process.poll() is None for r in self._services) and time.monotonic() < deadline:
            self._show_output(TICK_SECONDS)
        for running in self._services:
            running.signal_group(signal.SIGKILL)
            if running.process:
                running.process.wait()
            self._close_output(running)
        self._say("stopped")

    def _say(self, text: str) -> None:
        self._screen.write("demo", text)
