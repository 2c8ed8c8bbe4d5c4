"""`ClaimsInterface`: what a backend implements beside `DataInterface`, for many workers to share a list. The docstrings are the contract.

A **claim** gives one task to one worker until its **lease** ends. A task is *due* when its ``run_at`` and its ``due_at`` have
passed; a failed task has a ``due_at``. A task that failed too often is *dead*: it is moved to its list's dead letters.

Claims, attempts and ``due_at`` belong to one version of a task. An explicit save starts the next one, without any of them.

A lease must not end early or late because somebody set the wall clock: judge it by a clock that nobody sets (the machine's
boot-time clock, the servers' time), unless the backend was given a clock of its own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol, runtime_checkable

import attrs

from .interface import DataInterface
from .record import Claim, TaskKey, TaskRecord

WORKER_LOST = "WorkerLost: its worker began it and did not end it before the lease ran out"
"""The `TaskRecord.last_error` of an attempt that ended so."""


@attrs.frozen
class Held:
    """Names one version of a task, and the claim by which it is held.

    Attributes:
        task_list: the list.
        id: the id within the list.
        saved_at: the version, microseconds; None where what is stored shows none (a damaged row): the token alone decides.
        token: of the claim; None: no claim is meant, and the version alone decides.
    """

    task_list: str
    id: str
    saved_at: int | None
    token: str | None = None


@attrs.frozen(kw_only=True)
class Failure:
    """One failed attempt, to be written down.

    Attributes:
        held: which task; without a token the claim that somebody may have stays as it is.
        attempts: how many there are now, this one included.
        last_error: text of this one.
        due_at: when it may be tried again, microseconds since 1970; None: at once.
        dead: that was the last: the task goes to the dead letters.
    """

    held: Held
    attempts: int
    last_error: str
    due_at: int | None = None
    dead: bool = False


@attrs.frozen
class ClaimPage:
    """What one `claim` gave.

    Attributes:
        records: claimed, each with its `TaskRecord.claim`; there may be none although the pass goes on.
        cursor: where the next `claim` of this pass goes on; None: the pass has seen the whole list.
    """

    records: Sequence[TaskRecord]
    cursor: Any = None


@runtime_checkable
class ClaimsInterface(DataInterface, Protocol):
    """Claims, failed attempts and dead letters. Announced by ``capabilities.claims``.

    Threads, forks and failures as in `DataInterface`. Every change is a compare-and-set: on the version, and on the token where
    there is one. What does not match (saved anew, completed, claimed by another since) changes nothing, and says so.
    """

    def claim(
        self,
        task_list: str,
        *,
        lease: int,
        limit: int,
        due_by: int | None = None,
        saved_before: int | None = None,
        cursor: Any = None,
    ) -> ClaimPage:
        """Claim up to `limit` tasks of the list that are due and that nobody holds, in the order of `all`.

        A claim whose lease has ended holds nothing. If the task was started under it, that costs one attempt: ``attempts`` grows by one,
        ``last_error`` is `WORKER_LOST`, and ``claim.worker_lost`` is set. Each claim has a token of its own, which nobody can
        guess. Rows that cannot be read are given too (see `TaskRecord.problem`).

        Args:
            task_list: the list.
            lease: for how long, microseconds.
            limit: at least 1.
            due_by: the moment by which a task must have been due, microseconds since 1970; None: now.
            saved_before: only tasks with ``saved_at < saved_before``.
            cursor: of the page before, to go on behind it; None: from the list's beginning.
        """
        ...

    def claim_saved(self, keys: Sequence[TaskKey], *, lease: int) -> Sequence[Claim | None]:
        """Claim these very versions, due or not; None for each that somebody else holds, or that is there no more."""
        ...

    def store_claimed(
        self, records: Sequence[TaskRecord], *, lease: int
    ) -> tuple[Sequence[int], Sequence[Claim | None]]:
        """`store`, and `claim_saved` of what it stored: in one step where the backend can, so that nobody comes in between.

        Returns the versions and the claims, in order; None for each that somebody else was quick enough to claim.
        """
        ...

    def start(self, held: Held, *, done: TaskKey | None = None) -> Claim | None:
        """Write down that work on a claimed task begins, and renew its lease; None where the claim is lost.

        `done` is a task that is completed, deleted as by `delete` in the same step, whether the claim is lost or not. A crash of the
        process undoes neither; one of the machine may, until `flush` or another change by this object returns.
        """
        ...

    def heartbeat(self, held: Sequence[Held]) -> Sequence[Claim | None]:
        """Renew leases: each ends as long after now as it was claimed for. None for each claim that is lost.

        A lease that has ended is renewed all the same, as long as nobody else has claimed the task.
        """
        ...

    def release(self, held: Sequence[Held], *, due_at: int | None = None, unstarted: bool = False) -> Sequence[bool]:
        """Give claims back, at the cost of no attempt; whether each was still held.

        Args:
            held: which; without a token only the ``due_at`` of that version is set, whoever holds it.
            due_at: when the task is due again, microseconds since 1970; None: as before.
            unstarted: only those that were not started.
        """
        ...

    def fail(self, failure: Failure) -> bool:
        """Write down a failed attempt and give the claim back; False where nothing was changed.

        The stored attempts never become fewer: with a token too, where others reported meanwhile. Without a token, only where fewer attempts than ``failure.attempts`` are stored. A dead task is moved in one step, or in an
        order in which a crash leaves it in both places and never in neither; `all`, `find` and `count` see it no more.
        Of a version that died before, the dead letter is replaced.
        """
        ...

    def flush(self) -> None:
        """Make what `start` wrote as durable as everything else."""
        ...

    def dead(self, task_list: str) -> Iterator[TaskRecord]:
        """The list's dead letters, as `all` gives tasks, with ``died_at`` set."""
        ...

    def discard(self, keys: Sequence[TaskKey]) -> None:
        """Remove dead letters, as `delete` removes tasks."""
        ...
