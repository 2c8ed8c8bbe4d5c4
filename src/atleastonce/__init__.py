"""Tasks that are never forgotten: saved before they are handed over, completed when done, redriven if anything died."""

from .batches import BatchFailure
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

__all__ = [
    "AtLeastOnceError",
    "BatchFailure",
    "Capabilities",
    "ChildrenFailed",
    "ClaimLost",
    "CombinedGenerator",
    "CompositeTask",
    "ConfigurationError",
    "DataInterface",
    "Delivery",
    "DuplicateTaskType",
    "ExistingTasks",
    "Generator",
    "HandoverFailed",
    "InvalidTask",
    "RunReport",
    "SchemaMissing",
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
    "configure",
    "default_store",
    "dispatch",
    "graceful_signals",
    "perform",
    "redrive",
]
