"""What keeps an evaluation from being made."""

from __future__ import annotations


class DataMissing(Exception):
    """The data of a protocol is not there; the text says how to get it."""
