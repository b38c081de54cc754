"""Browsers that work: solving a challenge by trying, as the script of the page does."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any


def solution(challenge: Mapping[str, Any]) -> dict[str, Any]:
    """Returns a challenge with the number behind it, by trying."""
    for number in range(challenge["maxnumber"] + 1):
        if hashlib.sha256(f"{challenge['salt']}{number}".encode()).hexdigest() == challenge["challenge"]:
            parts = {name: challenge[name] for name in ("algorithm", "challenge", "salt", "signature")}
            return {**parts, "number": number}
    raise AssertionError("no number has this hash")


def sealed(members: Any) -> str:
    """Writes a solution as the API reads it."""
    return base64.b64encode(json.dumps(members).encode()).decode()


def solve(challenge: Mapping[str, Any], **changes: Any) -> str:
    """Returns the proof of a challenge, with some members changed afterwards."""
    return sealed({**solution(challenge), **changes})
