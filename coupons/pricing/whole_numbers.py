"""Integer arithmetic and the guard that keeps everything else out of the engine."""

WHOLE_IN_BASIS_POINTS = 10_000


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


def require_whole_or_none(name: str, value: int | None, *, at_least: int) -> None:
    """The same for a value that may be left out.

    Raises:
        ValueError: naming the value, when it is of another type or too small.
    """
    if value is not None:
        require_whole(name, value, at_least=at_least)


def require_share(name: str, basis_points: int) -> None:
    """Refuse a share that is not above 0 and at most 100 %, in basis points.

    Raises:
        ValueError: naming the value.
    """
    require_whole(name, basis_points, at_least=1)
    if basis_points > WHOLE_IN_BASIS_POINTS:
        raise ValueError(f"{name} must be at most 10000, which is 100 %")


def divide_half_up(numerator: int, denominator: int) -> int:
    """Divide a non-negative integer by a positive one; an exact half rounds up."""
    return (2 * numerator + denominator) // (2 * denominator)


def share_of(amount: int, basis_points: int) -> int:
    """A share of an amount in minor units, half a unit rounded up."""
    return divide_half_up(amount * basis_points, WHOLE_IN_BASIS_POINTS)
