"""`Hooks`: what a team adds around save, execute, complete and fail, such as metrics or tracing."""

from __future__ import annotations

import logging
import os
import threading
from typing import TYPE_CHECKING

from .exceptions import ConfigurationError

if TYPE_CHECKING:
    from .task import Task

log: logging.Logger = logging.getLogger("atleastonce")


class Hooks:
    """Called around what happens to tasks, in this process. Subclass it, override what you need, and `add_hooks` it.

    Each is called in the thread that does the thing, so keep it short. What a hook raises (an `Exception`) is logged, by its
    type and the task's ids, and changes nothing else: the task is saved, executed, completed or failed all the same.
    """

    def before_save(self, task: Task) -> None:
        """The task is about to be checked and saved. A save that then fails has no `after_save`."""

    def after_save(self, task: Task) -> None:
        """The save returned: the task is durable."""

    def before_execute(self, task: Task) -> None:
        """`execute` is about to be called."""

    def after_execute(self, task: Task, error: BaseException | None) -> None:
        """`execute` is over. `error` is what it raised, None where it returned."""

    def before_complete(self, task: Task) -> None:
        """The task is about to be completed."""

    def after_complete(self, task: Task) -> None:
        """The task is completed."""

    def before_fail(self, task: Task, error: BaseException | str) -> None:
        """An attempt failed, and is about to be written down."""

    def after_fail(self, task: Task, error: BaseException | str, dead: bool) -> None:  # noqa: FBT001 - called by position
        """The failed attempt is written down; `dead`: it was the last, and the task is among the dead letters."""


active: tuple[Hooks, ...] = ()
"""Looked at before each call, so that who has no hooks pays for none."""

_lock = threading.Lock()
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)


def add_hooks(hooks: Hooks) -> None:
    """Have these hooks called from now on, after those that are there; added twice they are called once.

    For this process: the workers of a process pool have their own, which the module of the task classes may add.
    Raises `ConfigurationError` for anything but a `Hooks` object.
    """
    global active
    if not isinstance(hooks, Hooks):
        raise ConfigurationError(f"add_hooks takes an object of a subclass of Hooks, not {type(hooks).__name__}")
    with _lock:
        if not any(known is hooks for known in active):
            active = (*active, hooks)


def remove_hooks(hooks: Hooks) -> None:
    """Have them called no more. Nothing happens where they were not added."""
    global active
    with _lock:
        active = tuple(known for known in active if known is not hooks)


def call(name: str, task: Task, *arguments: object) -> None:
    """Call that method of all hooks. Lets no `Exception` through."""
    for hooks in active:
        try:
            getattr(hooks, name)(task, *arguments)
        except Exception as error:  # noqa: BLE001 - somebody's hook may raise anything; it must not cost a task
            log.error("the hook %s.%s raised %s for %r", type(hooks).__name__, name, type(error).__name__, task)  # noqa: TRY400 - a traceback may hold data
