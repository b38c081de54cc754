"""A proxy between the platform and one of its servers, in a thread of the test: slow, cutting, or silent on demand."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from threading import Thread

CHUNK = 64 * 1024
START_SECONDS = 10


class Weather(Enum):
    """What the network is like."""

    FAIR = "fair"
    # Every answer comes later.
    SLOW = "slow"
    # Every connection is reset, also new ones.
    RESET = "reset"
    # Connections are accepted and kept, and nothing ever comes.
    SILENT = "silent"


class Proxy:
    """Passes bytes between clients and one server.

    Attributes:
        port: where it listens.
        before_answer: asked before each piece that the server answers is passed on; True cuts the connection instead,
            so that the server has done its work and nobody hears of it.
    """

    def __init__(self, target: int, *, delay: float = 0.5) -> None:
        """Prepares a proxy.

        Args:
            target: the server's port on this machine.
            delay: seconds that each answer takes longer while it is slow.
        """
        self.port = 0
        self.before_answer: Callable[[], bool] | None = None
        self._target = target
        self._delay = delay
        self._weather = Weather.FAIR
        self._loop = asyncio.new_event_loop()
        self._changed = asyncio.Event()
        self._writers: set[asyncio.StreamWriter] = set()
        self._thread = Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Begins to listen."""
        self._thread.start()
        starting = asyncio.run_coroutine_threadsafe(asyncio.start_server(self._serve, "127.0.0.1", 0), self._loop)
        self._server = starting.result(timeout=START_SECONDS)
        self.port = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        """Cuts everything and ends."""
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(timeout=START_SECONDS)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=START_SECONDS)
        self._loop.close()

    def turn(self, weather: Weather) -> None:
        """Changes the weather; connections that exist feel it too."""
        asyncio.run_coroutine_threadsafe(self._turn(weather), self._loop).result(timeout=START_SECONDS)

    async def _turn(self, weather: Weather) -> None:
        self._weather = weather
        if weather == Weather.RESET:
            for writer in list(self._writers):
                reset(writer)
        self._changed.set()
        self._changed = asyncio.Event()

    async def _end(self) -> None:
        self._server.close()
        # Everybody who waits for anything goes on and finds the connection reset.
        await self._turn(Weather.RESET)
        tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        await asyncio.gather(*tasks, return_exceptions=True)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_forever()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        server: asyncio.StreamWriter | None = None
        try:
            if self._weather == Weather.RESET:
                reset(writer)
                return
            await self._until_not_silent()
            answers, server = await asyncio.open_connection("127.0.0.1", self._target)
            self._writers.add(server)
            pumps = [
                asyncio.create_task(self._pump(reader, server)),
                asyncio.create_task(self._pump(answers, writer, is_answer=True)),
            ]
            try:
                # Whoever hangs up first ends both.
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)
        except OSError:
            pass
        finally:
            for each in (writer, server):
                if each is not None:
                    self._writers.discard(each)
                    each.close()

    async def _pump(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_answer: bool = False
    ) -> None:
        while piece := await reader.read(CHUNK):
            if is_answer and self.before_answer is not None and self.before_answer():
                return
            if is_answer and self._weather == Weather.SLOW:
                await asyncio.sleep(self._delay)
            await self._until_not_silent()
            writer.write(piece)
            await writer.drain()

    async def _until_not_silent(self) -> None:
        while self._weather == Weather.SILENT:
            await self._changed.wait()


def reset(writer: asyncio.StreamWriter) -> None:
    """Ends a connection with RST, as a firewall or a crashed machine does."""
    connected: socket.socket = writer.get_extra_info("socket")
    connected.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


@contextmanager
def standing_before(target: int, *, delay: float = 0.5) -> Iterator[Proxy]:
    """Runs a proxy before the server on a port for as long as a block runs."""
    proxy = Proxy(target, delay=delay)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()
