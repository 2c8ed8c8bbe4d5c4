"""What one process knows: the time, the versions it gave, the places it registered."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from collections.abc import Callable

from .clock import Clock
from .known import Known
from .places import Place
from .versions import VersionGiver

MAX_PLACES = 65_536
"""How many registered places are remembered: enough for 1,000 lists of 64 shards. One forgotten is registered again."""


class Registered:
    """The places whose registration was acknowledged. Thread-safe; bounded."""

    def __init__(self, limit: int = MAX_PLACES) -> None:
        self._limit = limit
        self._lock = threading.Lock()
        self._places: OrderedDict[Place, None] = OrderedDict()

    def __contains__(self, place: Place) -> bool:
        return place in self._places

    def add(self, place: Place) -> None:
        """Remember it."""
        with self._lock:
            self._places[place] = None
            if len(self._places) > self._limit:
                self._places.popitem(last=False)

    def forget(self) -> None:
        """Forget all: the registry may have been emptied, or this is a forked child whose lock nobody holds."""
        self._lock = threading.Lock()
        self._places.clear()


def unguessable() -> str:
    """The token of a claim: never the same again, in a fork neither."""
    return secrets.token_hex(16)


class Client:
    """What the verbs of one process share.

    Args:
        clock: the time by the servers.
        draw: gives a random integer below its argument.
        token: gives what nobody can guess, and nobody was given before; in a fork too.
    """

    def __init__(self, clock: Clock, draw: Callable[[int], int], token: Callable[[], str] = unguessable) -> None:
        self.clock = clock
        self.draw = draw
        self.token = token
        self.versions = VersionGiver(clock.now, draw)
        self.registered = Registered()
        self.known = Known()

    def forget(self) -> None:
        """In a forked child."""
        self.versions.forget()
        self.registered.forget()
        self.known.forget()
