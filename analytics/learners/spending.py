"""Spending what is left of a budget: dearer options for some shoppers, and exchanges of one for another."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analytics.learners.knapsack import NONE, Choice, Problem, Rows, Vector, chunks, cost, taken

# How often the best exchange is looked for.
ROUNDS = 4
# Exchanges are made of so many changes: those that lose least at the shadow price.
MOVES = 256
# Partners tried for each pair of changes: those that leave least of the budget.
PARTNERS = 16
# Of no shopper, no option, with neither gain nor cost.
NO_MOVE = (-1, NONE, 0.0, 0.0)


def upgrade(problem: Problem, choice: Choice, rows: Rows, wanted: Choice, left: float) -> None:
    """Moves shoppers to the dearer options that they would have at a lower price, best return first.

    Nobody's option is taken away.

    Args:
        choice: of all shoppers; changed in place.
        rows, wanted: shoppers and their options at the lower price.
        left: what may be spent on it.
    """
    moving = np.nonzero((wanted != choice[rows]) & (wanted != NONE))[0]
    rows, wanted = rows[moving], wanted[moving]
    gains = problem.values[rows, wanted] - taken(problem.values, rows, choice[rows])
    extras = problem.costs[rows, wanted] - taken(problem.costs, rows, choice[rows])
    good = (gains > 0) & (extras > 0)
    rows, wanted, gains, extras = rows[good], wanted[good], gains[good], extras[good]
    order = np.argsort(-gains / extras, kind="stable")
    affordable = order[: int(np.searchsorted(np.cumsum(extras[order]), left, side="right"))]
    choice[rows[affordable]] = wanted[affordable]


def spend_rest(problem: Problem, choice: Choice, price: float, *, keeps_given: bool) -> None:
    """Makes the best exchange that the rest of the budget allows, again and again.

    In an exchange up to four shoppers get another option at once, such as cheaper ones here and dearer ones there.

    Args:
        choice: of all shoppers; changed in place.
        price: the shadow price.
        keeps_given: whether no shopper's option may be taken away without another one for it.
    """
    for _ in range(ROUNDS):
        left = problem.budget - cost(problem, problem.rows, choice[problem.rows])
        moves = _cheapest_moves(problem, choice, price, keeps_given)
        best = _best_exchange(moves, left)
        if not best:
            return
        for move in best:
            choice[moves.rows[move]] = moves.options[move]


@dataclass(frozen=True, slots=True)
class _Moves:
    """Changes of one shopper each, the first of which changes nothing."""

    rows: Rows
    options: Choice
    gains: Vector
    extras: Vector


def _cheapest_moves(problem: Problem, choice: Choice, price: float, keeps_given: bool) -> _Moves:
    """Returns the changes that lose least when money is worth the shadow price; at that price none gains."""
    parts: list[tuple[Vector, Rows, Choice, Vector, Vector]] = []
    for rows, values, costs in chunks(problem, problem.rows):
        now = choice[rows]
        # The last option is none.
        gains = np.vstack([values, np.zeros(len(rows))]) - taken(problem.values, rows, now)
        extras = np.vstack([costs, np.zeros(len(rows))]) - taken(problem.costs, rows, now)
        losses = price * extras - gains
        # What a shopper has already is no change.
        losses[now, np.arange(len(rows))] = np.inf
        if keeps_given:
            losses[NONE] = np.inf
        places = _smallest(losses.ravel(), MOVES)
        option, row = np.divmod(places, len(rows))
        option[option == len(values)] = NONE
        parts.append(
            (
                losses.ravel()[places],
                rows[row],
                option.astype(np.int8),
                gains.ravel()[places],
                extras.ravel()[places],
            )
        )
    losses, *columns = (np.concatenate(part) for part in zip(*parts, strict=True))
    places = _smallest(losses, MOVES)
    rows, options, gains, extras = (
        np.insert(column[places], 0, nothing) for column, nothing in zip(columns, NO_MOVE, strict=True)
    )
    return _Moves(rows, options, gains, extras)


def _smallest(numbers: Vector, count: int) -> Rows:
    places = np.argpartition(numbers, count)[:count] if count < len(numbers) else np.arange(len(numbers))
    return places[np.isfinite(numbers[places])]


def _best_exchange(moves: _Moves, left: float) -> list[int]:
    """Returns the changes that gain most together within what is left; none when nothing gains."""
    # Pairs, of which the first move makes single ones; two pairs are an exchange.
    one, other = np.triu_indices(len(moves.rows), k=1)
    differ = moves.rows[one] != moves.rows[other]
    one, other = np.insert(one[differ], 0, 0), np.insert(other[differ], 0, 0)
    order = np.argsort(moves.extras[one] + moves.extras[other], kind="stable")
    one, other = one[order], other[order]
    gains, extras = moves.gains[one] + moves.gains[other], moves.extras[one] + moves.extras[other]
    last = np.searchsorted(extras, left - extras, side="right") - 1
    best, found = 0.0, (0, 0)
    for nearness in range(PARTNERS):
        partner = np.maximum(last - nearness, 0)
        together = np.where(last >= nearness, gains + gains[partner], -np.inf)
        for mine in (one, other):
            for theirs in (one[partner], other[partner]):
                together[(moves.rows[mine] == moves.rows[theirs]) & (mine > 0)] = -np.inf
        first = int(np.argmax(together))
        if together[first] > best:
            best, found = float(together[first]), (first, int(partner[first]))
    if best <= 0:
        return []
    return [move for pair in found for move in (int(one[pair]), int(other[pair])) if move > 0]
