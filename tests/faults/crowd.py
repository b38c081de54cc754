"""A crowd of shoppers over HTTP who do not give up: the same key again until there is an answer that is one."""

from __future__ import annotations

import http.client
import json
import socket
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from threading import Condition, Event, Thread
from types import TracebackType
from typing import Any, Self

from coupons.models import Coupon

CLAIMS = "/api/v1/claims"
# What a shopper waits before trying again when nobody said how long.
PAUSE = 0.1
# Longer than the platform may ever take for an answer.
ANSWER_SECONDS = 30.0
RETRY_CODES = {"busy", "claim_in_flight", "idempotency_in_flight"}


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back, and when."""

    status: int
    body: dict[str, Any]
    retry_after: int | None
    is_replayed: bool
    began: float
    ended: float

    @property
    def seconds(self) -> float:
        return self.ended - self.began


@dataclass
class Shopper:
    """One shopper at one browser.

    Attributes:
        key: the Idempotency-Key of the one claim that the shopper wants.
    """

    port: int
    session: str
    token: str
    key: str
    _connection: http.client.HTTPConnection | None = field(default=None, repr=False)

    def claim(self, coupon: Coupon, *, timeout: float = ANSWER_SECONDS) -> Reply:
        """Asks once.

        Raises:
            OSError, http.client.HTTPException: there was no answer.
        """
        began = time.monotonic()
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            self._connection.request(
                "POST",
                CLAIMS,
                json.dumps({"coupon": str(coupon.public_id)}),
                {
                    "Content-Type": "application/json",
                    "Idempotency-Key": self.key,
                    "Cookie": f"sessionid={self.session}; csrftoken={self.token}",
                    "X-CSRFToken": self.token,
                },
            )
            answer = self._connection.getresponse()
            body = read_json(answer)
        except BaseException:
            self.leave()
            raise
        retry_after = answer.headers.get("Retry-After")
        return Reply(
            status=answer.status,
            body=body,
            retry_after=int(retry_after) if retry_after else None,
            is_replayed=answer.headers.get("Idempotency-Replayed") == "true",
            began=began,
            ended=time.monotonic(),
        )

    def hang_up(self) -> None:
        """Cuts the connection under whoever waits for an answer in another thread."""
        assert self._connection is not None
        self._connection.sock.shutdown(socket.SHUT_RDWR)

    def leave(self) -> None:
        """Closes the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def read_json(answer: http.client.HTTPResponse) -> dict[str, Any]:
    """Returns the body; what is no JSON comes as `text`, which no right answer has."""
    text = answer.read().decode()
    try:
        return json.loads(text)
    except ValueError:
        return {"text": text}


class Crowd:
    """Shoppers who all want one claim of one coupon, so many at a time.

    Who hears nothing, 503 or "in flight" comes back with the same key, after the pause that the answer asks for.

    Attributes:
        won: the id of each acknowledged claim, by the shopper's place in the crowd.
        refused: how many were refused for good, by code.
        broken: answers that no fault excuses.
        slowest: seconds of the slowest answer.
    """

    def __init__(
        self, *, coupon: Coupon, port: int, sessions: Sequence[Sequence[str]], clients: int = 16, seconds: float = 120
    ) -> None:
        """Gathers a crowd.

        Args:
            sessions: pairs of session key and CSRF token, one for each shopper.
            clients: how many of them ask at a time.
            seconds: after so long those who have no answer give up.
        """
        self.won: dict[int, str] = {}
        self.refused: Counter[str] = Counter()
        self.unanswered: Counter[str] = Counter()
        self.broken: list[str] = []
        self.slowest = 0.0
        self._coupon = coupon
        self._shoppers = [
            Shopper(port, session, token, key=f"{coupon.public_id.hex}-{number}")
            for number, (session, token) in enumerate(sessions)
        ]
        self._successes: list[Reply] = []
        self._changed = Condition()
        self._over = Event()
        self._deadline = time.monotonic() + seconds
        queue = iter(list(enumerate(self._shoppers)))
        self._threads = [Thread(target=self._serve, args=[queue], daemon=True) for _client in range(clients)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if kind is not None:
            self._over.set()
        for thread in self._threads:
            thread.join()
        for shopper in self._shoppers:
            shopper.leave()

    def wait_until_won(self, count: int) -> None:
        """Returns when so many claims were acknowledged."""
        with self._changed:
            enough = self._changed.wait_for(
                lambda: len(self.won) >= count, timeout=max(0.0, self._deadline - time.monotonic())
            )
        assert enough, f"{len(self.won)} of {count} claims; refused {self.refused}; unanswered {self.unanswered}"

    def wait_until_refused(self, code: str, count: int) -> None:
        """Returns when so many answers said that it cannot be done at the moment, by this code."""
        with self._changed:
            enough = self._changed.wait_for(
                lambda: self.unanswered[code] >= count, timeout=max(0.0, self._deadline - time.monotonic())
            )
        assert enough, f"{self.unanswered} among {len(self.won)} claims; refused {self.refused}; broken {self.broken}"

    def serving_again(self, moment: float) -> float:
        """Returns the seconds from a moment to the end of the first success that began after it."""
        return min(reply.ended for reply in self._successes if reply.began > moment) - moment

    def replay(self) -> int:
        """Asks again under every key that won; returns how many answers differ from the first one."""
        different = 0
        for number, claim in self.won.items():
            reply = self._shoppers[number].claim(self._coupon)
            different += (reply.status, reply.body.get("id"), reply.is_replayed) != (201, claim, True)
            self._shoppers[number].leave()
        return different

    def _serve(self, queue: Iterator[tuple[int, Shopper]]) -> None:
        while (each := next(queue, None)) is not None:
            number, shopper = each
            while not self._over.is_set() and not self._is_answered(number, shopper):
                if time.monotonic() > self._deadline:
                    self._note(lambda: self.unanswered.update(["gave up"]))
                    break
            shopper.leave()

    def _is_answered(self, number: int, shopper: Shopper) -> bool:
        try:
            reply = shopper.claim(self._coupon)
        except (OSError, http.client.HTTPException) as error:
            name = type(error).__name__
            self._note(lambda: self.unanswered.update([name]))
            self._over.wait(PAUSE)
            return False
        code = str(reply.body.get("code", ""))
        if reply.status == 201:
            self._note(lambda: self._win(number, reply))
            return True
        if code in RETRY_CODES and reply.retry_after is not None:
            self._note(lambda: self._wait_for_turn(code, reply))
            self._over.wait(reply.retry_after)
            return False
        if reply.status == 409:
            self._note(lambda: self.refused.update([code]))
            return True
        self._note(lambda: self.broken.append(f"{reply.status} {reply.body}"))
        self._over.wait(PAUSE)
        return False

    def _win(self, number: int, reply: Reply) -> None:
        self.won[number] = str(reply.body["id"])
        self._successes.append(reply)
        self.slowest = max(self.slowest, reply.seconds)

    def _wait_for_turn(self, code: str, reply: Reply) -> None:
        self.unanswered[code] += 1
        self.slowest = max(self.slowest, reply.seconds)

    def _note(self, change: Any) -> None:
        with self._changed:
            change()
            self._changed.notify_all()
