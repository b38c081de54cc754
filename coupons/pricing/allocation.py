"""Splitting a sum over lines so that the parts are fair, bounded and add up exactly."""

from collections.abc import Sequence

from coupons.pricing.whole_numbers import require_whole


def allocate(total: int, weights: Sequence[int], capacities: Sequence[int]) -> tuple[int, ...]:
    """Split ``total`` in proportion to ``weights`` by largest remainder.

    A part never exceeds its capacity: what a line cannot take is spread over the others, again in
    proportion. Of equal remainders the earlier line gets the unit. A line of weight 0 gets nothing.

    Args:
        total: what to split, in minor units.
        weights: the current amount of each line.
        capacities: the most that each line may take.

    Returns:
        One part per line, ``0 <= part <= capacity``; their sum is ``total``.

    Raises:
        ValueError: when an argument is negative or the lines cannot take ``total`` together.
    """
    require_whole("total", total, at_least=0)
    if len(weights) != len(capacities):
        raise ValueError("every line needs a weight and a capacity")
    for weight, capacity in zip(weights, capacities, strict=True):
        require_whole("weight", weight, at_least=0)
        require_whole("capacity", capacity, at_least=0)
    if total > sum(capacity for weight, capacity in zip(weights, capacities, strict=True) if weight):
        raise ValueError(f"the lines cannot take {total} together")
    return split(total, weights, capacities)


def split(total: int, weights: Sequence[int], capacities: Sequence[int]) -> tuple[int, ...]:
    """The same for arguments that the engine itself made: nothing is checked, it runs for every offer."""
    parts = [0] * len(weights)
    if not total:
        return tuple(parts)
    open_lines = [index for index, weight in enumerate(weights) if weight]
    rest = total
    # No share of what the lines cost exceeds what a line costs.
    if capacities != weights:
        open_lines, rest = _fill_overfull_lines(total, weights, capacities, open_lines, parts)
    _split_by_largest_remainder(rest, weights, open_lines, parts)
    return tuple(parts)


def _fill_overfull_lines(
    total: int,
    weights: Sequence[int],
    capacities: Sequence[int],
    open_lines: list[int],
    parts: list[int],
) -> tuple[list[int], int]:
    """Give every line whose fair share exceeds its capacity just that; return who and what is left.

    Filling a line only raises the shares of the others, so no filled line has to be reopened.
    """
    rest = total
    while True:
        weight_sum = sum([weights[index] for index in open_lines])
        overfull = {index for index in open_lines if rest * weights[index] > capacities[index] * weight_sum}
        if not overfull:
            return open_lines, rest
        for index in overfull:
            parts[index] = capacities[index]
            rest -= capacities[index]
        open_lines = [index for index in open_lines if index not in overfull]


def _split_by_largest_remainder(rest: int, weights: Sequence[int], open_lines: list[int], parts: list[int]) -> None:
    """Write the fair shares of ``rest`` into ``parts``.

    No share exceeds its line's capacity here, so the unit that a fraction earns never does either.
    """
    weight_sum = sum([weights[index] for index in open_lines])
    remainders: list[tuple[int, int]] = []
    missing = rest
    for index in open_lines:
        part, remainder = divmod(rest * weights[index], weight_sum)
        parts[index] = part
        missing -= part
        remainders.append((-remainder, index))
    if missing:
        remainders.sort()
        for _, index in remainders[:missing]:
            parts[index] += 1
