"""How long a process waits for the database to answer, whatever became of the network between them.

PostgreSQL's own limits (`lock_timeout`, `statement_timeout`) are kept by the server, and those of TCP know only
whether the other kernel still acknowledges. Neither helps against a connection that stays open and on which nothing
ever comes. So each wait has a deadline, and a thread hangs up on a connection whose deadline is over. Whoever waited
sees the server gone, which every face knows how to answer.
"""

from __future__ import annotations

import logging
import os
import socket
import time
from threading import Lock, Thread
from weakref import WeakSet

logger = logging.getLogger(__name__)

LOOK_EVERY_SECONDS = 0.5

_limit: float | None = None


def limit_waiting(seconds: float | None) -> None:
    """Sets how long this process and its children wait for one answer of the database from now on.

    For processes that people wait for. Jobs have none, since one statement of theirs may take minutes.

    Args:
        seconds: None or 0 waits for ever.
    """
    global _limit
    _limit = seconds or None


class Wait:
    """The one wait that a connection can be in, since it sends one thing at a time."""

    __slots__ = ("__weakref__", "_deadline", "_descriptor", "_lock")

    def __init__(self) -> None:
        self._lock = Lock()
        self._deadline: float | None = None
        self._descriptor = -1

    def begin(self, descriptor: int) -> None:
        """Begins to wait for an answer on an open socket."""
        if _limit is None:
            return
        with self._lock:
            self._descriptor, self._deadline = descriptor, time.monotonic() + _limit
        _watch(self)

    def end(self) -> None:
        """Ends the wait: nobody hangs up any more, so that the socket may be closed and its number used again."""
        if self._deadline is not None:
            with self._lock:
                self._deadline = None

    def hang_up_when_over(self, now: float) -> None:
        """Shuts the socket down when the deadline is over; the waiting thread wakes and sees the server gone."""
        with self._lock:
            if self._deadline is None or now < self._deadline:
                return
            self._deadline = None
            # A descriptor of its own, so that closing it here leaves the connection's alone.
            with socket.socket(fileno=os.dup(self._descriptor)) as connected:
                connected.shutdown(socket.SHUT_RDWR)
        logger.warning("the database did not answer within %s seconds; hung up", _limit)


class _Watch:
    """The thread that looks at the waits of one process."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self._waits: WeakSet[Wait] = WeakSet()
        self._lock = Lock()
        Thread(target=self._run, name="database-patience", daemon=True).start()

    def add(self, wait: Wait) -> None:
        if wait not in self._waits:
            with self._lock:
                self._waits.add(wait)

    def _run(self) -> None:
        while True:
            time.sleep(LOOK_EVERY_SECONDS)
            with self._lock:
                waits = list(self._waits)
            now = time.monotonic()
            for wait in waits:
                try:
                    wait.hang_up_when_over(now)
                # The other side was quicker to end the connection; the thread must live on for the others.
                except OSError as error:
                    logger.debug("nothing to hang up on: %s", error)


_watching: _Watch | None = None
_starting = Lock()


def _watch(wait: Wait) -> None:
    global _watching
    # Threads do not survive a fork, so that each process has its own.
    if _watching is None or _watching.pid != os.getpid():
        with _starting:
            if _watching is None or _watching.pid != os.getpid():
                _watching = _Watch()
    _watching.add(wait)
