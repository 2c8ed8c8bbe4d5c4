"""After a fork: every store of the child starts afresh."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
import threading
import weakref
from collections.abc import Iterator
from typing import Protocol

MAX_WAIT_SECONDS = 10.0
"""How long a fork waits for a session that is being opened."""

_opening = threading.Lock()
_is_held = False


@contextlib.contextmanager
def no_fork() -> Iterator[None]:
    """While a session is being opened: the driver imports modules then, and a child would wait for ever for a lock of the import."""
    with _opening:
        yield


class Forgetful(Protocol):
    """What can start afresh."""

    def forget(self) -> None:
        """Called in the child."""
        ...


_known: weakref.WeakSet[Forgetful] = weakref.WeakSet()


def forget_in_child(store: Forgetful) -> None:
    """Have the store forget, in a child, what is the parent's."""
    _known.add(store)


def _before() -> None:
    global _is_held
    _is_held = _opening.acquire(timeout=MAX_WAIT_SECONDS)


def _in_parent() -> None:
    if _is_held:
        _opening.release()


def _in_child() -> None:
    global _opening
    _opening = threading.Lock()
    _leave_the_parents_loop()
    for store in list(_known):
        store.forget()


def _leave_the_parents_loop() -> None:
    """Let the driver begin a new event loop without cleaning up the inherited one.

    It would take the locks of the parent's connections for that, which a thread of the parent may have held as it forked: the child
    then waits for ever (1 of 60 children seen).
    """
    reactor = sys.modules.get("cassandra.io.libevreactor")
    inherited = getattr(reactor, "_global_loop", None)
    if reactor is not None and inherited is not None:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(inherited))  # kept for ever: nothing may finalize it
        reactor._global_loop = None  # type: ignore[attr-defined]  # noqa: SLF001 (the driver has no name for it that others may use)


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
