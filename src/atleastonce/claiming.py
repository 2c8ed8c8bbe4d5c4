"""`Claiming`: what a `TaskStore` does with claims and attempts, above a backend that has them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Container, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, cast

import attrs

from . import hooks
from .claims import ClaimPage, ClaimsInterface, Failure, Held
from .clock import Clock
from .delivery import to_microseconds
from .exceptions import ClaimLost, ConfigurationError, InvalidTask, StoreError, UnknownTaskType
from .failing import GARBLED_MAX_ATTEMPTS, due_again, failure, is_dead, later
from .interface import DataInterface
from .last_error import MAX_CHARS, error_text
from .record import Claim, TaskKey, TaskRecord
from .registry import registry
from .task import Task
from .unreadable import UnreadableTask

if TYPE_CHECKING:
    from .store import TaskStore

DEFAULT_LEASE = timedelta(minutes=5)
"""Renewed by whoever still works on the task, so it only says how long a dead worker's tasks are held up."""

MAX_CURSORS = 1_000
"""Lists of which a store remembers how far its last claim came."""

CAS_TRIES = 5
"""A failure report without a claim competes with those of others: each try has seen one more of them."""

log: logging.Logger = logging.getLogger("atleastonce")


@attrs.frozen
class Page:
    """What one page of claims is worth.

    Attributes:
        tasks: claimed, and to be executed.
        refused: cannot be read here; they were given back.
        dead: those of the refused, and others, that were moved to the dead letters.
        cursor: where the next page goes on; None: there is none.
    """

    tasks: list[Task]
    refused: list[UnreadableTask]
    dead: list[Task]
    cursor: Any


