"""What every process counts as it goes: names by Prometheus' conventions, all of them with few and fixed labels.

A label never holds a shopper, an address, a key or a text that a visitor chose. Nothing here may make a request fail:
whatever goes wrong in counting is logged once and forgotten.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import structlog
from prometheus_client import Counter, Gauge, Histogram

logger = structlog.get_logger(__name__)

SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)

requests = Counter("quan_http_requests", "Answers by view, method and status.", ["view", "method", "status"])
request_seconds = Histogram(
    "quan_http_request_seconds", "Time to answer, from the first middleware on.", ["view", "method"], buckets=SECONDS
)
throttled = Counter("quan_throttled", "Requests refused because somebody asked too fast.", ["rate", "by"])
busy = Counter("quan_busy", "Writes refused with 503 because they could not be taken now, by cause.", ["cause"])
idempotency = Counter(
    "quan_idempotency", "Writes that came again under a key: replayed, in flight, or with another body.", ["outcome"]
)
circuits_opened = Counter("quan_circuit_opened", "Times that a circuit breaker opened.", ["circuit"])
# A process that died has no breaker.
circuits_open = Gauge(
    "quan_circuit_open", "Processes whose circuit breaker is open.", ["circuit"], multiprocess_mode="livesum"
)

# By SQLSTATE; see `config.kernel.locks`.
BUSY_CAUSES = {
    "55P03": "lock",
    "40P01": "deadlock",
    "57014": "statement_timeout",
    "53100": "disk_full",
    "53200": "out_of_memory",
    "53300": "connections",
    "57P01": "database_restart",
    "57P02": "database_restart",
    "57P03": "database_restart",
}
CONNECTION_LOST = "connection_lost"
NO_TURN = "no_turn_without_gate"
QUEUE_FULL = "queue_full"
# A fixed list, since a visitor may send any word as method.
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

# More series than there are; finding one costs more than counting.
REMEMBERED = 2_048

# Known from the start, so that a rate over them is 0 rather than nothing.
for _cause in (*BUSY_CAUSES.values(), CONNECTION_LOST, NO_TURN, QUEUE_FULL):
    busy.labels(_cause)
for _outcome in ("replayed", "in_flight", "reused"):
    idempotency.labels(_outcome)

_has_failed = False


def count(counter: Counter, *labels: str) -> None:
    """Counts one more; never raises.

    Args:
        labels: in the order of the counter's declaration; few and fixed values.
    """
    try:
        _one_more(counter, *labels)(1)
    # Whatever it is, the request goes on.
    except Exception:
        note_failure()


def count_busy(error: BaseException) -> None:
    """Counts a database error that says "not now"."""
    # A lost or refused connection carries no SQLSTATE.
    count(busy, BUSY_CAUSES.get(getattr(error.__cause__, "pgcode", None) or "", CONNECTION_LOST))


def circuit_state(circuit: str, *, is_open: bool) -> None:
    """Notes that a circuit breaker of this process opened or closed; never raises."""
    try:
        circuits_open.labels(circuit).set(int(is_open))
        if is_open:
            circuits_opened.labels(circuit).inc()
    except Exception:
        note_failure()


def circuit_known(circuit: str) -> None:
    """Makes a circuit breaker visible before it opens for the first time."""
    try:
        circuits_open.labels(circuit)
        circuits_opened.labels(circuit)
    except Exception:
        note_failure()


@lru_cache(maxsize=REMEMBERED)
def _one_more(counter: Counter, *labels: str) -> Callable[[float], None]:
    return counter.labels(*labels).inc


def note_failure() -> None:
    """Logs, once in each process, that counting does not work."""
    global _has_failed
    if not _has_failed:
        _has_failed = True
        logger.exception("counting_failed")
