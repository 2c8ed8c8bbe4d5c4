"""What all clauses share: the one fixture that a backend gives, and the objects opened through it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, TypeVar

import pytest

from atleastonce.clock import Clock
from atleastonce.interface import DataInterface
from atleastonce.record import NO_META, TaskRecord
from atleastonce.testing.clock import TestClock

T = TypeVar("T")

OpenBackend = Callable[[Clock], DataInterface]
"""Opens a new backend object, with that clock, on the test's own storage."""


class Handles:
    """The backend objects that one test opened on its storage; all are closed at its end.

    With ``persistent=False`` there is only one, given again and again: nobody else can see its storage.
    """

    def __init__(self, open_backend: OpenBackend, clock: Clock, *, persistent: bool) -> None:
        self._open_backend = open_backend
        self._clock = clock
        self._persistent = persistent
        self._opened: list[DataInterface] = []

    def open(self) -> DataInterface:
        """One more object on the storage, or the same one again."""
        if self._persistent or not self._opened:
            self._opened.append(self._open_backend(self._clock))
        return self._opened[-1]

    def close(self) -> None:
        """Close them all, those too that a test dropped on purpose (until here nothing must depend on it)."""
        for backend in self._opened:
            backend.close()


class Clauses:
    """The base of every group of clauses: fixtures, and what a backend may say about itself."""

    persistent: ClassVar[bool] = True
    """False: the tasks live and die with one object (private memory), so tests that reopen go on with the same one."""

    many_records: ClassVar[int] = 3_000
    """How many records make a long list: more than two of the backend's pages."""

    deadline_s: ClassVar[float] = 60.0
    """How long threads and child processes may take, in seconds, before a test calls them stuck."""

    def in_threads(self, works: Sequence[Callable[[], T]]) -> list[T]:
        """Run each in a thread of its own, all at once; what each returned. See `run_threads`."""
        return run_threads(works, self.deadline_s)

    @pytest.fixture
    def open_backend(self) -> OpenBackend:
        """The one fixture to give: a callable that takes a clock and opens the backend, always on the same storage.

        Each test must get a storage of its own, empty and not set up; ``tmp_path`` is good for that.
        """
        raise NotImplementedError(f"{type(self).__name__} must define the fixture open_backend")

    def order(self, id: str) -> Any:
        """What `all` sorts by. Override it where the backend states another order than the id's UTF-8 bytes."""
        return id.encode("utf-8", "surrogateescape")

    def crash(self, backend: DataInterface) -> None:
        """Leave `backend` as if its process had died: not closed, never used again.

        By default it is just let alone. Override it where a dead process would give something back by itself, such
        as a lock on a file.
        """

    @pytest.fixture
    def clock(self) -> TestClock:
        """The clock of every object that the test opens."""
        return TestClock()

    @pytest.fixture
    def handles(self, open_backend: OpenBackend, clock: TestClock) -> Iterator[Handles]:
        """The objects that the test opens."""
        handles = Handles(open_backend, clock, persistent=self.persistent)
        yield handles
        handles.close()

    @pytest.fixture
    def backend(self, handles: Handles) -> DataInterface:
        """The backend object under test, set up."""
        backend = handles.open()
        backend.setup()
        return backend


def record(
    id: str = "a",
    *,
    task_list: str = "list",
    type: str = "Type",
    data: bytes = b"{}",
    saved_at: int | None = None,
    run_at: int | None = None,
    meta: Mapping[str, str] = NO_META,
) -> TaskRecord:
    """A record to save."""
    return TaskRecord(task_list=task_list, id=id, type=type, data=data, saved_at=saved_at, run_at=run_at, meta=meta)


def save(backend: DataInterface, record: TaskRecord) -> int:
    """Store one record; its version."""
    (version,) = backend.store([record])
    return version


def run_threads(works: Sequence[Callable[[], T]], deadline_s: float) -> list[T]:
    """Run each in a thread of its own, all at once; what each returned.

    Raises what one of them raised, and AssertionError when one is stuck: its thread is left behind, where an executor
    would wait for it for ever.
    """
    results: dict[int, T] = {}
    errors: list[BaseException] = []

    def run(n: int, work: Callable[[], T]) -> None:
        try:
            results[n] = work()
        except BaseException as error:  # noqa: BLE001  # whatever it is, it is raised again below
            errors.append(error)

    threads = [threading.Thread(target=run, args=pair, daemon=True) for pair in enumerate(works)]
    for thread in threads:
        thread.start()
    end = time.monotonic() + deadline_s
    for thread in threads:
        thread.join(max(0, end - time.monotonic()))
    if errors:
        raise errors[0]
    assert not any(thread.is_alive() for thread in threads), "a thread is stuck"
    return [results[n] for n in range(len(works))]
