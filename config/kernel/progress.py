"""Progress of long commands, the same everywhere."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TypeVar

from tqdm import tqdm

Item = TypeVar("Item")


def progress(items: Iterable[Item], *, label: str, total: int | None = None, unit: str = "row") -> Iterable[Item]:
    """Yields the items while showing a bar on a terminal, or a line every ten seconds elsewhere."""
    on_terminal = sys.stderr.isatty()
    return tqdm(
        items,
        desc=label,
        total=total,
        unit=f" {unit}",
        unit_scale=True,
        mininterval=0.2 if on_terminal else 10,
        ascii=not on_terminal,
    )
