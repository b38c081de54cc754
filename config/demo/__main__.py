"""`python -m config.demo`: the whole platform; `python -m config.demo manage …`: one Django command on its data."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

from config.demo.accounts import FILE_NAME, welcome
from config.demo.secrets import development_secrets
from config.demo.services import services
from config.demo.supervisor import ServiceGaveUpError, Supervisor
from config.embedded import places, ports
from config.embedded.errors import EmbeddedError
from config.embedded.process import exit_status, spawn

NAME = "demo"
USUAL_PORT = 8000
FAILURE = 1
# A shell's exit status of a process that signal N ended is 128 + N.
INTERRUPTED = 128


class DemoError(Exception):
    """A reason why the demo cannot start; its text is a complete sentence."""


def main(arguments: list[str]) -> int:
    """Run the command line; return the exit status."""
    try:
        os.chdir(places.PROJECT)
        folder = places.own_folder(NAME)
        require_servers()
        if arguments[:1] == ["manage"]:
            manage(folder, arguments[1:])
        if arguments:
            raise DemoError("Usage: python -m config.demo [manage COMMAND …].")
        return up(folder)
    except (DemoError, EmbeddedError, ServiceGaveUpError) as error:
        print(f"demo: {error}", file=sys.stderr)
        return FAILURE


def require_servers() -> None:
    """Make sure that a database is named.

    Raises:
        DemoError: it is not.
    """
    if not os.environ.get("DATABASE_URL"):
        raise DemoError("DATABASE_URL is not set: start the demo with `make demo`.")


def manage(folder: Path, arguments: list[str]) -> NoReturn:
    """Become one Django command with the demo's environment."""
    os.execve(  # noqa: S606 - the developer's own command line
        sys.executable, [sys.executable, "manage.py", *arguments], environment(folder, address=usual_address())
    )


def up(folder: Path) -> int:
    """Prepare the data, run web, worker, granter and beat until stopped; return the exit status.

    Raises:
        DemoError: it already runs, its port is taken, or the preparation failed.
        ServiceGaveUpError: a process does not come up.
    """
    address_file = folder / "address"
    # Two schedulers on one database would send everything twice as often.
    if places.hold(places.make_folder(folder / "running")) is None:
        address = address_file.read_text() if address_file.exists() else "its address"
        raise DemoError(f"The demo of this clone already runs, see {address}.")
    port = chosen_port()
    address = f"http://127.0.0.1:{port}"
    address_file.write_text(address)
    variables = environment(folder, address=address)
    status = prepare(variables)
    if status > INTERRUPTED:
        return status
    if status:
        raise DemoError("The preparation failed; the reason stands above.")
    supervisor = Supervisor(services(port=port), environment=variables, port=port)
    return supervisor.run(when_ready=lambda: print(welcome(folder, address=address), flush=True))


def prepare(variables: dict[str, str]) -> int:
    """Bring the database up to date in a process of its own; return its exit status."""
    stopped_by: list[int] = []

    def stop_preparation(number: int, frame: object) -> None:
        stopped_by.append(number)
        process.terminate()

    stop_signals = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    signal.pthread_sigmask(signal.SIG_BLOCK, stop_signals)
    process = spawn(
        [sys.executable, "-m", "config.demo.prepare"],
        signal_on_parent_death=signal.SIGKILL,
        # The terminal's Ctrl-C comes here alone, so that no traceback of an interrupted step is shown.
        new_session=True,
        environment=variables,
        stdin=subprocess.DEVNULL,
    )
    for number in stop_signals:
        signal.signal(number, stop_preparation)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, stop_signals)
    status = exit_status(process.wait())
    return INTERRUPTED + stopped_by[0] if stopped_by else status


def environment(folder: Path, *, address: str) -> dict[str, str]:
    """Return the environment of every process of the demo; what the caller has set wins.

    Args:
        folder: where the demo's secrets are kept.
        address: where shoppers reach the web process.
    """
    return {
        "DJANGO_SETTINGS_MODULE": "config.settings.dev",
        "DEMO_CHECKOUT": "true",
        "METRICS_NETWORKS": "127.0.0.1",
        # The real year of orders is in dollars.
        "SHOP_CURRENCY": "USD",
        "DEMO_ACCOUNTS_FILE": str(folder / FILE_NAME),
        "SHOP_URL": address,
        "PYTHONUNBUFFERED": "1",
        # True in production: static files are collected there, and the worker is not root.
        "PYTHONWARNINGS": "ignore:No directory at,ignore:You're running the worker with superuser privileges",
        **development_secrets(folder),
        **os.environ,
    }


def chosen_port() -> int:
    """Return the port from `PORT`, or 8000, or any free one when 8000 is taken.

    Raises:
        DemoError: `PORT` is no free port.
    """
    wish = os.environ.get("PORT", "")
    if not wish:
        return USUAL_PORT if ports.is_free(USUAL_PORT) else ports.free_port()
    if not wish.isdigit() or not 0 < int(wish) < 65536:
        raise DemoError(f"PORT={wish} is no port number.")
    if not ports.is_free(int(wish)):
        raise DemoError(f"Port {wish} is taken: choose another PORT, or none.")
    return int(wish)


def usual_address() -> str:
    """Return where the demo is found unless its port was taken."""
    return f"http://127.0.0.1:{os.environ.get('PORT', USUAL_PORT)}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
