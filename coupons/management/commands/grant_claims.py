from __future__ import annotations

import os
import secrets
import signal
import socket
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.kernel.errors import Busy
from config.kernel.progress import progress_steps
from coupons.gate import GateAway, is_configured
from coupons.services.granting import Granter

STOP_SIGNALS = {signal.SIGTERM, signal.SIGINT}


class StopSignal:
    """Says when this process was asked to end. Signals wait until they are asked for: none cuts a batch off."""

    def __init__(self) -> None:
        self._has_come = False
        signal.pthread_sigmask(signal.SIG_BLOCK, STOP_SIGNALS)

    def is_set(self) -> bool:
        """Tells whether one has come."""
        self._has_come = self._has_come or bool(signal.sigpending() & STOP_SIGNALS)
        return self._has_come

    def wait(self, timeout: float, /) -> bool:
        """Waits for one, so many seconds at most; tells whether one has come."""
        self._has_come = self._has_come or signal.sigtimedwait(STOP_SIGNALS, timeout) is not None
        return self._has_come


class Command(BaseCommand):
    help = "Serves the queues of coupons in queued mode until it is stopped. Any number may run beside each other."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="stop when every queue is empty")

    def handle(self, *args: Any, **options: Any) -> None:
        stop = StopSignal()
        granter = Granter(consumer=f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}", stop=stop)
        if not options["once"]:
            self.stdout.write("Serving queues.")
            self.stdout.flush()
            if not is_configured():
                # Nobody is queued up without Redis; the process stays, as its supervisor expects.
                signal.sigwait(STOP_SIGNALS)
                return
            granter.run()
            return
        if not is_configured():
            raise CommandError("There is no Redis, and so there are no queues.")
        try:
            with progress_steps(label="queue", total=None, unit="place") as progressed:
                served = granter.drain(progressed=progressed)
        except (GateAway, Busy) as error:
            raise CommandError("Redis or the database does not answer. Nothing is lost: try again.") from error
        self.stdout.write(f"Served {served} places.")
