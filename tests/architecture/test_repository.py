"""The repository keeps its own rules."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from config.env import BASE_DIR

APPS = ("users", "coupons", "campaigns", "analytics")
LOCKED_NAMES = re.compile(r"^([A-Za-z0-9_.\-]+)(\[.*\])?==")


def tracked_files(*patterns: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-z", *patterns], cwd=BASE_DIR, capture_output=True, check=True, text=True
    ).stdout
    return [BASE_DIR / name for name in listed.split("\0") if name]


def test_imports_go_one_way() -> None:
    finished = subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--no-cache"],
        cwd=BASE_DIR,
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout


@pytest.mark.parametrize("app", APPS)
def test_every_app_has_the_same_rooms(app: str) -> None:
    rooms = {path.stem for path in (BASE_DIR / app).iterdir()}
    assert {"apps", "models", "services", "selectors", "migrations"} <= rooms


def test_requirements_are_pinned() -> None:
    for path in tracked_files("requirements*.txt"):
        for line in path.read_text().splitlines():
            if line and not line.lstrip().startswith("#"):
                assert LOCKED_NAMES.match(line), f"{path.name}: {line}"


def test_vendored_files_come_with_their_licence() -> None:
    vendor = BASE_DIR / "static" / "vendor"
    for library in vendor.iterdir():
        licences = [path for path in library.rglob("*") if path.name.upper().startswith("LICENSE")]
        assert licences, f"{library.name} has no licence beside it"


def test_no_source_file_grows_out_of_hand() -> None:
    long = {
        str(path.relative_to(BASE_DIR)): lines
        for path in tracked_files("*.py", "static/css/*.css", "static/js/*.js")
        if "migrations" not in path.parts and (lines := len(path.read_text().splitlines())) > 500
    }
    assert not long
