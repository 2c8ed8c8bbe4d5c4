"""`TaskStore`: typed tasks in and out of one storage backend."""

from __future__ import annotations

import builtins
import logging
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from types import TracebackType
from typing import Any, Self, TypeVar, cast, overload

import attrs

from . import codec, hooks
from .backends import open_backend
from .batches import Progress, in_batches
from .claiming import DEFAULT_LEASE, Claiming, lease_us, lost, set_claim
from .clock import Clock, system_clock
from .config import configured_url, explicit_url
from .dead_letters import DeadLetters
from .delivery import not_negative, to_microseconds
from .exceptions import ConfigurationError, InvalidTask, UnknownTaskType
from .interface import Capabilities, DataInterface
from .keys import check_id, check_task_list
from .record import TaskKey, TaskRecord
from .task import Task
from .unreadable import UnreadableTask, unreadable
from .urls import parse_url

T = TypeVar("T", bound=Task)

FUTURE_US = 5 * 60 * 1_000_000
"""A version this far ahead of the clock was not given by a sound one: complete looks before it removes."""

IMPLAUSIBLE_US = 24 * 60 * 60 * 1_000_000
"""A save goes above the version that the task has, unless that is so far ahead of the clock: one forged hash would put every
later version of this process there with it, and in the end leave none to give."""

_OF_A_VERSION = ("_attempts", "_last_error", "_claim", "_due_at", "_died_at")
"""What a task object knows of one version; a save begins the next."""

log: logging.Logger = logging.getLogger("atleastonce")


