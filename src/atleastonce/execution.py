"""Calling a task's `execute`, plain or async."""

from __future__ import annotations

import inspect
from typing import Any

from .exceptions import ConfigurationError
from .task import Task


def execute(task: Task, *args: Any, **options: Any) -> Any:
    """``task.execute(...)``'s result; a coroutine is run to its end by ``asyncio.run``.

    Lets what `execute` raises through. Raises `ConfigurationError` for an async `execute` inside a running event loop,
    before it has begun.
    """
    result = task.execute(*args, **options)
    if inspect.iscoroutine(result):
        import asyncio  # noqa: PLC0415 - slow to import, and only needed here

        try:
            _refuse_running_loop(task)
        except ConfigurationError:
            result.close()
            raise
        return asyncio.run(result)
    return result


def _refuse_running_loop(task: Task) -> None:
    import asyncio  # noqa: PLC0415 - likewise

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return
    raise ConfigurationError(
        f"{task!r} has an async execute, which cannot be run from inside a running event loop; "
        "await task.execute() there and then call task.complete(), or perform it in a thread: "
        "await asyncio.to_thread(perform, task_hash)"
    )
