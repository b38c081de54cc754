"""The table, and the page that keeps it."""

from __future__ import annotations

import os
import platform
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from config.env import BASE_DIR

if TYPE_CHECKING:
    # It reads modules with models, which need Django's settings.
    from benchmarks.measure import Figures

PAGE = BASE_DIR / "docs" / "performance.md"
RATIOS = (("c", "a"), ("c", "b"), ("c1", "b"), ("d", "a"), ("e", "a"))


def table(figures: Sequence[Figures]) -> str:
    """Returns the figures and their ratios as Markdown."""
    lines = [
        "| clients | | target | requests/s | slowest – fastest round | p50 ms | p99 ms | answers | errors |",
        "|--:|---|---|--:|--:|--:|--:|--:|--:|",
    ]
    lines += [
        f"| {row.clients} | {row.target.key} | {row.target.name} | {row.per_second:,.0f} "
        f"| {min(row.rates):,.0f} – {max(row.rates):,.0f} | {row.p50:.1f} | {row.p99:.1f} "
        f"| {row.answers:,} | {row.errors} |"
        for row in figures
    ]
    lines += [
        "",
        f"| clients | {' | '.join(f'{one}/{other}' for one, other in RATIOS)} |",
        "|--:" * (len(RATIOS) + 1) + "|",
    ]
    found = {(row.clients, row.target.key): row for row in figures}
    for clients in sorted({row.clients for row in figures}):
        ratios = (_ratio(found.get((clients, one)), found.get((clients, other))) for one, other in RATIOS)
        lines.append(f"| {clients} | {' | '.join(ratios)} |")
    return "\n".join(lines)


def _ratio(one: Figures | None, other: Figures | None) -> str:
    return f"{one.ratio_to(other):.2f}" if one and other else "–"


def conditions(seconds: float, rounds: int, workers: int, postgres: str) -> str:
    """Returns one sentence about where and how the figures were taken."""
    return (
        f"Taken on {datetime.now(UTC):%Y-%m-%d}: {os.cpu_count()} cores shared by gunicorn ({workers} workers of "
        f"8 threads), PostgreSQL {postgres} (every commit flushed to disk), Valkey and the load generator; "
        f"Python {platform.python_version()}; {rounds} rounds of {seconds:g} s each, the middle one shown."
    )


def write(page: Path, text: str, *, block: str = "measured") -> None:
    """Puts the text between the two marks of a block of the page."""
    begin, end = f"<!-- {block}: begin -->", f"<!-- {block}: end -->"
    before, _, rest = page.read_text(encoding="utf-8").partition(begin)
    _, _, after = rest.partition(end)
    page.write_text(f"{before}{begin}\n\n{text}\n\n{end}{after}", encoding="utf-8")


def block_of(page: Path, *, block: str) -> str:
    """Returns the text between the two marks of a block of the page."""
    _, _, rest = page.read_text(encoding="utf-8").partition(f"<!-- {block}: begin -->")
    return rest.partition(f"<!-- {block}: end -->")[0].strip()
