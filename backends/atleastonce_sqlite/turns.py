"""Group commit: threads that write at the same time take turns, and each turn serves all who wait by then.

Whoever comes while nobody writes serves itself at once and pays next to nothing. Whoever comes later waits; when the turn
is over, the first who waits is woken to serve all others who came meanwhile, in one transaction. So nobody serves others
for longer than one turn, and no thread of its own is needed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any

MAX_ROWS = 10_000
"""In one turn, unless a single request is larger: a transaction that outgrows the WAL's usual size helps nobody."""


class Request:
    """What one thread wants written. `serve` ends it by setting `finished`, and `error` where it failed."""

    __slots__ = ("error", "finished", "served", "size", "wake")

    def __init__(self, size: int) -> None:
        self.size = size
        self.finished = False
        self.error: Exception | None = None
        self.served: Sequence[Request] = (self,)  # in this one's turn, should it get one
        self.wake: threading.Lock | None = None  # held until the request is finished or its thread has the turn


class Turns:
    """Hands the turn from thread to thread.

    Args:
        serve: called by the thread that has the turn, with the requests to serve; ends every one of them, or raises
            (Ctrl-C) with those not ended in a state in which they can be served again.
    """

    def __init__(self, serve: Callable[[Sequence[Any]], None]) -> None:
        self._serve = serve
        self._lock = threading.Lock()  # held for a few instructions at a time
        self._turn: Request | None = None  # whose thread has the turn, or is being woken to take it
        self._waiting: list[Request] = []

    def take(self, request: Request) -> None:
        """Have the request served, by this thread or another. Raises its error."""
        lock = self._lock
        try:
            lock.acquire()
            try:
                if self._turn is None:
                    self._turn = request
                else:
                    request.wake = threading.Lock()
                    request.wake.acquire()
                    self._waiting.append(request)
            finally:
                lock.release()
            if request.wake is not None:
                request.wake.acquire()
                if not request.finished:
                    self._collect(request)
            if not request.finished:
                self._serve(request.served)
                lock.acquire()
                try:
                    self._pass_on()
                finally:
                    lock.release()
                for other in request.served:
                    _wake(other)
        except BaseException:
            self._abandon(request)
            raise
        if request.error is not None:
            raise request.error

    def _collect(self, request: Request) -> None:
        """Take from those who wait as many as one turn can serve. This one is the first of them."""
        with self._lock:
            total = number = 0
            for other in self._waiting:
                total += other.size
                if number and total > MAX_ROWS:
                    break
                number += 1
            request.served, self._waiting = self._waiting[:number], self._waiting[number:]

    def _pass_on(self) -> None:
        """Under the lock: give the turn to the first who waits."""
        self._turn = self._waiting[0] if self._waiting else None
        if self._turn is not None:
            _wake(self._turn)

    def _abandon(self, request: Request) -> None:
        """This thread was interrupted (Ctrl-C), wherever it was: nobody may wait for it for ever."""
        others = [other for other in request.served if other is not request]
        with self._lock:
            if request in self._waiting:
                self._waiting.remove(request)
            if self._turn is request:
                self._waiting[:0] = [other for other in others if not other.finished]
                self._pass_on()
        for other in others:
            if other.finished:
                _wake(other)


def _wake(request: Request) -> None:
    if request.wake is not None and request.wake.locked():
        request.wake.release()
