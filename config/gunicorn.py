"""How gunicorn serves Quan, wherever it does: `gunicorn --config python:config.gunicorn`.

The number of workers comes from `WEB_CONCURRENCY`, the port from `PORT`; options of the command line win over this
file. The hooks look after the files in which the workers count what the page of metrics shows.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from config.metrics import files

_folder: Path | None = None

wsgi_app = "config.wsgi"
worker_class = "gthread"
threads = 8
# The workers' heartbeat must not wait for a disk.
worker_tmp_dir = str(_memory) if (_memory := files.in_memory()) else None
# Its place is fixed per user: two servers side by side would fight for it.
control_socket_disable = True


def on_starting(server: Any) -> None:
    """Opens the folder before the first worker is forked; without room for it every worker counts alone."""
    global _folder
    try:
        _folder = files.open_folder()
    except OSError as error:
        server.log.warning("Metrics: each process counts alone, for there is no folder to share: %s", error)


def post_fork(server: Any, worker: Any) -> None:
    """Makes a worker count into the folder, before it reads the application."""
    if _folder is None:
        return
    try:
        files.count_together(_folder)
    except OSError as error:
        server.log.warning("Metrics: worker %s counts alone, for there is no room to share: %s", worker.pid, error)


def child_exit(server: Any, worker: Any) -> None:
    """Keeps the counts of a worker that has ended, however it did."""
    if _folder is None:
        return
    try:
        files.bury(_folder, living=set(server.WORKERS))
    # An error here would end the server.
    except Exception as error:
        server.log.warning("Metrics: what worker %s counted is lost: %r", worker.pid, error)


def on_exit(server: Any) -> None:
    """Removes the folder with the last worker."""
    if _folder is not None:
        files.close_folder(_folder)
