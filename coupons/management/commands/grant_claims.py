from __future__ import annotations

import os
import secrets
import select
import signal
import socket
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from config.kernel.errors import Busy
from config.kernel.postgresql.patience import limit_waiting
from config.kernel.progress import progress_steps
from coupons.gate import GateAway, is_configured
from coupons.services.granting import BATCH, Granter

LARGEST_BATCH = 1_000
STOP_SIGNALS = (signal.SIGTERM, signal.SIGINT)


class StopSignal:
    """Says when this process was asked to end. A signal is only noted: none cuts a batch off."""

    def __init__(self) -> None:
        self._has_come = False
        # What wakes a wait; an event's own lock must not be taken in a signal handler.
        self._reader, writer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
        for number in STOP_SIGNALS:
            signal.signal(number, self._note)

    def is_set(self) -> bool:
        """Tells whether a signal has come."""
        return self._has_come

    def wait(self, timeout: float | None, /) -> bool:
        """Waits for one, so many seconds at most; tells whether one has come."""
        if not self._has_come:
            select.select([self._reader], [], [], timeout)
        return self._has_come

    def _note(self, _number: int, _frame: object) -> None:
        self._has_come = True


class Command(BaseCommand):
    help = "Serves the queues of coupons in queued mode until it is stopped. Any number may run beside each other."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--once", action="store_true", help="stop when every queue is empty")
        parser.add_argument("--batch", type=int, default=BATCH, help="places served in one transaction (%(default)s)")

    def handle(self, *args: Any, **options: Any) -> None:
        stop = StopSignal()
        if not 1 <= options["batch"] <= LARGEST_BATCH:
            raise CommandError(f"--batch is a number from 1 to {LARGEST_BATCH}.")
        consumer = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        granter = Granter(consumer=consumer, stop=stop, batch=options["batch"])
        if not options["once"]:
            # Shoppers wait for it as they wait for a page.
            limit_waiting(settings.DATABASE_ANSWER_SECONDS)
            self.stdout.write("Serving queues.")
            self.stdout.flush()
            if not is_configured():
                # Nobody is queued up without Redis; the process stays, as its supervisor expects.
                stop.wait(None)
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
