"""Where servers keep their data, as whom they run, and whether that account can get there."""

import contextlib
import fcntl
import hashlib
import os
import pwd
import shutil
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from config.embedded.errors import EmbeddedError
from config.embedded.process import Account, wait_until

PROJECT = Path(__file__).resolve().parent.parent.parent
VAR = PROJECT / "var"
EPHEMERAL_PREFIX = "ephemeral-"
LOCK_SECONDS = 120


def server_account(*, data: Path) -> Account | None:
    """Return whom the servers must run as: None for an ordinary user, somebody else for root.

    PostgreSQL refuses root. Data made by an ordinary user keeps its owner, new data goes to `nobody`.

    Args:
        data: the server's data folder; it need not exist.

    Raises:
        EmbeddedError: the data belongs to another user.
    """
    owner = data.stat() if data.exists() else None
    if os.geteuid() != 0:
        if owner and owner.st_uid != os.geteuid():
            raise EmbeddedError(f"{data} belongs to another user: run as that user, or choose another --name.")
        return None
    if owner and owner.st_uid != 0:
        return Account(uid=owner.st_uid, gid=owner.st_gid)
    try:
        nobody = pwd.getpwnam("nobody")
    except KeyError:
        return Account(uid=65534, gid=65534)
    return Account(uid=nobody.pw_uid, gid=nobody.pw_gid)


def can_enter(folder: Path, account: Account | None) -> bool:
    """Say whether `account` may pass through `folder` and all folders above it (asked as that account)."""
    return _allows(folder, account, "-x")


def can_read(file: Path, account: Account | None) -> bool:
    """Say whether `account` may read `file` (asked as that account)."""
    return _allows(file, account, "-r")


def _allows(path: Path, account: Account | None, question: str) -> bool:
    if account is None:
        return os.access(path, os.X_OK if question == "-x" else os.R_OK)
    answer = subprocess.run(  # noqa: S603 - fixed program, path of our own
        ["/usr/bin/test", question, path],
        user=account.uid,
        group=account.gid,
        extra_groups=[],
        cwd="/",
        check=False,
    )
    return answer.returncode == 0


def make_folder(folder: Path, *, mode: int = 0o755, account: Account | None = None) -> Path:
    """Create `folder` if missing, with exactly `mode` whatever the umask; leave an existing one as it is."""
    try:
        folder.mkdir(mode=mode)
    except FileExistsError:
        return folder
    except OSError as error:
        raise EmbeddedError(f"Could not create {folder}: {error.strerror}.") from error
    folder.chmod(mode)
    if account:
        os.chown(folder, account.uid, account.gid)
    return folder


def own_folder(name: str) -> Path:
    """Return `var/<name>` of this clone, created when missing."""
    make_folder(VAR)
    return make_folder(VAR / name)


def outside_folder(account: Account) -> Path:
    """Return this clone's folder outside the clone, which `account` can enter wherever the clone lies.

    Raises:
        EmbeddedError: somebody else holds that name, or no shared temporary folder exists.
    """
    for folder in _outside_candidates():
        if folder.parent.is_dir() and can_enter(folder.parent, account):
            if not _is_our_own(make_folder(folder)):
                raise EmbeddedError(f"{folder} was made by somebody else: remove it and try again.")
            return folder
    raise EmbeddedError(f"Found no temporary folder that user id {account.uid} can enter.")


def _outside_candidates() -> list[Path]:
    mark = hashlib.sha256(os.fsencode(PROJECT)).hexdigest()[:16]
    # Anybody may write there, hence the check of owner and mode.
    parents = (Path("/var/tmp"), Path(tempfile.gettempdir()))  # noqa: S108 # nosec B108 - checked by _is_our_own
    return [parent / f"quan-{os.geteuid()}-{mark}" for parent in parents]


def _is_our_own(folder: Path) -> bool:
    found = folder.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid() and not found.st_mode & 0o022


def server_folder(own: Path, account: Account | None) -> Path:
    """Return where data goes: `own`, or its twin outside the clone if `account` cannot get there."""
    if account is None or can_enter(own, account):
        return own
    return make_folder(outside_folder(account) / own.name)


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold `folder` for one launcher at a time while servers are started or stopped.

    The lock sits on the folder itself: the kernel drops it with its holder, and no lock file is left over.
    """
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if not wait_until(lambda: _try_lock(descriptor), seconds=LOCK_SECONDS):
            raise EmbeddedError(
                f"Another launcher has been starting or stopping servers in {folder} for {LOCK_SECONDS} s."
            )
        yield
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def hold(folder: Path) -> int | None:
    """Lock `folder` for as long as this process lives; return the descriptor that holds it, None if it is held."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    if _try_lock(descriptor):
        return descriptor
    os.close(descriptor)
    return None


def abandoned_ephemeral_folders() -> list[Path]:
    """Return throw-away folders of this clone whose launcher is gone."""
    return [folder for folder in sorted(VAR.glob(EPHEMERAL_PREFIX + "*")) if _is_abandoned(folder)]


def _is_abandoned(folder: Path) -> bool:
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError:
        return False
    try:
        return _try_lock(descriptor)
    finally:
        os.close(descriptor)


def remove_folder(folder: Path) -> None:
    """Delete `folder` and all in it, as far as this user may."""
    shutil.rmtree(folder, ignore_errors=True)


def remove_outside_twin(own: Path) -> None:
    """Delete what a server keeps outside the clone for the folder `own`."""
    for folder in _outside_candidates():
        if folder.exists() and _is_our_own(folder):
            remove_folder(folder / own.name)


def remove_outside_folder() -> None:
    """Delete everything this clone keeps outside itself."""
    for folder in _outside_candidates():
        if folder.exists() and _is_our_own(folder):
            remove_folder(folder)
