"""A circuit breaker: what fails again and again is left alone for a while, and then asked by one caller first."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock
from typing import TypeVar

import structlog

from config.kernel.counters import circuit_known, circuit_state

Answer = TypeVar("Answer")

logger = structlog.get_logger(__name__)


class CircuitOpen(Exception):
    """The part behind the breaker is left alone at the moment; nobody asked it."""


class CircuitBreaker:
    """Counts failures in a row; each process has its own, and its threads share it.

    Closed, every call goes through. After `failures` in a row it opens: calls are refused at once. When it has rested,
    it is half open: one call goes through as a probe, whose outcome closes it or opens it again.
    """

    def __init__(
        self, name: str, *, failures: int = 3, rest: float = 1.0, clock: Callable[[], float] = time.monotonic
    ) -> None:
        """Makes a closed breaker.

        Args:
            name: how the log names what is behind it.
            failures: so many in a row open it.
            rest: seconds from opening to the next probe.
            clock: seconds that only grow.
        """
        self._name = name
        self._failures = failures
        self._rest = rest
        self._clock = clock
        self._lock = Lock()
        self._failed = 0
        self._opened_at: float | None = None
        self._is_probing = False
        circuit_known(name)

    @property
    def is_open(self) -> bool:
        """Whether calls are refused, but for a probe."""
        return self._opened_at is not None

    def call(self, action: Callable[[], Answer], *, failing: tuple[type[Exception], ...]) -> Answer:
        """Returns what the action returns.

        Args:
            failing: the errors that count as a failure of what is behind the breaker; they are raised on.

        Raises:
            CircuitOpen: it was not asked.
        """
        self._admit()
        try:
            answer = action()
        except failing:
            self._note_failure()
            raise
        except BaseException:
            # It answered, or was never asked to the end; either way the next caller may probe.
            self._is_probing = False
            raise
        self._note_success()
        return answer

    def _admit(self) -> None:
        if not self.is_open:
            return
        with self._lock:
            if self._opened_at is None:
                return
            if self._is_probing or self._clock() - self._opened_at < self._rest:
                raise CircuitOpen(self._name)
            self._is_probing = True

    def _note_failure(self) -> None:
        with self._lock:
            self._failed += 1
            self._is_probing = False
            if self._opened_at is None and self._failed < self._failures:
                return
            was_closed = self._opened_at is None
            self._opened_at = self._clock()
            if was_closed:
                circuit_state(self._name, is_open=True)
        if was_closed:
            logger.warning("circuit_opened", circuit=self._name)

    def _note_success(self) -> None:
        if self._opened_at is None and not self._failed:
            return
        with self._lock:
            # An answer to a question from before it opened proves nothing about now.
            if self._opened_at is not None and not self._is_probing:
                return
            was_open = self._opened_at is not None
            self._failed = 0
            self._opened_at = None
            self._is_probing = False
            if was_open:
                circuit_state(self._name, is_open=False)
        if was_open:
            logger.info("circuit_closed", circuit=self._name)
