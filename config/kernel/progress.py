"""Progress of long commands, the same everywhere."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from tqdm import tqdm

Item = TypeVar("Item")


def progress(items: Iterable[Item], *, label: str, total: int | None = None, unit: str = "row") -> Iterable[Item]:
    """Yields the items while showing a bar on a terminal, or a line every ten seconds elsewhere."""
    return tqdm(items, total=total, **_look(label, unit))


@contextmanager
def progress_steps(*, label: str, total: int | None = None, unit: str = "row") -> Iterator[Callable[[int], object]]:
    """Shows the same bar for work that reports itself: gives a function to call with how many were done."""
    with tqdm(total=total, **_look(label, unit)) as bar:
        yield bar.update


def _look(label: str, unit: str) -> dict[str, Any]:
    on_terminal = sys.stderr.isatty()
    return {
        "desc": label,
        "unit": f" {unit}",
        "unit_scale": True,
        "mininterval": 0.2 if on_terminal else 10,
        "ascii": not on_terminal,
    }
