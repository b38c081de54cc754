"""The processes that make up the platform: how each starts, what shows that it is up, how each stops."""

import signal
import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Service:
    """One long-running process.

    Attributes:
        name: what its log lines are called.
        command: program and arguments.
        up_mark: text in its output that shows it is up; empty when that is asked over HTTP.
        signal_on_parent_death: what it gets when the supervisor is killed. Tasks are handed out again when a
            worker dies, so it may be SIGKILL where an orderly stop could take minutes.
    """

    name: str
    command: tuple[str, ...]
    up_mark: str
    signal_on_parent_death: int


def services(*, port: int) -> tuple[Service, ...]:
    """Return web, worker, granter and beat.

    Args:
        port: where the web process listens, on 127.0.0.1.
    """
    return (
        Service(
            name="web",
            command=(
                *(sys.executable, "-m", "gunicorn", "--config", "python:config.gunicorn"),
                *("--bind", f"127.0.0.1:{port}", "--workers", "2"),
                *("--graceful-timeout", "5", "--log-level", "warning"),
            ),
            up_mark="",
            # Gunicorn's quick shutdown; its workers leave with it.
            signal_on_parent_death=signal.SIGQUIT,
        ),
        Service(
            name="worker",
            # Threads, since forked children would outlive a killed worker.
            command=(
                *(sys.executable, "-m", "celery", "--quiet", "--app", "config", "worker"),
                *("--pool", "threads", "--concurrency", "2", "--loglevel", "INFO"),
                *("--without-gossip", "--without-mingle"),
            ),
            up_mark=" ready.",
            signal_on_parent_death=signal.SIGKILL,
        ),
        Service(
            name="granter",
            command=(sys.executable, "manage.py", "grant_claims"),
            up_mark="Serving queues.",
            # A place is taken off its queue only after the commit.
            signal_on_parent_death=signal.SIGKILL,
        ),
        Service(
            name="beat",
            command=(
                *(sys.executable, "-m", "celery", "--quiet", "--app", "config", "beat"),
                *("--loglevel", "INFO", "--pidfile", ""),
            ),
            up_mark="beat: Starting",
            signal_on_parent_death=signal.SIGKILL,
        ),
    )
