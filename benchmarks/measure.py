"""The measurements: each target under each crowd, in turns, so that a noisy minute hits all of them alike."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

from benchmarks.load import Order, Tally
from benchmarks.prepare import assert_exact, open_coupon
from config.env import BASE_DIR
from config.kernel.progress import progress

CLAIMS = "/api/v1/claims"
NOTHING = "/baseline/nothing"
NAIVE = "/baseline/naive-claims"
BUCKETS = 16
WARM_UP_SECONDS = 60
# What a stuck server costs at most, beyond the time asked for.
GRACE_SECONDS = 60


@dataclass(frozen=True)
class Target:
    """One line of the table: where to send, on what stock, and which answer is right."""

    key: str
    name: str
    path: str
    has_stock: bool
    bucket_count: int
    expected: str
    writes_claims: bool = True
    is_queued: bool = False


TARGETS = (
    Target("a", "view that does nothing", NOTHING, True, 1, "201", writes_claims=False),
    Target("b", "naive claim, one locked row", NAIVE, True, 1, "201"),
    Target("c", f"claim, {BUCKETS} buckets", CLAIMS, True, BUCKETS, "201"),
    Target("c1", "claim, one row of stock", CLAIMS, True, 1, "201"),
    Target("d", "claim refused: sold out", CLAIMS, False, BUCKETS, "409"),
    Target("e", "place in a queue", CLAIMS, True, BUCKETS, "202", writes_claims=False, is_queued=True),
)


@dataclass(frozen=True)
class Figures:
    """What one target did under one crowd; `rates` are right answers per second, round by round."""

    target: Target
    clients: int
    rates: list[float]
    p50: float
    p99: float
    answers: int
    errors: int

    @property
    def per_second(self) -> float:
        """The middle of the rounds."""
        return statistics.median(self.rates)

    def ratio_to(self, other: Figures) -> float:
        """The middle of the ratios of rounds side by side, which a change of the machine's mood hits alike."""
        return statistics.median(mine / theirs for mine, theirs in zip(self.rates, other.rates, strict=True))


def measure(
    *,
    port: int,
    sessions: list[list[str]],
    targets: Sequence[Target],
    crowds: Sequence[int],
    seconds: float,
    rounds: int,
) -> list[Figures]:
    """Measures every target under every crowd.

    Args:
        crowds: how many connections are kept busy at once.
        seconds: how long one round of one target lasts; it ends early when every shopper has asked once.
    """
    steps = [(clients, turn, target) for clients in crowds for turn in range(rounds) for target in targets]
    tallies: dict[tuple[int, str], list[Tally]] = {}
    _warm_up(port, sessions, targets, max(crowds))
    for clients, _turn, target in progress(steps, label="Measuring", unit="round"):
        tallies.setdefault((clients, target.key), []).append(_run(target, port, sessions, clients, seconds))
    return [_figures(target, clients, tallies[clients, target.key]) for clients in crowds for target in targets]


def _warm_up(port: int, sessions: list[list[str]], targets: Sequence[Target], clients: int) -> None:
    # Every session has to reach the cache, every thread of every worker to open its connection.
    _run(TARGETS[0], port, sessions, clients, seconds=WARM_UP_SECONDS)
    for target in targets:
        _run(target, port, sessions, clients, seconds=2)


def _run(target: Target, port: int, sessions: list[list[str]], clients: int, seconds: float) -> Tally:
    stock = len(sessions) if target.has_stock else 0
    coupon = open_coupon(stock=stock, bucket_count=target.bucket_count, is_queued=target.is_queued)
    body = json.dumps({"coupon": str(coupon.public_id)})
    tally = _send(Order(port, target.path, body, clients, seconds, sessions))
    if target.writes_claims:
        assert_exact(coupon, claimed=tally.statuses.get("201", 0))
    return tally


def _send(order: Order) -> Tally:
    finished = subprocess.run(
        [sys.executable, "-m", "benchmarks.load"],
        input=json.dumps(asdict(order)),
        cwd=BASE_DIR,
        capture_output=True,
        text=True,
        check=True,
        timeout=order.seconds + GRACE_SECONDS,
    )
    return Tally(**json.loads(finished.stdout))


def _figures(target: Target, clients: int, tallies: Iterable[Tally]) -> Figures:
    tallies = list(tallies)
    latencies = [latency for tally in tallies for latency in tally.latencies]
    percentiles = statistics.quantiles(latencies, n=100)
    answers = sum(sum(tally.statuses.values()) for tally in tallies)
    return Figures(
        target=target,
        clients=clients,
        rates=[tally.statuses.get(target.expected, 0) / tally.seconds for tally in tallies],
        p50=percentiles[49],
        p99=percentiles[98],
        answers=answers,
        errors=answers - sum(tally.statuses.get(target.expected, 0) for tally in tallies),
    )
