"""The connections of one store: how one is opened, lent and closed, and left alone after a fork."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from typing import TypeVar

from . import schema
from .errors import is_busy
from .fork import gate, leak

A = TypeVar("A")
T = TypeVar("T")

SLICE_SECONDS = 0.1
"""How long SQLite itself waits for a lock. Longer waits are repeated from Python, so that a fork or Ctrl-C gets in."""

SYNC = "PRAGMA synchronous = FULL"
"""At the end of each transaction."""

LATER = "PRAGMA synchronous = NORMAL"
"""With a later one: loses acknowledged rows in a power cut, and is for what may be lost then."""

_MAX_IDLE = 16  # readers kept open: about as many threads as a machine has cores for


class Connections:
    """Opens, lends and closes the connections of a store. Everything but `patiently` is called inside the gate."""

    def __init__(self, path: str, timeout: float) -> None:
        self.path = path
        self._timeout = timeout
        self._idle: list[sqlite3.Connection] = []
        self._writer: sqlite3.Cursor | None = None
        self._synced = True
        self._generation = 0

    def patiently(self, work: Callable[[A], T], argument: A) -> T:
        """The result of `work`, which is repeated, from its beginning, while the file is locked: until the timeout."""
        deadline = 0.0
        while True:
            entered = gate.enter()
            try:
                return work(argument)
            except sqlite3.OperationalError as error:
                if not is_busy(error):
                    raise
                now = time.monotonic()
                deadline = deadline or now + self._timeout - min(self._timeout, SLICE_SECONDS)
                if now >= deadline:
                    raise
            finally:
                if entered:
                    gate.leave()
            time.sleep(0.001)  # seconds; some locks are not waited for by SQLite at all

    def writer(self, *, synced: bool = True) -> sqlite3.Cursor:
        """The cursor of the one connection that writes, set to commit with a sync or without one.

        Whoever calls this has the writer's turn.
        """
        if self._writer is None:
            connection = self.open()
            try:
                schema.use_wal(connection, self.path)
                connection.execute(SYNC)
                connection.execute("PRAGMA fullfsync = ON")  # macOS: its fsync leaves data in the disk's cache
            except BaseException:
                connection.close()
                raise
            self._writer, self._synced = connection.cursor(), True
        if synced is not self._synced:
            self._writer.execute(SYNC if synced else LATER)
            self._synced = synced
        return self._writer

    def drop_writer(self) -> None:
        """Close the writing connection; the next use opens another."""
        cursor, self._writer = self._writer, None
        if cursor is not None:
            cursor.connection.close()

    def lend(self) -> tuple[sqlite3.Connection, int]:
        """A connection for reading, to be given back with the number beside it."""
        try:
            return self._idle.pop(), self._generation
        except IndexError:
            connection = self.open()
            connection.execute("PRAGMA query_only = ON")
            return connection, self._generation

    def give_back(self, connection: sqlite3.Connection, generation: int) -> None:
        """Take back what `lend` gave. It must have no statement under way, or it pins the WAL."""
        if generation == self._generation and len(self._idle) < _MAX_IDLE:
            self._idle.append(connection)
        else:
            connection.close()

    def open(self, *, prepare: bool = True) -> sqlite3.Connection:
        """A new connection to the file, which has the schema then, unless `prepare` is False."""
        connection = sqlite3.connect(
            self.path,
            timeout=min(self._timeout, SLICE_SECONDS),
            isolation_level=None,  # transactions are ours
            check_same_thread=False,  # handed from thread to thread, used by one at a time
        )
        try:
            if prepare and not schema.is_ready(connection, self.path):
                schema.create(connection, self.path)
        except BaseException:
            connection.close()
            raise
        return connection

    def close_readers(self) -> None:
        """Close what is idle now; what is lent is closed when it comes back."""
        self._generation += 1
        while self._idle:
            self._idle.pop().close()

    def close(self) -> None:
        """Close everything; for a store that nobody has any more."""
        self.close_readers()
        self.drop_writer()

    def forget(self) -> None:
        """In a child: leave the inherited connections alone for ever."""
        for connection in self._idle:
            leak(connection)
        if self._writer is not None:
            leak(self._writer.connection)
        self._idle, self._writer = [], None
        self._generation += 1
