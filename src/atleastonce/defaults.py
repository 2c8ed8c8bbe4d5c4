"""The store that tasks use when they are bound to none."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from .interface import DataInterface
from .store import TaskStore

_lock = threading.RLock()
_default: TaskStore | None = None
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)


def configure(target: str | DataInterface | TaskStore | None) -> None:
    """Set the default store, from a URL, a backend object or a store; None: as configured, when next needed.

    Closes nothing that it replaces. Raises `ConfigurationError`.
    """
    global _default
    store = target if isinstance(target, TaskStore) or target is None else TaskStore(target)
    with _lock:
        _default = store


def default_store() -> TaskStore:
    """What `Task.find`, `Task.all` and an unbound task's `save` use; made from the configuration when first needed."""
    global _default
    with _lock:
        if _default is None:
            _default = TaskStore()
        return _default


@contextmanager
def using(target: str | DataInterface | TaskStore) -> Iterator[TaskStore]:
    """Set the default store for a with block and put the previous one back. Process-wide; meant for tests."""
    global _default
    with _lock:
        previous = _default
    configure(target)
    try:
        yield default_store()
    finally:
        with _lock:
            _default = previous
