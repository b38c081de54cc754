"""A real mail server inside the test process, which can be told to refuse."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller


class MailServer(Controller):
    """Keeps what it accepted; `refuse_next` answers so many messages with a reply of its own instead."""

    def __init__(self) -> None:
        self.accepted: list[EmailMessage] = []
        self.connections = 0
        self._replies: list[str] = []
        self._lock = threading.Lock()
        super().__init__(_Handler(self), hostname="127.0.0.1", port=0)

    def _trigger_server(self) -> None:
        # The system chose the port.
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()

    def shut_down(self) -> None:
        """Goes away; nothing happens when it is away already."""
        if self._thread is not None:
            self.stop()

    def refuse_next(self, reply: str, *, times: int = 1) -> None:
        """Answers the next messages with a reply such as `451 try later`."""
        with self._lock:
            self._replies.extend([reply] * times)

    def take(self, content: bytes) -> str:
        """Decides on one message; returns the reply."""
        with self._lock:
            if self._replies:
                return self._replies.pop(0)
            self.accepted.append(message_from_bytes(content, policy=policy.default))
            return "250 OK"

    def recipients(self) -> list[str]:
        """To whom messages were accepted, in order of the alphabet."""
        return sorted(str(message["To"]) for message in self.accepted)


class _Handler:
    def __init__(self, server: MailServer) -> None:
        self.server = server

    async def handle_EHLO(self, server: Any, session: Any, envelope: Any, hostname: str, responses: list[str]) -> Any:
        self.server.connections += 1
        session.host_name = hostname
        return responses

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        return self.server.take(envelope.content)


@contextmanager
def running_mail_server() -> Iterator[MailServer]:
    """A mail server on a port of its own for the length of a `with` block."""
    server = MailServer()
    server.start()
    try:
        yield server
    finally:
        server.shut_down()
