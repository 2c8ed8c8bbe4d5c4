"""The gate around a fork: no thread is inside SQLite while the process forks.

SQLite's own mutexes are copied as they are: a child that is forked while another thread holds one waits for it for
ever (7 of 20 forks seen). So a fork waits until the threads inside are out, and keeps others from going in.
"""

from __future__ import annotations

import ctypes
import os
import threading
import time
import weakref
from typing import Protocol

MAX_WAIT_SECONDS = 10.0
"""How long a fork waits. A call that lasts longer waits for a lock or for the disk, and holds no mutex of the process
then, so that forking all the same is the better choice."""

_POLL_SECONDS = 0.000_1  # the length of a commit


class Forgetful(Protocol):
    """What has to start afresh in a child."""

    def forget(self) -> None:
        """Called in the child, before it does anything else."""
        ...


class Gate:
    """Counts the threads inside, and can be shut. Two set operations a passage: no lock is taken to go in or out.

    Both sides write before they read (a thread its name, then whether the gate is shut; the fork that it is shut, then
    the names), so at least one of the two sees the other.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Be as new: in a child the other threads are gone, with whatever they held."""
        self._inside: set[int] = set()
        self._shut_by: int | None = None
        self._opened = threading.Event()
        self._forking = threading.Lock()

    def enter(self) -> bool:
        """Go in, when the gate is open. False where this thread was inside already, and must not `leave`."""
        me = threading.get_ident()
        if me in self._inside:
            return False
        self._inside.add(me)
        while self._shut_by is not None and self._shut_by != me:
            self._inside.discard(me)
            self._opened.wait()
            self._inside.add(me)
        return True

    def leave(self) -> None:
        """Go out."""
        self._inside.discard(threading.get_ident())

    def shut(self) -> None:
        """Let nobody in and wait, for a bounded time, until all but this thread are out."""
        self._forking.acquire()
        me = threading.get_ident()
        self._opened.clear()
        self._shut_by = me
        deadline = time.monotonic() + MAX_WAIT_SECONDS
        while self._inside - {me} and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)

    def open(self) -> None:
        """Let everybody in again."""
        self._shut_by = None
        self._opened.set()
        self._forking.release()


gate = Gate()
_stores: weakref.WeakSet[Forgetful] = weakref.WeakSet()


def remember(store: Forgetful) -> None:
    """Have that store start afresh in every child."""
    _stores.add(store)


def leak(inherited: object) -> None:
    """Keep that object for ever: not even the end of the interpreter may close a connection of the parent's."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(inherited))


def _in_child() -> None:
    gate.reset()
    for store in list(_stores):
        store.forget()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(before=gate.shut, after_in_parent=gate.open, after_in_child=_in_child)