class Claiming:
    """The claims of one store.

    Args:
        backend: the storage.
        read: makes the task of a record.
        clock: gives microseconds since 1970.
    """

    def __init__(self, backend: DataInterface, read: Callable[[TaskRecord], Task], clock: Clock) -> None:
        self._backend = backend
        self._claims = cast(ClaimsInterface, backend) if backend.capabilities.claims else None
        self._read = read
        self.clock = clock
        # A cursor that is lost or old costs a longer look, no more; so no lock, which a fork could leave held.
        self._cursors: dict[str, Any] = {}

    @property
    def backend(self) -> ClaimsInterface:
        """The backend, which has claims. Raises `ConfigurationError` where it hasn't."""
        if self._claims is None:
            raise ConfigurationError(
                f"the {self._backend.capabilities.name} store has no claims: several workers can share a list, and attempts and dead letters "
                "are kept, only on a backend with `capabilities.claims`"
            )
        return self._claims

    def claim(self, task_list: str, lease: int, limit: int, saved_before: int | None) -> list[Task]:
        """Up to `limit` tasks, from where the last call came to, round the list once."""
        cursor = self._cursors.get(task_list)
        from_beginning = cursor is None
        tasks: list[Task] = []
        refused: set[str] = set()  # the round ends where it began or a page later, so it may come to some of them again
        while len(tasks) < limit:
            try:
                page = self.page(
                    task_list,
                    lease,
                    limit - len(tasks),
                    saved_before=saved_before,
                    cursor=cursor,
                    refused_before=refused,
                )
            except StoreError as error:
                if not tasks:
                    raise
                log.warning("no more tasks of %r could be claimed: %s", task_list, type(error).__name__)
                break
            tasks += page.tasks
            refused.update(task.id for task in page.refused)
            cursor = page.cursor
            if cursor is None:
                if from_beginning:
                    break
                from_beginning = True
        if cursor is None:
            self._cursors.pop(task_list, None)
        else:
            if len(self._cursors) >= MAX_CURSORS:
                self._cursors.clear()
            self._cursors[task_list] = cursor
        return tasks

    def page(
        self,
        task_list: str,
        lease: int,
        limit: int,
        *,
        due_by: int | None = None,
        saved_before: int | None = None,
        cursor: Any = None,
        refused_before: Container[str] = (),
    ) -> Page:
        """One page of claims, without those that are not to be executed now: these are given back, or buried.

        Those of `refused_before`, ids, that still cannot be read are given back at no cost: they had their attempt.
        """
        found: ClaimPage = self.backend.claim(
            task_list, lease=lease, limit=limit, due_by=due_by, saved_before=saved_before, cursor=cursor
        )
        page = Page([], [], [], found.cursor)
        free: list[Held] = []
        for record in found.records:
            task = self._read(record)
            if isinstance(task, UnreadableTask):
                page.refused.append(task)
                if task.id in refused_before or isinstance(task.reason, UnknownTaskType):
                    free.append(held(task))  # a newer process will know the type: it costs nothing
                elif self._fail_garbled(task, record):
                    page.dead.append(task)
            elif record.attempts and is_dead(type(task), record.attempts):
                if self._bury(task, record):
                    page.dead.append(task)
            elif record.claim is not None and record.claim.worker_lost and type(task)._backoff is not None:
                self._release_quietly([held(task)], due_at=due_again(type(task), record.attempts, self.clock()))
            else:
                page.tasks.append(task)
        self._release_quietly(free)
        return page

    def _release_quietly(self, holders: Sequence[Held], *, due_at: int | None = None, unstarted: bool = False) -> None:
        """Give claims back. A failure is logged only: leases end by themselves, and what else was claimed is worth more."""
        if holders:
            try:
                self.backend.release(holders, due_at=due_at, unstarted=unstarted)
            except StoreError as error:
                log.warning("%d claims could not be given back: %s", len(holders), type(error).__name__)

    def start(self, task: Task, done: TaskKey | None = None) -> bool:
        """Write down that work on it begins; `done` is completed in the same step. Whether the claim is still there."""
        claim = self.backend.start(held(task), done=done)
        if claim is None:
            return False
        task.__dict__["_claim"] = claim
        return True

    def begin(self, task: Task) -> int | None:
        """`start`, where the task object has a claim; the lease that it has to be renewed within, microseconds. Raises `ClaimLost`."""
        if task._claim is None:
            return None
        if not self.start(task):
            raise lost(task)
        return task._claim.lease

    def let_go(self, task: Task) -> None:
        """Give back the claim that a task object may have, at no cost. A failure is logged only: the lease ends by itself."""
        if task._claim is not None:
            try:
                self.release(task, None)
            except ClaimLost:
                set_claim(task, None)
            except StoreError as error:
                log.warning("the claim on %r could not be given back: %s", task, type(error).__name__)

    def let_go_all(self, tasks: Sequence[Task]) -> None:
        """As `let_go`, for many claimed tasks in one step."""
        self._release_quietly([held(task) for task in tasks])
        for task in tasks:
            set_claim(task, None)

    def heartbeat(self, task: Task) -> None:
        """Renew the lease. Raises `ClaimLost`."""
        (claim,) = self.backend.heartbeat([held(task)])
        if claim is None:
            raise lost(task)
        task.__dict__["_claim"] = claim

    def release(self, task: Task, after: timedelta | None) -> None:
        """Give the claim back. Raises `ClaimLost`."""
        due_at = None if after is None else later(self.clock(), after)
        (was_held,) = self.backend.release([held(task)], due_at=due_at)
        if not was_held:
            raise lost(task)
        set_claim(task, None)
        if due_at is not None:
            task.__dict__["_due_at"] = due_at

    def snooze(self, task: Task, after: timedelta) -> None:
        """Have the task due again after a time: with a claim that is given back, without one as it is. Raises `ClaimLost`."""
        if task._claim is not None:
            self.release(task, after)
        elif task._saved_at is not None:
            due_at = later(self.clock(), after)
            self.backend.release([Held(task.task_list, task.id, task._saved_at)], due_at=due_at)
            task.__dict__["_due_at"] = due_at

    def fail(self, task: Task, error: BaseException | str) -> bool:
        """Write down a failed attempt; whether the task is dead now. Raises `ClaimLost` where it is not ours to say so."""
        if hooks.active:
            hooks.call("before_fail", task, error)
        written = self._fail(task, error)
        if written is None:
            raise lost(task)
        self._told(task, written, error)
        return written.dead

    def _fail(self, task: Task, error: BaseException | str) -> Failure | None:
        backend = self.backend
        holder = Held(task.task_list, task.id, task._saved_at, None if task._claim is None else task._claim.token)
        for _ in range(CAS_TRIES):
            stored = backend.find(task.task_list, task.id)
            if stored is None or stored.saved_at != task._saved_at:
                return None
            attempts = stored.attempts
            if (
                holder.token is not None
            ):  # what was claimed shows each attempt; to a reader the last may not be visible yet
                attempts = max(attempts, task._attempts)
            told = failure(holder, type(task), attempts + 1, error, self.clock())
            if backend.fail(told):
                return told
            if holder.token is not None:
                return None
        return None

    def _fail_garbled(self, task: UnreadableTask, record: TaskRecord) -> bool:
        attempts = record.attempts + 1
        error = error_text(task.reason, MAX_CHARS)
        told = failure(held(task), _class_of(record), attempts, error, self.clock())
        dead = attempts >= GARBLED_MAX_ATTEMPTS
        return self._tell(task, attrs.evolve(told, dead=dead, due_at=None if dead else told.due_at), error)

    def _bury(self, task: Task, record: TaskRecord) -> bool:
        error = record.last_error or ""
        return self._tell(task, Failure(held=held(task), attempts=record.attempts, last_error=error, dead=True), error)

    def _tell(self, task: Task, told: Failure, error: BaseException | str) -> bool:
        """Write down a failure that `claim` found; whether the task is dead by it."""
        if hooks.active:
            hooks.call("before_fail", task, error)
        try:
            if not self.backend.fail(told):
                return False
        except (StoreError, InvalidTask) as trouble:  # its lease ends by itself, and somebody finds it again
            log.warning("the failure of %r could not be written down: %s", task, type(trouble).__name__)
            return False
        self._told(task, told, error)
        return told.dead

    def _told(self, task: Task, told: Failure, error: BaseException | str) -> None:
        set_claim(task, None)
        state = task.__dict__
        state["_attempts"], state["_last_error"], state["_due_at"] = told.attempts, told.last_error, told.due_at
        log.log(
            logging.WARNING if told.dead else logging.INFO,
            "%r failed, attempt %d%s",
            task,
            told.attempts,
            ": it is dead" if told.dead else "",
        )
        if hooks.active:
            hooks.call("after_fail", task, error, told.dead)

    def give_back(self, tasks: Sequence[Task], error: str) -> list[tuple[Task, bool]]:
        """Of tasks whose worker is gone, release those that were not begun, and fail the others.

        Returns those that failed, and whether they are dead.
        """
        released = self.backend.release([held(task) for task in tasks], unstarted=True)
        failed: list[tuple[Task, bool]] = []
        for task, was_unstarted in zip(tasks, released, strict=True):
            if not was_unstarted:
                try:
                    failed.append((task, self.fail(task, error)))
                except ClaimLost:  # completed, or failed by the worker itself, which could not say so any more
                    continue
        return failed

    def release_unstarted(self, holders: Sequence[Held]) -> None:
        """Give back those claims under which no work began."""
        self._release_quietly(holders, unstarted=True)


