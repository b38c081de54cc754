"""Short and long forms of one test: `make test` runs the short ones, `make faults` the long ones."""

from __future__ import annotations

import os

IS_LONG = os.environ.get("RELIABILITY") == "long"


def rounds(*, short: int, long: int) -> int:
    """Returns how often to do something, in the form that this run asks for."""
    return long if IS_LONG else short
