"""The crowd: a process of its own that keeps so many connections busy and measures every answer.

Reads one `Order` as JSON from standard input and writes one `Tally` as JSON to standard output. It knows nothing of
Django, so that it takes as little as possible of the cores that the server needs.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field

END_OF_HEAD = b"\r\n\r\n"


@dataclass(frozen=True)
class Order:
    """What to send: one POST for each session, on `clients` connections, until `seconds` are over.

    `sessions` holds pairs of session key and CSRF token.
    """

    port: int
    path: str
    body: str
    clients: int
    seconds: float
    sessions: list[list[str]] = field(repr=False)


@dataclass(frozen=True)
class Tally:
    """What came back: answers by status, their times in milliseconds, the first body of each status."""

    seconds: float
    statuses: dict[str, int]
    latencies: list[float] = field(repr=False)
    bodies: dict[str, str]


def main() -> None:
    order = Order(**json.load(sys.stdin))
    json.dump(asdict(asyncio.run(send(order))), sys.stdout)


async def send(order: Order) -> Tally:
    """Sends the requests of an order; ends early when the sessions are used up."""
    requests = (_request(order, session, token) for session, token in order.sessions)
    statuses: Counter[str] = Counter()
    latencies: list[float] = []
    bodies: dict[str, str] = {}
    start = time.perf_counter()
    deadline = start + order.seconds

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", order.port)
        try:
            for request in _until(deadline, requests):
                sent = time.perf_counter()
                writer.write(request)
                status, body, is_kept = await _answer(reader)
                latencies.append((time.perf_counter() - sent) * 1000)
                statuses[status] += 1
                bodies.setdefault(status, body)
                if not is_kept:
                    writer.close()
                    reader, writer = await asyncio.open_connection("127.0.0.1", order.port)
        finally:
            writer.close()

    await asyncio.gather(*(client() for _ in range(order.clients)))
    return Tally(time.perf_counter() - start, dict(statuses), latencies, bodies)


def _until(deadline: float, requests: Iterator[bytes]) -> Iterator[bytes]:
    while time.perf_counter() < deadline:
        request = next(requests, None)
        if request is None:
            return
        yield request


def _request(order: Order, session: str, token: str) -> bytes:
    return (
        f"POST {order.path} HTTP/1.1\r\n"
        "Host: 127.0.0.1\r\n"
        "Accept: application/json\r\n"
        "Content-Type: application/json\r\n"
        f"Content-Length: {len(order.body)}\r\n"
        f"Idempotency-Key: {uuid.uuid4()}\r\n"
        f"Cookie: sessionid={session}; csrftoken={token}\r\n"
        f"X-CSRFToken: {token}\r\n"
        "\r\n"
        f"{order.body}"
    ).encode()


async def _answer(reader: asyncio.StreamReader) -> tuple[str, str, bool]:
    head = (await reader.readuntil(END_OF_HEAD)).decode("latin-1")
    lines = head.split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return lines[0].split(" ")[1], body.decode(), headers.get("connection", "").lower() != "close"


if __name__ == "__main__":
    main()