def claiming_of(store: TaskStore) -> Claiming:
    """The claims of a store, for the verbs beside it."""
    return store._claiming


def saved_at(task: Task) -> int:
    """The version that the task object has; 0 where it has none."""
    return task._saved_at or 0


def error_line(task: Task) -> str:
    """The first line of its last error."""
    return (task._last_error or "").partition("\n")[0]


def is_due(task: Task, now: int) -> bool:
    """Whether the task may be executed, as far as its times say."""
    return (task._run_at is None or task._run_at <= now) and (task._due_at is None or task._due_at <= now)


def held(task: Task) -> Held:
    """Names the claim that a task object has. Raises `InvalidTask` where it has none."""
    if not isinstance(task, Task):
        raise InvalidTask(f"only tasks can be claimed, not {type(task).__name__}")
    if task._claim is None:
        raise InvalidTask(
            f"{task!r} is not claimed by this object: take it from store.claim, or from a hash with a claim_token"
        )
    return Held(task.task_list, task.id, task._saved_at, task._claim.token)


def set_claim(task: Task, claim: Claim | None) -> None:
    """Give a task object its claim, or take it."""
    if claim is None:
        task.__dict__.pop("_claim", None)
    else:
        task.__dict__["_claim"] = claim


def lease_us(lease: object) -> int:
    """A lease in microseconds. Raises `InvalidTask` unless it is a timedelta above zero, and no longer than a version can say."""
    if not isinstance(lease, timedelta) or not timedelta(0) < lease <= MAX_LEASE:
        raise InvalidTask(f"lease must be a timedelta above zero, and at most {MAX_LEASE.days} days")
    return to_microseconds(lease)


MAX_LEASE = timedelta(days=366)
"""A year is more than anybody means; it keeps all sums of leases and times within a version's range."""


def lost(task: Task) -> ClaimLost:
    """What to raise where a claim is not there any more."""
    return ClaimLost(
        f"{task!r} is not this object's any more: its lease ran out and somebody else claimed it, or it was completed or saved anew, or it is dead; "
        "nothing was changed",
        outcome="not_applied",
    )


def _class_of(record: TaskRecord) -> Any:
    """The class of a record that cannot be read, None where there is none here."""
    try:
        return registry.find(record.type)[0]
    except (InvalidTask, UnknownTaskType):
        return None
