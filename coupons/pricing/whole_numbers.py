"""Integer arithmetic and the guard that keeps everything else out of the engine."""


def require_whole(name: str, value: int, *, at_least: int) -> None:
    """Refuse anything that is not an ``int`` of at least ``at_least``.

    Annotations do not stop a float, a Decimal or a bool at run time, and one of them inside the
    engine would end its promise of exact sums.

    Raises:
        ValueError: naming the value, when it is of another type or too small.
    """
    if type(value) is not int:
        raise ValueError(f"{name} must be an int, not {value!r}")
    if value < at_least:
        raise ValueError(f"{name} must be at least {at_least}, not {value}")


def divide_half_up(numerator: int, denominator: int) -> int:
    """Divide a non-negative integer by a positive one; an exact half rounds up."""
    return (2 * numerator + denominator) // (2 * denominator)
