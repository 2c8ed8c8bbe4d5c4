"""What memory stores hold, the names under which it is shared, and the lock around it all."""

from __future__ import annotations

import os
import threading

from atleastonce.record import TaskRecord

Row = tuple[int, TaskRecord]
"""A stored task: the version given to it, and the record as it came (frozen, so it need not be copied; making another
with its own version takes as long as the rest of a save). The record's own version means nothing here."""


class Space:
    """The lists of one store, or of all stores that share a name."""

    def __init__(self) -> None:
        self.lists: dict[str, dict[str, Row]] = {}
        self.newest_version = 0  # given by any store on this space: a key that was deleted may still be completed


lock = threading.RLock()
"""Guards every space. One for all, so that one fork handler does; reentrant, so that a store used in a destructor or
signal handler, which may interrupt a store in the same thread, does not wait for itself."""

_named: dict[str, Space] = {}


def named_space(name: str) -> Space:
    """The space of that name in this process, made when it is new."""
    with lock:
        return _named.setdefault(name, Space())


if hasattr(os, "register_at_fork"):  # not on Windows
    # A child forked while another thread holds the lock would find it held for ever.
    os.register_at_fork(before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release)
