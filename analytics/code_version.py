"""Which code learned something."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

# A commit's name is not known where the platform is installed from an archive; the files themselves always are.
LEARNING = ("learners", "jobs", "selectors")


@cache
def code_version() -> str:
    """Returns 12 hexadecimal digits that change whenever a file of the learners, jobs or selectors does."""
    here = Path(__file__).parent
    digest = hashlib.sha256()
    for file in sorted(path for folder in LEARNING for path in (here / folder).rglob("*.py")):
        digest.update(str(file.relative_to(here)).encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()[:12]