class TaskStore:
    """Tasks in one storage.

    Args:
        target: a store URL (``sqlite:///tasks.db``, ``memory://``, ...), a `DataInterface`, or None: as the environment or a
            configuration file says. (What `configure` set is `default_store()`.)
        clock: gives microseconds since 1970; for tests.

    Nothing is opened before the first use. Thread-safe, and safe after fork. Pickles as its URL without the password. A context
    manager that closes at the end. Every method raises a `StoreError` when the storage fails.

    Raises `ConfigurationError` for a URL or configuration that cannot work.
    """

    def __init__(self, target: str | DataInterface | None = None, *, clock: Clock = system_clock) -> None:
        self._clock = clock
        self._had_password = False
        if isinstance(target, str) or target is None:
            url = configured_url() if target is None else parse_url(target)
            self._had_password = url.password is not None
            self._backend = open_backend(url, clock=clock)
        elif isinstance(target, DataInterface):
            self._backend = target
        else:
            raise ConfigurationError(
                f"a TaskStore is made from a URL or a DataInterface, not from {type(target).__name__}"
            )
        self._max_data_bytes = self._backend.capabilities.max_data_bytes
        self._claiming = Claiming(self._backend, self._task, clock)
        self._dead_letters = DeadLetters(self._claiming, self._task)

    @property
    def capabilities(self) -> Capabilities:
        """What the backend can do."""
        return self._backend.capabilities

    def save(self, task: Task) -> None:
        """Insert or replace the task under its list and id, as a new version without attempts; durable on return.

        Raises `InvalidTask` before anything is written.
        """
        (version,) = self._backend.store((self._record(task),))
        self._mark_saved(task, version)
        if hooks.active:
            hooks.call("after_save", task)

    def save_all(self, tasks: Iterable[Task], *, progress: Progress | None = None) -> int:
        """Save every task of an iterable, in batches of a bounded size; returns how many.

        `progress` is called after each batch with the number of tasks saved so far.
        On a failure the error's ``.batch`` (and its note) says how many were saved and which were not.
        """
        return in_batches(tasks, "saved", self._record, self._save_batch, progress)

    @overload
    def find(self, task_list: str, id: str) -> Task | None: ...
    @overload
    def find(self, task_list: str, id: str, cls: type[T]) -> T | None: ...
    def find(self, task_list: str, id: str, cls: type[Task] = Task) -> Task | None:
        """The stored task with that key, or None; with `cls`, only one of that class.

        A record that cannot be read is an `UnreadableTask`; with a subclass as `cls` the reason is raised if it is of that type.
        """
        check_task_list(task_list)
        check_id(id)
        record = self._backend.find(task_list, id)
        if record is None:
            return None
        task = self._task(record)
        if isinstance(task, cls):
            return task
        if isinstance(task, UnreadableTask) and _is_of(record, cls):
            raise task.reason
        return None

    @overload
    def all(self, task_list: str, older_than: timedelta | None = None) -> Iterator[Task]: ...
    @overload
    def all(self, task_list: str, older_than: timedelta | None, cls: type[T]) -> Iterator[T]: ...
    @overload
    def all(self, task_list: str, older_than: timedelta | None = None, *, cls: type[T]) -> Iterator[T]: ...
    def all(self, task_list: str, older_than: timedelta | None = None, cls: type[Task] = Task) -> Iterator[Task]:
        """The list's tasks, lazily and in id order; with `cls`, only those of that class.

        May be read while others save and complete: a task that is there throughout is never left out. A record that
        cannot be read is an `UnreadableTask`; with a subclass as `cls` those of its type are logged and left out.

        Args:
            task_list: the list.
            older_than: only tasks saved at least so long ago.
            cls: a task class.
        """
        check_task_list(task_list)
        return self._iterate(task_list, self._saved_before(older_than), cls)

    def complete(self, task: Task) -> None:
        """Remove the version of the task that this object has; one saved anew since stays. May be repeated.

        A task that never saw the store removes what is stored under its key.
        """
        if hooks.active:
            hooks.call("before_complete", task)
        key = self._key(task)
        if key is not None:
            self._backend.delete((key,))
        if hooks.active:
            hooks.call("after_complete", task)

    def complete_all(self, tasks: Iterable[Task], *, progress: Progress | None = None) -> int:
        """Complete every task of an iterable, in batches of a bounded size; returns how many.

        `progress` is called after each batch with the number of tasks completed so far.
        On a failure the error's ``.batch`` (and its note) says how many were completed and which were not.
        """
        return in_batches(tasks, "completed", self._key, self._complete_batch, progress)

    def claim(
        self,
        task_list: str,
        *,
        lease: timedelta = DEFAULT_LEASE,
        limit: int = 100,
        older_than: timedelta | None = None,
    ) -> list[Task]:
        """Claim up to `limit` tasks of the list that are due and that nobody holds; nobody else gets them while the lease goes on.

        Each has its ``delivery.claim_token`` and ``delivery.claimed_until``. Go on with `start`, then `complete` or `fail`; or give
        ``task.as_hash()`` to `perform`, which does all of that. A worker that dies needs no clean-up: when the lease ends, somebody
        else may claim its tasks. One on which work had begun has then failed an attempt (``last_error``: ``WorkerLost``).

        Not given: what cannot be read here (it is released at no cost where its type or version is unknown here; garbled
        data costs an attempt, and is dead after ten), and tasks whose attempts are used up, which are moved to the dead letters.

        The list is gone round: each call goes on where the last one of this store ended, and begins anew at its end.

        Args:
            task_list: the list.
            lease: for how long, unless `heartbeat` renews it.
            limit: at least 1.
            older_than: only tasks saved at least so long ago.

        Raises `InvalidTask` for a lease or limit that is none, before anything is written; `ConfigurationError` where the
        backend has no claims.
        """
        check_task_list(task_list)
        if type(limit) is not int or limit < 1:
            raise InvalidTask("limit must be an int from 1 on")
        return self._claiming.claim(task_list, lease_us(lease), limit, self._saved_before(older_than))

    def start(self, task: Task) -> None:
        """Write down that work on a claimed task begins, and renew its lease: from here on a lease that runs out costs an attempt.

        Raises `ClaimLost` where somebody else has it; `InvalidTask` for a task that this object has not claimed.
        """
        if not self._claiming.start(task):
            raise lost(task)

    def heartbeat(self, task: Task) -> None:
        """Renew the lease of a claimed task, for as long as it was claimed for. See `start` for what is raised."""
        self._claiming.heartbeat(task)

    def release(self, task: Task, after: timedelta | None = None) -> None:
        """Give a claimed task back, at the cost of no attempt: due at once, or `after` that time. See `start` for what is raised."""
        if after is not None:
            not_negative(after, "after")
        self._claiming.release(task, after)

    def fail(self, task: Task, error: BaseException | str) -> None:
        """Write down that an attempt failed; a claim is given back. Due again by the class's ``backoff``, dead at its ``max_attempts``.

        `error` is kept as text, see `Delivery`. With a claim it is a report of that claim's holder: where somebody else claimed the task
        since, it raises `ClaimLost`. Without one it is compare-and-set on the version that this object has, and counts also while
        somebody else holds the task, who keeps it; but the attempt that is the last one makes the task dead, and that claim lost.
        Raises `ClaimLost`, too, where the task was completed, saved anew or is dead, and changes nothing then;
        `InvalidTask` for a task that was never saved.
        """
        if not isinstance(task, Task):
            raise InvalidTask(f"only tasks can fail, not {type(task).__name__}")
        if not isinstance(error, BaseException | str):
            raise InvalidTask(f"error must be an exception or a str, not {type(error).__name__}")
        if task._saved_at is None:
            raise InvalidTask(f"{task!r} was never saved, so there is nothing to write down")
        self._claiming.fail(task, error)

    def dead(
        self,
        task_list: str,
        *,
        type: str | builtins.type[Task] | None = None,
        error: str | None = None,
        older_than: timedelta | None = None,
    ) -> Iterator[Task]:
        """The list's dead letters, lazily, as `all` gives tasks. `find`, `all` and `count` do not see them.

        Args:
            task_list: the list.
            type: only tasks of this class or type tag, of any version.
            error: only those whose ``delivery.last_error`` holds this text.
            older_than: only those that died at least so long ago.

        Raises `ConfigurationError` where the backend has no claims.
        """
        check_task_list(task_list)
        tags = _tags_of(type)
        if error is not None and not isinstance(error, str):
            raise InvalidTask("error must be a str")

        def is_meant(record: TaskRecord) -> bool:
            of_type = tags is None or record.type.partition("@")[0] in tags
            return of_type and (error is None or error in (record.last_error or ""))

        return self._dead_letters.dead(task_list, is_meant, self._saved_before(older_than))

    def revive(self, tasks: Iterable[Task]) -> int:
        """Save dead letters anew, with no attempts, and remove them from the dead letters; returns how many.

        A crash in between leaves a task in both places, and the next call tidies up. What is given counts, so take the letters from `dead`
        just before: one that somebody discarded since is saved anew all the same. One whose id was saved anew since it died is
        left where it is, and not counted; so is one whose record is damaged, which is logged. Raises `InvalidTask` for a task that did
        not come from `dead`.
        """
        return self._dead_letters.revive(tasks, self.save_all, self._mark_saved)

    def discard(self, tasks: Iterable[Task]) -> int:
        """Remove dead letters for good; returns how many, those included that somebody removed since they were read.

        Raises `InvalidTask` for a task that did not come from `dead`.
        """
        return self._dead_letters.discard(tasks)

    def count(self, task_list: str) -> int:
        """How many tasks the list has, unreadable ones included."""
        check_task_list(task_list)
        return self._backend.count(task_list)

    def task_lists(self) -> Iterator[str]:
        """The names of the lists that have tasks."""
        return self._backend.task_lists()

    def setup(self, *, dry_run: bool = False) -> list[str]:
        """Create or migrate the schema; may be repeated. Returns the statements, only those with `dry_run`."""
        return self._backend.setup(dry_run=dry_run)

    def close(self) -> None:
        """Give back connections. May be repeated; a later use opens anew."""
        self._backend.close()

    def _save_batch(self, batch: list[Task], records: list[TaskRecord]) -> None:
        self._mark_batch(batch, self._backend.store(records))

    def _mark_batch(self, batch: list[Task], versions: Sequence[int]) -> None:
        for task, version in zip(batch, versions, strict=True):
            self._mark_saved(task, version)
        if hooks.active:
            for task in batch:
                hooks.call("after_save", task)

    def _complete_batch(self, batch: list[Task], keys: list[TaskKey | None]) -> None:
        if hooks.active:
            for task in batch:
                hooks.call("before_complete", task)
        self._backend.delete([key for key in keys if key is not None])
        if hooks.active:
            for task in batch:
                hooks.call("after_complete", task)

    def _record(self, task: Task) -> TaskRecord:
        if not isinstance(task, Task):
            raise InvalidTask(f"only tasks can be saved, not {type(task).__name__}")
        if hooks.active:
            hooks.call("before_save", task)
        record = task._record_to_save()
        if record.saved_at is not None and record.saved_at > self._clock() + IMPLAUSIBLE_US:
            record = attrs.evolve(record, saved_at=None)
        if len(record.data) > self._max_data_bytes:
            raise InvalidTask(
                f"the data of {task!r} is {len(record.data):,} bytes long; {self._backend.capabilities.name} takes "
                f"at most {self._max_data_bytes:,}: store the bulk elsewhere and keep its name here"
            )
        return record

    def _mark_saved(self, task: Task, version: int) -> None:
        state = task.__dict__  # not by attribute: that would run the fields' own __setattr__
        if "_saved_at" in state:
            for name in _OF_A_VERSION:
                state.pop(name, None)
        state["_saved_at"] = version
        state["_store"] = self

    def _key(self, task: Task) -> TaskKey | None:
        if not isinstance(task, Task):
            raise InvalidTask(f"only tasks can be completed, not {type(task).__name__}")
        version = task._saved_at
        if version is not None and version > self._clock() + FUTURE_US:
            stored = self._backend.find(task.task_list, task.id)
            if stored is None or stored.saved_at != version:
                return None
        return TaskKey(task.task_list, task.id, version)

    def _iterate(self, task_list: str, saved_before: int | None, cls: type[Task]) -> Iterator[Task]:
        read = codec.task_of
        everything = cls is Task
        for record in self._backend.all(task_list, saved_before=saved_before):
            try:
                task = read(record, self)
            except (InvalidTask, UnknownTaskType) as reason:
                task = self._unreadable(record, reason)
            if everything or isinstance(task, cls):
                yield task
            elif isinstance(task, UnreadableTask) and _is_of(record, cls):
                log.error("left out of all(%r): %r: %s", task_list, task, task.reason)

    def _task(self, record: TaskRecord) -> Task:
        try:
            return cast(Task, codec.task_of(record, self))
        except (InvalidTask, UnknownTaskType) as reason:
            return self._unreadable(record, reason)

    def _unreadable(self, record: TaskRecord, reason: InvalidTask | UnknownTaskType) -> UnreadableTask:
        task = unreadable(record, reason)
        task.__dict__["_store"] = self
        return task

    def _saved_before(self, older_than: object) -> int | None:
        if older_than is None:
            return None
        return max(0, self._clock() - to_microseconds(not_negative(older_than, "older_than")))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def __repr__(self) -> str:
        capabilities = self._backend.capabilities
        return f"<TaskStore {capabilities.url or capabilities.name}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return reopen, self.address()

    def address(self) -> tuple[str, bool]:
        """What `reopen` needs in another process: the URL without its password, and whether it had one.

        Raises `ConfigurationError` for a store that is private to this process.
        """
        url = self._backend.capabilities.url
        if url is None:
            raise ConfigurationError(
                f"the {self._backend.capabilities.name} store is private to this process: "
                "tasks for another process need a store with a URL that both can open, such as sqlite:///tasks.db"
            )
        return url, self._had_password


