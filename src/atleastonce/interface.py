"""`DataInterface`: what a storage backend implements. The docstrings are the contract.

`atleastonce.testing.BackendConformance` holds a backend to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol, runtime_checkable

import attrs

from .clock import Clock
from .record import TaskKey, TaskRecord
from .urls import StoreURL


@attrs.frozen(kw_only=True)
class Capabilities:
    """What one backend object can do.

    Attributes:
        name: the URL scheme, for messages.
        max_data_bytes: the longest `TaskRecord.data` it takes, in bytes; the store refuses more before a write.
        url: the URL, without its password, by which another process on this machine reaches the same tasks;
            None where no other process can.
        claims: whether it implements `atleastonce.claims.ClaimsInterface` too.
    """

    name: str
    max_data_bytes: int
    url: str | None = None
    claims: bool = False


@runtime_checkable
class DataInterface(Protocol):
    """Stores task records. Every method may be called from any thread, and in a child after ``fork``.

    Failures are a `StoreError` (`StoreUnavailable`, `SchemaMissing`) whose ``outcome`` is ``"not_applied"`` when
    nothing of the call was written and ``"unknown"`` when any part of it may have been, within the backend's own
    stated deadline. No driver's exception escapes, and no message holds a password or a task's data.
    """

    @property
    def capabilities(self) -> Capabilities:
        """What this backend can do. Costs no request."""
        ...

    def store(self, records: Sequence[TaskRecord]) -> Sequence[int]:
        """Insert or replace each record under (task_list, id), type included, with attempts 0 and no last_error.

        Returns the version (saved_at, microseconds) given to each, in order, once all are durable. A version is
        greater than any that an earlier call to this object gave, than the record's own ``saved_at`` and than the version
        stored under the key. ``data``, ``type``, ``run_at`` and ``meta`` are kept byte for byte. Of one key twice
        in a batch the last wins. What the argument says of ``attempts``, ``last_error``, ``due_at``, ``claim`` and ``died_at`` is ignored,
        and its ``problem`` is None. An empty batch is no error and returns an empty sequence.

        Raises `InvalidTask`, before anything is written, for a version that would reach 2**53.
        """
        ...

    def find(self, task_list: str, id: str) -> TaskRecord | None:
        """The record under that key, or None. Sees every store and delete that returned before."""
        ...

    def all(self, task_list: str, *, saved_before: int | None = None) -> Iterator[TaskRecord]:
        """The list's records, lazily, in ascending order of the id's UTF-8 bytes (or as the backend states).

        Only those with ``saved_at < saved_before`` where that is given (microseconds). Holds no more than a page
        in memory and nothing open between two records: an iterator may be left half read at no cost. A record
        that is there throughout is given at least once; one saved or deleted meanwhile may or may not be. Never
        another list's. A row that cannot be read is given all the same (see `TaskRecord.problem`), and never
        ends the iteration.
        """
        ...

    def delete(self, keys: Sequence[TaskKey]) -> None:
        """Remove what is stored under each key with a version not above the key's ``saved_at`` (None: any).

        What is not there, or is newer, is left alone without an error, so a delete may be repeated. Durable once it
        returns. Where several processes share the storage, a key that was deleted and is stored anew should get a version
        above the deleted one also when the clock was set back in between: else a delete that is repeated late removes it.
        """
        ...

    def count(self, task_list: str) -> int:
        """How many records the list has."""
        ...

    def task_lists(self) -> Iterator[str]:
        """The names of the lists that have records, each once, in no stated order.

        May also give a list that became empty a short while ago.
        """
        ...

    def setup(self, *, dry_run: bool = False) -> list[str]:
        """Create or migrate the schema; may be repeated, and by two processes at once.

        Returns the statements: those run, or with ``dry_run`` those that would be; empty when there was nothing to do.
        """
        ...

    def close(self) -> None:
        """Give back what this object opened. May be repeated. Using it afterwards opens anew."""
        ...


class Backend(Protocol):
    """What an entry point of the group ``atleastonce.backends`` names: a class (or object) with ``from_url``."""

    def from_url(self, url: StoreURL, *, clock: Clock) -> DataInterface:
        """A backend object for that URL, without touching the storage yet.

        Raises `ConfigurationError` for a URL that it does not understand, unknown parameters included.
        """
        ...
