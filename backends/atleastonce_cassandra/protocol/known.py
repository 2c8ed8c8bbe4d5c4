"""The claims that this process holds, as it wrote them last, so that a heartbeat need not ask before it writes."""

from __future__ import annotations

import threading
from collections import OrderedDict

from .places import Place
from .state import State

MAX_CLAIMS = 10_000
"""So many are remembered. One forgotten is read; one that somebody else changed meanwhile is found out by the write, or, where it
would not be written, by `change`."""


class Known:
    """See the module. Thread-safe; bounded."""

    def __init__(self, limit: int = MAX_CLAIMS) -> None:
        self._limit = limit
        self.forget()

    def forget(self) -> None:
        """In a forked child: with a lock that nobody holds."""
        self._lock = threading.Lock()
        self._states: OrderedDict[tuple[Place, bytes], State] = OrderedDict()

    def get(self, place: Place, id: bytes) -> State | None:
        """The state, if it is remembered."""
        return self._states.get((place, id))

    def drop(self, place: Place, id: bytes) -> None:
        """It may not be true any more."""
        with self._lock:
            self._states.pop((place, id), None)

    def put(self, place: Place, id: bytes, state: State) -> None:
        """Remember it as long as it is a claim."""
        if state.token is None:
            self.drop(place, id)
            return
        with self._lock:
            self._states[place, id] = state
            if len(self._states) > self._limit:
                self._states.popitem(last=False)