def save_claimed(store: TaskStore, tasks: Iterable[Task], lease: int, progress: Progress) -> list[Task]:
    """As `TaskStore.save_all`, and claim each as it is saved, for `lease` microseconds. Those that nobody else was quicker to claim."""
    ours: list[Task] = []

    def save(batch: list[Task], records: list[TaskRecord]) -> None:
        versions, claims = store._claiming.backend.store_claimed(records, lease=lease)
        store._mark_batch(batch, versions)
        for task, claim in zip(batch, claims, strict=True):
            set_claim(task, claim)
            if claim is not None:
                ours.append(task)

    in_batches(tasks, "saved", store._record, save, progress)
    return ours


def key_to_complete(store: TaskStore, task: Task) -> TaskKey | None:
    """What completing the task removes, for who completes it in one step with something else; None: nothing."""
    return store._key(task)


def saved_before_of(store: TaskStore, older_than: timedelta | None) -> int | None:
    """The version below which tasks are old enough; None: all are. Raises `InvalidTask`."""
    return store._saved_before(older_than)


_reopened: dict[str, TaskStore] = {}


def reopen(url: str, had_password: bool, /) -> TaskStore:  # noqa: FBT001 - called by pickle
    """What a pickled store becomes: one store per URL and process, its password from the configuration here.

    Raises `ConfigurationError` where that has none for this URL.
    """
    store = _reopened.get(url)
    if store is None:
        if had_password:
            configured = explicit_url()
            if configured is None or configured.password is None or str(configured) != url:
                raise ConfigurationError(
                    f"the store {url} needs its password, which is never sent along: "
                    "configure the same URL, password included, in the worker (ATLEASTONCE_URL)"
                )
            store = TaskStore()
        else:
            store = TaskStore(url)
        store = _reopened.setdefault(url, store)
    return store


def _tags_of(which: object) -> tuple[str, ...] | None:
    """The tags of a class, or that one tag; None for None."""
    if which is None:
        return None
    if isinstance(which, type) and issubclass(which, Task) and which._tags:
        return which._tags
    if isinstance(which, str) and which:
        return (which.partition("@")[0],)
    raise InvalidTask("type must be a task class or a type tag")


def _is_of(record: TaskRecord, cls: type[Task]) -> bool:
    """Whether a record that cannot be read is of the class's own type, of any version."""
    return cls is not Task and record.type.partition("@")[0] in cls._tags
