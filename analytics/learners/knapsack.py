"""The parts of a multiple-choice knapsack: choices at a price, and sums, chunk by chunk so that memory stays flat."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Vector = NDArray[np.float64]
Choice = NDArray[np.int8]
Rows = NDArray[np.int64]

NONE = -1
# Shoppers looked at in one go: their options fit into the processor's cache.
CHUNK = 8_192


@dataclass(frozen=True, slots=True)
class Problem:
    """Shoppers by options: what each is worth and costs; `rows` are the shoppers who may get something."""

    values: Matrix
    costs: Matrix
    budget: float
    rows: Rows


def choose(problem: Problem, rows: Rows, price: float, *, best: Vector | None = None, forced: bool = False) -> Choice:
    """Returns the best option of each shopper at a price; where none is worth it, none, or the least bad if forced.

    Of equally good ones the cheaper is chosen, so that a higher price never costs more.

    Args:
        best: filled with what the best option is worth at this price, which may be below zero.
    """
    chosen = np.empty(len(rows), dtype=np.int8)
    begin = 0
    for _, values, costs in chunks(problem, rows):
        end = begin + values.shape[1]
        worth = values[0] - price * costs[0]
        option = np.zeros(values.shape[1], dtype=np.int8)
        paid = costs[0].copy()
        for number in range(1, len(values)):
            other = values[number] - price * costs[number]
            better = (other > worth) | ((other == worth) & (costs[number] < paid))
            np.copyto(worth, other, where=better)
            np.copyto(paid, costs[number], where=better)
            option[better] = number
        if not forced:
            option[worth <= 0] = NONE
        chosen[begin:end] = option
        if best is not None:
            best[begin:end] = worth
        begin = end
    return chosen


def chunks(problem: Problem, rows: Rows) -> Iterator[tuple[Rows, Matrix, Matrix]]:
    """Yields shoppers with values and costs of their options, one option a row, contiguous."""
    for begin in range(0, len(rows), CHUNK):
        part = rows[begin : begin + CHUNK]
        # Neighbours are read as a block, which is several times as fast as row by row.
        block = slice(int(part[0]), int(part[-1]) + 1) if part[-1] - part[0] + 1 == len(part) else part
        yield part, np.ascontiguousarray(problem.values[block].T), np.ascontiguousarray(problem.costs[block].T)


def cost(problem: Problem, rows: Rows, choice: Choice) -> float:
    """Returns what the choices of these shoppers cost."""
    return math.fsum(
        float(taken(problem.costs, rows[at : at + CHUNK], choice[at : at + CHUNK]).sum())
        for at in range(0, len(rows), CHUNK)
    )


def sums(problem: Problem, rows: Rows, choice: Choice) -> tuple[float, float]:
    """Returns what the choices of these shoppers are worth, and cost."""
    value = math.fsum(
        float(taken(problem.values, rows[at : at + CHUNK], choice[at : at + CHUNK]).sum())
        for at in range(0, len(rows), CHUNK)
    )
    return value, cost(problem, rows, choice)


def taken(table: Matrix, rows: Rows, choice: Choice) -> Vector:
    """Returns what a table says of each shopper's choice, 0 for none."""
    found: Vector = np.where(choice >= 0, table[rows, np.maximum(choice, 0)], 0.0)
    return found


def total(numbers: Vector) -> float:
    """Returns a sum whose rounding does not grow with its length."""
    return math.fsum(float(numbers[at : at + CHUNK].sum()) for at in range(0, len(numbers), CHUNK))
