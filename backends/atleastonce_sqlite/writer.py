"""Writing: one connection, one transaction for all requests of a turn, and what happens when one of them fails."""

from __future__ import annotations

import copy
import sqlite3
from collections.abc import Sequence

from atleastonce.clock import Clock
from atleastonce.exceptions import Outcome
from atleastonce.turns import Turns

from .connections import Connections
from .errors import breaks_connection, is_busy, outcome_of_commit, translate
from .fork import gate
from .requests import Close, Flush, Write
from .watermark import Watermark


class Writer:
    """Serves requests to save and delete, from any thread."""

    def __init__(self, connections: Connections, clock: Clock, timeout: float) -> None:
        self._connections = connections
        self._timeout = timeout
        self._watermark = Watermark(clock)
        self._turns = Turns(self._serve)
        self.take = self._turns.take
        """Takes a `Write`; returns when it is done and durable, or raises its error."""
        self.unsynced = False
        """Something was committed since the last `flush` that a crash of the machine may undo."""
        self._committing = self._begun = False  # how far the transaction of this turn came

    def flush(self) -> None:
        """Make durable what was committed without a sync."""
        if self.unsynced:
            self.unsynced = False
            try:
                self.take(Flush())
            except BaseException:
                self.unsynced = True
                raise

    def close(self) -> None:
        """Close the connection, once nobody writes."""
        self.take(Close())

    def forget(self) -> None:
        """In a child: the threads that wrote are gone, perhaps in the middle, and the mark is the parent's."""
        self._turns.forget()
        self._watermark.forget()

    def _serve(self, requests: Sequence[Write]) -> None:
        """End each request: all in one transaction, or each in its own where one of them spoils that."""
        entered = gate.enter()
        try:
            self._transaction(requests)
            return
        except Exception as error:  # noqa: BLE001 (whatever it is, it is the error of those who asked)
            failure = error
        finally:
            if entered:
                gate.leave()
        if isinstance(failure, sqlite3.OperationalError) and is_busy(failure):
            try:
                self._connections.patiently(self._transaction, requests)
                return
            except Exception as error:  # noqa: BLE001 (as above)
                failure = error
        outcome = outcome_of_commit(failure) if self._committing else "not_applied"
        if len(requests) > 1 and self._begun and outcome == "not_applied":
            for request in requests:
                self._serve((request,))
            return
        for request in requests:  # one exception each: a raised one belongs to its thread
            request.error = self._error(failure, outcome)
            request.finished = True

    def _transaction(self, requests: Sequence[Write]) -> None:
        connections, watermark = self._connections, self._watermark
        self._begun = self._committing = False
        if isinstance(requests[0], Close):
            connections.drop_writer()
            requests[0].finished = True
            return
        durable = requests[0].durable if len(requests) == 1 else any(request.durable for request in requests)
        if not durable:
            self.unsynced = True
        cursor = connections.writer(synced=durable)
        try:
            if len(requests) == 1:
                self._committing = True  # as far as we know: it happens inside the statement
                if requests[0].at_once(cursor, watermark):
                    requests[0].finished = True
                    return
                self._committing = False
            cursor.execute("BEGIN IMMEDIATE")
            self._begun = True
            for request in requests:
                request.run(cursor, watermark)
            watermark.commit(cursor)
            self._committing = True
            cursor.execute("COMMIT")
        except BaseException as error:
            if (
                not self._begun
                or isinstance(error, Exception)
                or not self._committing
                or cursor.connection.in_transaction
            ):
                self._roll_back(cursor, error)
                raise
            for request in requests:  # Ctrl-C between the end of COMMIT and the next line
                request.finished = True
            raise
        for request in requests:
            request.finished = True

    def _roll_back(self, cursor: sqlite3.Cursor, error: BaseException) -> None:
        self._watermark.roll_back()
        try:
            if cursor.connection.in_transaction:  # SQLite rolls back by itself after some failures
                cursor.execute("ROLLBACK")
        except sqlite3.Error:
            self._connections.drop_writer()
            return
        if breaks_connection(error):
            self._connections.drop_writer()

    def _error(self, error: Exception, outcome: Outcome) -> Exception:
        translated = translate(error, self._connections.path, self._timeout, outcome)
        if translated is error:
            return copy.copy(error)
        if not isinstance(error, UnicodeError):  # its text quotes what it could not encode
            translated.__cause__ = error
        return translated
