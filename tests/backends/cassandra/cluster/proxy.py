"""`Proxy`: a TCP connection's bad days, between a client and a server that know nothing of it."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Self

Address = tuple[str, int]

CHUNK_BYTES = 65_536
CALL_TIMEOUT_S = 60
ACCEPTING_TURNS = 5  # of the loop, until whoever was accepted is known here
SPLIT_S = 0.005  # so that the receiver reads the first bytes alone
RESET_ON_CLOSE = struct.pack("ii", 1, 0)  # SO_LINGER, 0 s: closing sends RST


class Proxy:
    """Listens at one address and passes everything on to another, in a thread of its own, until told otherwise.

    Every method returns when what it says is so. With `tls` it is the end of the clients' TLS, and the server gets what was in it.
    """

    def __init__(
        self, target: Address, listen: Address = ("127.0.0.1", 0), *, tls: ssl.SSLContext | None = None
    ) -> None:
        self.target = target
        self._tls = tls
        self.address = listen
        self._delay_s = 0.0
        self._first_bytes = 0
        self._requests, self._replies = asyncio.Event(), asyncio.Event()  # set: they pass
        self._connections: set[Connection] = set()
        self._server: asyncio.Server | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name=f"proxy of {target}", daemon=True)
        self._thread.start()
        self._hold(requests=False, replies=False)
        try:
            self._run(self._listen)
        except OSError:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._connections)

    def cut(self) -> None:
        """Reset all connections (RST); what they held is lost. New ones may come."""
        self._run(self._cut)

    def refuse(self) -> None:
        """Reset all connections, and refuse new ones, as a host does where nothing listens."""
        self._run(self._refuse)

    def blackhole(self, *, requests: bool = True, replies: bool = True) -> None:
        """Hold what is sent, in either direction or in one, on old connections and new ones; none of them ends.

        What is held goes on when the proxy heals, and is lost when it cuts.
        """
        self._run(self._hold, requests, replies)

    def delay(self, seconds: float) -> None:
        """Let everything that is sent wait that long, in both directions."""
        self._run(self._set_delay, seconds)

    def split(self, first_bytes: int) -> None:
        """Let the first bytes of all that is read at once arrive before the rest, as any network may."""
        self._run(self._set_first_bytes, first_bytes)

    def heal(self) -> None:
        """Pass everything on, at once."""
        self._run(self._heal)

    def close(self) -> None:
        """Reset all connections and listen no more, for ever."""
        if self._loop.is_closed():
            return
        self._run(self._refuse)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(CALL_TIMEOUT_S)
        self._loop.close()

    # All below runs in the loop's thread.

    def _run(self, work: Callable[..., object], *args: object) -> None:
        async def call() -> None:
            made = work(*args)
            if asyncio.iscoroutine(made):
                await made

        asyncio.run_coroutine_threadsafe(call(), self._loop).result(CALL_TIMEOUT_S)

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._accept, *self.address, ssl=self._tls)
        self.address = self._server.sockets[0].getsockname()[:2]

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            up_reader, up_writer = await asyncio.open_connection(*self.target)
        except OSError:
            reset(writer)
            return
        connection = Connection(writer, up_writer)
        self._connections.add(connection)
        connection.tasks = [
            asyncio.create_task(self._pump(connection, reader, up_writer, self._requests)),
            asyncio.create_task(self._pump(connection, up_reader, writer, self._replies)),
        ]
        await asyncio.wait(connection.tasks)
        connection.end()
        self._connections.discard(connection)

    async def _pump(
        self, connection: Connection, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, gate: asyncio.Event
    ) -> None:
        try:
            while data := await reader.read(CHUNK_BYTES):
                if self._delay_s:
                    await asyncio.sleep(self._delay_s)
                await gate.wait()
                if self._first_bytes:
                    writer.write(data[: self._first_bytes])
                    await asyncio.sleep(SPLIT_S)
                writer.write(data[self._first_bytes :])
                await writer.drain()
            await gate.wait()
            writer.write_eof() if writer.can_write_eof() else writer.close()
        except OSError:  # a side is gone; the other may be waiting for an answer, and must hear of it
            connection.reset()

    async def _cut(self) -> None:
        connections = list(self._connections)
        for connection in connections:
            connection.reset()
        for connection in connections:
            await asyncio.wait(connection.tasks)
        await asyncio.sleep(0)

    async def _refuse(self) -> None:
        if self._server is not None:
            for listening in self._server.sockets:
                self._loop.remove_reader(listening)
            for _ in range(
                ACCEPTING_TURNS
            ):  # who was accepted already gets a transport, which a closed server would not give
                await asyncio.sleep(0)
            self._server.close()
            self._server = None
        await self._cut()

    def _hold(self, requests: bool, replies: bool) -> None:
        for event, held in ((self._requests, requests), (self._replies, replies)):
            event.clear() if held else event.set()

    def _set_delay(self, seconds: float) -> None:
        self._delay_s = seconds

    def _set_first_bytes(self, first_bytes: int) -> None:
        self._first_bytes = first_bytes

    async def _heal(self) -> None:
        self._delay_s = 0.0
        self._first_bytes = 0
        self._hold(requests=False, replies=False)
        if self._server is None:
            await self._listen()


class Connection:
    """The two sockets of one client, and what runs between them."""

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self.writers = (client, server)
        self.tasks: list[asyncio.Task[None]] = []

    def reset(self) -> None:
        """End it by force."""
        for writer in self.writers:
            reset(writer)
        for task in self.tasks:
            task.cancel()

    def end(self) -> None:
        """Both sides have ended: close what is left."""
        for writer in self.writers:
            writer.close()


def reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST."""
    held = writer.get_extra_info("socket")
    with suppress(OSError):  # closed already
        if held is not None:  # as it is after the end of TLS
            held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET_ON_CLOSE)
    writer.transport.abort()
