"""`perform`: what a worker does with a hash."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

from ..claiming import claiming_of, set_claim
from ..defaults import default_store
from ..execution import execute, is_failure
from ..settling import settle
from ..store import TaskStore
from ..task import Task
from ..verdicts import Discard, Snooze
from .heartbeats import kept_alive


def perform(
    task_hash: Mapping[str, Any], /, *, store: TaskStore | None = None, options: Mapping[str, Any] | None = None
) -> Any:
    """Execute the task of a hash and complete it; returns what `execute` returned.

    A hash with a ``claim_token`` is performed under that claim: where it is lost, nothing is executed; else its lease is renewed for as
    long as `execute` runs. Without one it does not look whether the task is still pending: a hash that a broker delivers twice is
    executed twice.

    What `execute` raises goes through unchanged, and the task stays pending, with one failed attempt more where the backend
    keeps these (so it may be dead then, see `Task`). KeyboardInterrupt, SystemExit and the like cost none. `Snooze` and
    `Discard` do not go through: None is returned. An async `execute` is run by ``asyncio.run``.

    Args:
        task_hash: what `Task.as_hash` gave, perhaps in another process; its class must be imported here.
        store: where the task is pending; the default store if None.
        options: keyword arguments for `execute`.

    Raises:
        InvalidTask, UnknownTaskType: the hash cannot be read here; nothing was done.
        ConfigurationError: async `execute` inside a running event loop, or a claim on a store without claims; nothing was done.
        ClaimLost: the claim of the hash is lost; nothing was done.
        StoreError: it was executed, but completing it failed; it may run again.
    """
    task = Task.from_hash(task_hash)
    bound = default_store() if store is None else store
    task.__dict__["_store"] = bound
    claiming = claiming_of(bound)
    lease = claiming.begin(task)
    try:
        with nullcontext() if lease is None else kept_alive(bound, task, lease):
            try:
                result = execute(task, **(options or {}))
            except BaseException as error:
                if not is_failure(error):  # a shutdown is no fault of the task
                    raise
                settle(bound, task, error)
                # Also where it could not be written down: it failed, so it is not given back for free.
                set_claim(task, None)
                if isinstance(error, Snooze | Discard):
                    return None
                raise
            bound.complete(task)
    except BaseException:  # whatever it was: left begun, the claim would cost an attempt when its lease ends
        claiming.let_go(task)
        raise
    return result
