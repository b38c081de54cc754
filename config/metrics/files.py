"""The files in which web processes count, so that any of them can answer for all.

Each process has its own, mapped into memory: counting is a write to memory without system calls, and what a process
counted outlives it. gunicorn's first process, which `config.gunicorn` tells what to do, makes the folder, sets it up
for each worker, and adds the files of workers that died to one sum, so that they do not pile up.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import struct
import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from prometheus_client import values
from prometheus_client.mmap_dict import MmapedDict

# prometheus_client's own name for the folder in which a process counts.
VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
PREFIX = "quan-metrics-"
# Held by gunicorn and all its workers for as long as one of them lives.
ALIVE = "alive.lock"
# Shared by who reads the files, exclusive to who adds some up.
READING = "reading.lock"
# Files that grow with use, and what is set aside for them: writing to a mapped file on a full disk kills the process.
RESERVED = {"counter": 512 * 1024, "histogram": 1024 * 1024}
# Stands in the place of a process id in the file that holds the sum of the dead.
THE_DEAD = 0


def open_folder(base: Path | None = None) -> Path:
    """Makes a folder of its own for a group of processes and removes those that killed groups have left behind.

    Args:
        base: where; in memory unless said otherwise and where that is possible.

    Raises:
        OSError: there is no room for it.
    """
    base = base or in_memory() or Path(tempfile.gettempdir())
    for left in base.glob(f"{PREFIX}*"):
        _remove_if_dead(left)
    folder = Path(tempfile.mkdtemp(prefix=PREFIX, dir=base))
    # Never closed: it is inherited by forking, and let go when the last process of the group has ended.
    fcntl.flock(os.open(folder / ALIVE, os.O_CREAT | os.O_RDWR, 0o600), fcntl.LOCK_EX)
    (folder / READING).touch(mode=0o600)
    _reserve(folder, THE_DEAD)
    return folder


def in_memory() -> Path | None:
    """Returns where files lie in memory, on systems that have such a place."""
    memory = Path("/dev/shm")  # noqa: S108 # nosec B108 - whatever is made there is its owner's alone
    return memory if os.access(memory, os.W_OK) else None


def close_folder(folder: Path) -> None:
    """Removes a folder with all that was counted."""
    shutil.rmtree(folder, ignore_errors=True)


def count_together(folder: Path) -> None:
    """Makes this process count into a folder that others share; call it before its first metric is made.

    Raises:
        OSError: there is no room for what it will count.
    """
    _reserve(folder, os.getpid())
    os.environ[VARIABLE] = str(folder)
    values.ValueClass = values.MultiProcessValue()


def shared_folder() -> Path | None:
    """Returns the folder if this process counts into one."""
    is_shared = getattr(values.ValueClass, "_multiprocess", False)
    return Path(os.environ[VARIABLE]) if is_shared and VARIABLE in os.environ else None


@contextmanager
def reading(folder: Path) -> Iterator[None]:
    """Keeps files where they are for as long as the block runs."""
    with (folder / READING).open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_SH)
        yield


def bury(folder: Path, *, living: Collection[int]) -> bool:
    """Adds what processes have counted that are no more to the sum of the dead, and removes their files.

    Never waits: while somebody reads, the next call does it.

    Args:
        living: ids of the processes whose files stay.

    Returns:
        False when somebody was reading.
    """
    with (folder / READING).open("rb") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        for file in sorted(folder.glob("*.db")):
            kind, _, process = file.stem.rpartition("_")
            if int(process) in living or int(process) == THE_DEAD:
                continue
            if kind in RESERVED:
                _add_up(file, folder / f"{kind}_{THE_DEAD}.db")
            # What a gauge of the dead said is no longer so.
            file.unlink()
    return True


def _reserve(folder: Path, process: int) -> None:
    for kind, size in RESERVED.items():
        with (folder / f"{kind}_{process}.db").open("a+b") as file:
            os.posix_fallocate(file.fileno(), 0, size)


def _add_up(file: Path, total: Path) -> None:
    sums = MmapedDict(str(total))
    try:
        # A process that was killed before its first count has an empty file.
        with suppress(struct.error, RuntimeError):
            for key, value, _timestamp, _position in MmapedDict.read_all_values_from_file(str(file)):
                sums.write_value(key, sums.read_value(key)[0] + value, 0.0)
    finally:
        sums.close()


def _remove_if_dead(folder: Path) -> None:
    # Another user's, or another clone's that starts or ends at this moment.
    with suppress(OSError), (folder / ALIVE).open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(folder, ignore_errors=True)
