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

    size = 1
    """In rows."""

    # Defaults of the class, so that a request that is served at once need not set them.
    finished = False
    error: Exception | None = None
    shared: Sequence[Request] = ()
    """All that are served in this one's turn, this one first; empty: only this one."""
    wake: threading.Lock | None = None
    """Held until the request is finished or its thread has the turn."""


class Turns:
    """Hands the turn from thread to thread.

    Whose turn it is stands in a dict, and is claimed by `dict.setdefault`: one step, with no moment between taking the turn
    and noting who took it, at which Ctrl-C could leave it taken for ever; and twice as fast as a lock.

    Args:
        serve: called by the thread that has the turn, with the requests to serve; ends every one of them, or raises
            (Ctrl-C) with those not ended in a state in which they can be served again.
    """

    def __init__(self, serve: Callable[[Sequence[Any]], None]) -> None:
        self._serve = serve
        self.forget()

    def forget(self) -> None:
        """Be as new: in a child, the threads that had the turn or waited for it are gone."""
        self._turn: dict[None, Request] = {}  # whose thread has the turn, or is being woken to take it
        self._waiting: list[Request] = []
        self._queue_lock = threading.Lock()  # held to take somebody out of those who wait

    def take(self, request: Request) -> None:
        """Have the request served, by this thread or another. Raises its error."""
        try:
            if self._turn.setdefault(None, request) is not request:
                self._wait(request)
            if not request.finished:
                self._serve(request.shared or (request,))
                if self._waiting:
                    self._pass_on(request)
                else:
                    del self._turn[None]
                    # Somebody may have begun to wait just before. If another has the turn already, that one sees it.
                    if self._waiting and self._turn.setdefault(None, request) is request:
                        self._pass_on(request)
                for other in request.shared:
                    _wake(other)
        except BaseException:
            self._abandon(request)
            raise
        if request.error is not None:
            raise request.error

    def _wait(self, request: Request) -> None:
        """Until the request is finished, or this thread has the turn: then with all that can be served in it."""
        request.wake = threading.Lock()
        request.wake.acquire()
        self._waiting.append(request)
        # Whoever had the turn may have left it just before, without seeing this one.
        if self._turn.setdefault(None, request) is not request:
            request.wake.acquire()
        if not request.finished:
            self._collect(request)

    def _collect(self, request: Request) -> None:
        """Take from those who wait as many as one turn can serve, this one first."""
        with self._queue_lock:
            self._waiting.remove(request)
            shared, total = [request], request.size
            for other in self._waiting:
                total += other.size
                if total > MAX_ROWS:
                    break
                shared.append(other)
            del self._waiting[: len(shared) - 1]
            request.shared = shared

    def _pass_on(self, request: Request) -> None:
        """Give this one's turn to the first who waits, or leave it to whoever comes."""
        while True:
            with self._queue_lock:
                if self._waiting:  # Ctrl-C may have taken the last away
                    self._turn[None] = self._waiting[0]
                    _wake(self._waiting[0])
                    return
            del self._turn[None]
            if not self._waiting or self._turn.setdefault(None, request) is not request:
                return

    def _abandon(self, request: Request) -> None:
        """This thread was interrupted (Ctrl-C), wherever it was: nobody may wait for it for ever."""
        others = [other for other in request.shared if other is not request]
        with self._queue_lock:
            if request in self._waiting:
                self._waiting.remove(request)
            mine = self._turn.setdefault(None, request) is request  # or was: it may just have been left
            if mine:
                self._waiting[:0] = [other for other in others if not other.finished and other not in self._waiting]
        if mine:
            self._pass_on(request)
        for other in others:
            if other.finished:
                _wake(other)


def _wake(request: Request) -> None:
    if request.wake is not None and request.wake.locked():
        request.wake.release()
