"""Tasks that are never forgotten: saved before they are handed over, completed when done, redriven if anything died."""

from typing import TYPE_CHECKING, Any

from .backoff import Backoff
from .delivery import Delivery
from .exceptions import (
    AtLeastOnceError,
    ClaimLost,
    ConfigurationError,
    DuplicateTaskType,
    HandoverFailed,
    InvalidTask,
    SchemaMissing,
    StoreError,
    StoreUnavailable,
    UnknownTaskType,
)
from .record import TaskKey, TaskRecord
from .task import Task
from .unreadable import UnreadableTask
from .verdicts import Discard, Snooze

if TYPE_CHECKING:
    from .batches import BatchFailure
    from .claims import ClaimsInterface
    from .composite import ChildrenFailed, CompositeTask
    from .defaults import configure, default_store
    from .generators import CombinedGenerator, ExistingTasks, Generator
    from .hooks import Hooks, add_hooks, remove_hooks
    from .interface import Capabilities, DataInterface
    from .lifecycle.dispatch import dispatch
    from .lifecycle.perform import perform
    from .lifecycle.redrive import redrive
    from .lifecycle.report import RunReport, TaskError
    from .lifecycle.stopping import graceful_signals
    from .store import TaskStore
    from .urls import StoreURL

_LATER = {
    "BatchFailure": "batches",
    "Capabilities": "interface",
    "ChildrenFailed": "composite",
    "ClaimsInterface": "claims",
    "CombinedGenerator": "generators",
    "CompositeTask": "composite",
    "DataInterface": "interface",
    "ExistingTasks": "generators",
    "Generator": "generators",
    "Hooks": "hooks",
    "RunReport": "lifecycle.report",
    "StoreURL": "urls",
    "TaskError": "lifecycle.report",
    "TaskStore": "store",
    "add_hooks": "hooks",
    "configure": "defaults",
    "default_store": "defaults",
    "dispatch": "lifecycle.dispatch",
    "graceful_signals": "lifecycle.stopping",
    "perform": "lifecycle.perform",
    "redrive": "lifecycle.redrive",
    "remove_hooks": "hooks",
}
"""Name -> module. Whoever only defines tasks does not wait for the import of what stores and performs them."""

__all__ = [
    "AtLeastOnceError",
    "Backoff",
    "BatchFailure",
    "Capabilities",
    "ChildrenFailed",
    "ClaimLost",
    "ClaimsInterface",
    "CombinedGenerator",
    "CompositeTask",
    "ConfigurationError",
    "DataInterface",
    "Delivery",
    "Discard",
    "DuplicateTaskType",
    "ExistingTasks",
    "Generator",
    "HandoverFailed",
    "Hooks",
    "InvalidTask",
    "RunReport",
    "SchemaMissing",
    "Snooze",
    "StoreError",
    "StoreURL",
    "StoreUnavailable",
    "Task",
    "TaskError",
    "TaskKey",
    "TaskRecord",
    "TaskStore",
    "UnknownTaskType",
    "UnreadableTask",
    "add_hooks",
    "configure",
    "default_store",
    "dispatch",
    "graceful_signals",
    "perform",
    "redrive",
    "remove_hooks",
]


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415 - only where something is left to load

    value = getattr(import_module(f".{_LATER[name]}", __name__), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
