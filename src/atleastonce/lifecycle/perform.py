"""`perform`: what a worker does with a hash."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..defaults import default_store
from ..execution import execute
from ..store import TaskStore
from ..task import Task


def perform(
    task_hash: Mapping[str, Any], /, *, store: TaskStore | None = None, options: Mapping[str, Any] | None = None
) -> Any:
    """Execute the task of a hash and complete it; returns what `execute` returned.

    It does not look whether the task is still pending: a hash that a broker delivers twice is executed twice.
    What `execute` raises goes through unchanged, and the task stays pending. An async `execute` is run by ``asyncio.run``.

    Args:
        task_hash: what `Task.as_hash` gave, perhaps in another process; its class must be imported here.
        store: where the task is pending; the default store if None.
        options: keyword arguments for `execute`.

    Raises:
        InvalidTask, UnknownTaskType: the hash cannot be read here; nothing was done.
        ConfigurationError: async `execute` inside a running event loop; nothing was done.
        StoreError: it was executed, but completing it failed; it may run again.
    """
    task = Task.from_hash(task_hash)
    bound = default_store() if store is None else store
    task.__dict__["_store"] = bound
    result = execute(task, **(options or {}))
    bound.complete(task)
    return result
