"""What processes counted is one sum, whichever of them is still there."""

from __future__ import annotations

import fcntl
import multiprocessing
import os
import signal
from pathlib import Path

import pytest
from prometheus_client.multiprocess import MultiProcessCollector

from config.metrics import files

FORK = multiprocessing.get_context("fork")


def count_and_die(folder: Path, by: int) -> int:
    """Counts in a process of its own that is killed; returns its id."""

    def run() -> None:
        files.count_together(folder)
        from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

        registry = CollectorRegistry()
        Counter("made", "Made.", ["kind"], registry=registry).labels("a").inc(by)
        Histogram("took", "Took.", registry=registry, buckets=(1, 2)).observe(1.5)
        Gauge("open", "Open.", registry=registry, multiprocess_mode="livesum").set(1)
        os.kill(os.getpid(), signal.SIGKILL)

    process = FORK.Process(target=run)
    process.start()
    process.join()
    assert process.exitcode == -signal.SIGKILL
    assert process.pid is not None
    return process.pid


def sums(folder: Path) -> dict[str, float]:
    return {
        sample.name + sample.labels.get("le", ""): sample.value
        for family in MultiProcessCollector(None, path=str(folder)).collect()
        for sample in family.samples
    }


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return files.open_folder(tmp_path)


def test_the_counts_of_the_dead_stay_and_their_files_go(folder: Path) -> None:
    for by in (1, 2, 4):
        count_and_die(folder, by)
    before = sums(folder)
    assert before["made_total"] == 7
    assert files.bury(folder, living=())
    assert sums(folder) == {name: value for name, value in before.items() if name != "open"}
    assert sorted(file.name for file in folder.glob("*.db")) == ["counter_0.db", "histogram_0.db"]
    # More of them, and once more: nothing is counted twice.
    count_and_die(folder, 8)
    assert files.bury(folder, living=())
    assert files.bury(folder, living=())
    assert sums(folder)["made_total"] == 15
    assert sums(folder)["took_count"] == 4


def test_control_removing_their_files_would_lose_the_counts(folder: Path) -> None:
    process = count_and_die(folder, 3)
    (folder / f"counter_{process}.db").unlink()
    assert "made_total" not in sums(folder)


def test_the_living_keep_their_files(folder: Path) -> None:
    dead, living = count_and_die(folder, 1), count_and_die(folder, 2)
    files.bury(folder, living={living})
    assert {path.stem.rpartition("_")[2] for path in folder.glob("counter_*.db")} == {"0", str(living)}
    assert dead != living
    assert sums(folder)["made_total"] == 3


def test_nobody_reads_a_sum_that_is_being_made(folder: Path) -> None:
    count_and_die(folder, 1)
    with files.reading(folder):
        assert not files.bury(folder, living=())
        assert sums(folder)["made_total"] == 1
    assert files.bury(folder, living=())


def test_a_process_killed_before_its_first_count_is_no_trouble(folder: Path) -> None:
    (folder / "counter_99999.db").touch()
    (folder / "histogram_99999.db").write_bytes(bytes(4096))
    assert files.bury(folder, living=())
    assert sums(folder) == {}


def test_room_is_set_aside_for_what_will_be_counted(folder: Path) -> None:
    process = count_and_die(folder, 1)
    for kind, size in files.RESERVED.items():
        assert (folder / f"{kind}_{process}.db").stat().st_blocks * 512 >= size


def test_folders_that_killed_groups_left_behind_are_removed(tmp_path: Path) -> None:
    def open_and_die() -> None:
        files.open_folder(tmp_path)
        os.kill(os.getpid(), signal.SIGKILL)

    process = FORK.Process(target=open_and_die)
    process.start()
    process.join()
    [left] = tmp_path.iterdir()
    mine = files.open_folder(tmp_path)
    assert not left.exists()
    # Control: one in use is left alone.
    other = files.open_folder(tmp_path)
    assert mine.exists()
    assert other.exists()


def test_without_room_the_caller_hears_of_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(OSError, match="No space"):
        files.count_together(folder)
    assert files.shared_folder() is None


def test_the_lock_is_let_go_with_the_reader(folder: Path) -> None:
    with files.reading(folder):
        pass
    with (folder / files.READING).open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
