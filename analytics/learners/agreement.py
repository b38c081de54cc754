"""How far two groupings of the same shoppers agree."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def adjusted_rand_index(table: NDArray[np.int64]) -> float | None:
    """Returns the adjusted Rand index of a contingency table: 1 the same grouping, 0 as by chance.

    The table is all that is needed, so the shoppers themselves need not be held in memory.

    Args:
        table: counts of shoppers, one row a group of the first grouping, one column a group of the second.

    Returns:
        None when fewer than two shoppers are in both.
    """
    total = int(table.sum())
    if total < 2:
        return None
    together = _pairs(table.ravel())
    rows, columns = _pairs(table.sum(axis=1)), _pairs(table.sum(axis=0))
    expected = rows * columns / _pairs(np.array([total]))
    highest = (rows + columns) / 2
    return 1.0 if highest == expected else (together - expected) / (highest - expected)


def _pairs(counts: NDArray[np.int64]) -> float:
    # Python's integers: the squares of millions leave 64 bits.
    return float(sum(int(count) * (int(count) - 1) // 2 for count in counts))
