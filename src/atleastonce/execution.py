"""Calling a task's `execute`, plain or async."""

from __future__ import annotations

import inspect
import sys
from typing import Any

from . import hooks
from .exceptions import ConfigurationError
from .task import Task

NOT_BEGUN = "_atleastonce_not_begun"
"""Set on an error that says that nothing was executed; so it costs the task no attempt."""


def execute(task: Task, *args: Any, **options: Any) -> Any:
    """``task.execute(...)``'s result; an awaitable is run to its end by ``asyncio.run``.

    Lets what `execute` raises through. Raises `ConfigurationError` for an async `execute` inside a running event loop,
    before it has begun, and `TypeError` where `execute` returned work that nobody does: a generator.
    """
    if hooks.active:
        return _hooked(task, args, options)
    return _execute(task, args, options)


def is_failure(error: BaseException) -> bool:
    """Whether what `execute` raised is a failure of the task's own, rather than the end of this process.

    asyncio's CancelledError is one, though no Exception: it comes from a loop that the task ran, which has ended.
    """
    asyncio = sys.modules.get("asyncio")  # slow to import; where nobody has, it is no such error
    return isinstance(error, Exception) or (asyncio is not None and isinstance(error, asyncio.CancelledError))


def _hooked(task: Task, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    hooks.call("before_execute", task)
    try:
        result = _execute(task, args, options)
    except BaseException as error:
        hooks.call("after_execute", task, error)
        raise
    hooks.call("after_execute", task, None)
    return result


def _execute(task: Task, args: tuple[Any, ...], options: dict[str, Any]) -> Any:
    result = task.execute(*args, **options)
    if inspect.isawaitable(result):
        import asyncio  # noqa: PLC0415 - slow to import, and only needed here

        try:
            _refuse_running_loop(task)
        except ConfigurationError as error:
            if inspect.iscoroutine(result):
                result.close()
            error.__dict__[NOT_BEGUN] = True
            raise
        result = asyncio.run(result if inspect.iscoroutine(result) else _awaited(result))
    if inspect.isgenerator(result) or inspect.isasyncgen(result):
        raise TypeError(f"{task!r}: execute returned a generator, of which nothing has run; run it inside execute")
    return result


async def _awaited(awaitable: Any) -> Any:
    return await awaitable


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
