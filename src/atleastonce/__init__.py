"""Tasks that are never forgotten: saved before they are handed over, completed when done, redriven if anything died."""

from .backoff import Backoff
from .batches import BatchFailure
from .claims import ClaimsInterface
from .composite import ChildrenFailed, CompositeTask
from .defaults import configure, default_store
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
from .generators import CombinedGenerator, ExistingTasks, Generator
from .hooks import Hooks, add_hooks, remove_hooks
from .interface import Capabilities, DataInterface
from .lifecycle.dispatch import dispatch
from .lifecycle.perform import perform
from .lifecycle.redrive import redrive
from .lifecycle.report import RunReport, TaskError
from .lifecycle.stopping import graceful_signals
from .record import TaskKey, TaskRecord
from .store import TaskStore
from .task import Task
from .unreadable import UnreadableTask
from .urls import StoreURL
from .verdicts import Discard, Snooze

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
