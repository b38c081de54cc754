"""What a run cost: seconds and memory."""

from __future__ import annotations

import re
import resource
import sys
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

BYTES_A_MEBIBYTE = 1024 * 1024
PROC_STATUS = Path("/proc/self/status")
HIGHEST = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Stopwatch:
    """Counts on from the moment at which a job was told that it starts."""

    started_at: datetime
    _started: float = field(default_factory=time.perf_counter)

    def seconds(self) -> float:
        """Returns the seconds since the start."""
        return time.perf_counter() - self._started

    def now(self) -> datetime:
        """Returns the start plus the seconds since: the caller's clock, without reading another one."""
        return self.started_at + timedelta(seconds=self.seconds())


def peak_memory() -> float:
    """Returns the most memory this process has ever held, in MiB."""
    # What `getrusage` says begins with the peak of the process that started this one.
    own = PROC_STATUS.read_text() if PROC_STATUS.exists() else ""
    if found := HIGHEST.search(own):
        return int(found[1]) / 1024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Linux counts in KiB, macOS in bytes.
    return peak / BYTES_A_MEBIBYTE if sys.platform == "darwin" else peak / 1024
