"""Every error that this library raises on purpose.

::

    AtLeastOnceError
    ├── InvalidTask            (also ValueError)  bad input: nothing was written
    ├── UnknownTaskType                           no class here for that type, or only an older version of it
    ├── DuplicateTaskType                         two different classes claim one type tag
    ├── ConfigurationError                        a setting, a URL or a use that cannot work
    └── StoreError                                the storage did not do what was asked; see `.outcome`
        ├── StoreUnavailable                      it cannot be reached, or did not answer in time
        ├── SchemaMissing                         it is there, but `store.setup()` was never run
        ├── ClaimLost                             somebody else holds the task now
        └── HandoverFailed                        the pool or broker broke; see `.report`
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable

    from .batches import BatchFailure

Outcome = Literal["not_applied", "unknown"]


class AtLeastOnceError(Exception):
    """The root of all errors of this library.

    Attributes:
        batch: after `save_all` and `complete_all`, a `BatchFailure`: how many tasks were done and which were not.
    """

    batch: BatchFailure | None = None


class InvalidTask(AtLeastOnceError, ValueError):
    """A task, a key or a hash that breaks a rule. Raised before anything is written."""


class UnknownTaskType(AtLeastOnceError):
    """The stored type has no class in this process, or is of a newer version than the class."""


class DuplicateTaskType(AtLeastOnceError):
    """Two different classes claim the same type tag or alias."""


class ConfigurationError(AtLeastOnceError):
    """A setting, a store URL or a way of use that cannot work; the message says what to change."""


class StoreError(AtLeastOnceError):
    """The storage failed.

    Attributes:
        outcome: ``"not_applied"`` when nothing of the call was written, ``"unknown"`` when some or all of it
            may have been. Saves and completes may be repeated either way.
    """

    def __init__(self, message: str, *, outcome: Outcome = "unknown") -> None:
        super().__init__(message)
        self.outcome: Outcome = outcome

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return _rebuild, (type(self), self.args, self.__dict__)


class StoreUnavailable(StoreError):
    """The storage cannot be reached, is locked, full or read-only, or did not answer in time."""


class SchemaMissing(StoreError):
    """The storage is there but has no tables of ours yet; run ``store.setup()`` once."""


class ClaimLost(StoreError):
    """The claim on a task ran out and was taken over, or the task was completed or saved anew; nothing was changed."""


class HandoverFailed(StoreError):
    """The pool or broker that tasks were handed to broke; what was saved is still pending.

    Attributes:
        report: the `RunReport` up to that moment; None only where no run was under way.
    """

    def __init__(self, message: str, *, outcome: Outcome = "unknown", report: Any = None) -> None:
        super().__init__(message, outcome=outcome)
        self.report = report


def _rebuild(cls: type[StoreError], args: tuple[Any, ...], state: dict[str, Any]) -> StoreError:
    error = cls(*args)
    error.__dict__.update(state)
    return error
