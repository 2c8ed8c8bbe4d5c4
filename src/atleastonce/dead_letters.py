"""`DeadLetters`: what a `TaskStore` does with the tasks that failed too often, above a backend that keeps them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from itertools import islice

from .claiming import Claiming
from .exceptions import InvalidTask, UnknownTaskType
from .record import TaskKey, TaskRecord
from .task import Task
from .unreadable import UnreadableTask

BATCH_TASKS = 1_000
"""Dead letters that are revived or discarded at once."""

log: logging.Logger = logging.getLogger("atleastonce")


class DeadLetters:
    """The dead letters of one store.

    Args:
        claiming: knows whether the backend has any.
        read: makes the task of a record.
    """

    def __init__(self, claiming: Claiming, read: Callable[[TaskRecord], Task]) -> None:
        self._claiming = claiming
        self._read = read

    def dead(self, task_list: str, is_meant: Callable[[TaskRecord], bool], died_before: int | None) -> Iterator[Task]:
        """The list's dead letters."""
        return (
            self._read(record)
            for record in self._claiming.backend.dead(task_list)
            if (died_before is None or (record.died_at or 0) < died_before) and is_meant(record)
        )

    def revive(
        self, tasks: Iterable[Task], save: Callable[[list[Task]], object], mark: Callable[[Task, int], object]
    ) -> int:
        """Save dead letters anew, then remove them; how many. `mark` tells a task the version that it is pending as."""
        backend, number = self._claiming.backend, 0
        for batch in _batches(tasks):
            keys = [dead_key(task) for task in batch]  # of all of them, before anything is written
            anew: list[Task] = []
            pending_already: list[tuple[Task, int]] = []
            gone: list[TaskKey] = []
            for task, key in zip(batch, keys, strict=True):
                if not _can_be_saved(task):
                    continue
                pending = backend.find(task.task_list, task.id)
                if pending is None:
                    anew.append(task)
                elif _is_same(pending, task):  # an earlier call died before it removed the dead letter
                    pending_already.append((task, pending.saved_at or 0))
                else:
                    continue  # the id was saved anew since: what was saved later wins
                gone.append(key)
            died = [task._died_at for task in anew]
            try:
                save(anew)
                backend.discard(gone)
            except BaseException:
                # They are dead letters still: the call may be repeated.
                for task, died_at in zip(anew, died, strict=True):
                    task.__dict__["_died_at"] = died_at
                raise
            for task, version in pending_already:
                mark(task, version)
            number += len(gone)
        return number

    def discard(self, tasks: Iterable[Task]) -> int:
        """Remove dead letters; how many."""
        backend, number = self._claiming.backend, 0
        for batch in _batches(tasks):
            backend.discard([dead_key(task) for task in batch])
            number += len(batch)
        return number


def dead_key(task: Task) -> TaskKey:
    """Names a dead letter. Raises `InvalidTask` for a task that is none."""
    if not isinstance(task, Task):
        raise InvalidTask(f"only tasks can be revived or discarded, not {type(task).__name__}")
    if task._died_at is None:
        raise InvalidTask(f"{task!r} is no dead letter: take it from store.dead")
    return TaskKey(task.task_list, task.id, task._saved_at)


def _is_same(pending: TaskRecord, task: Task) -> bool:
    record = task._record_to_save()
    return (pending.type, pending.data) == (record.type, record.data)


def _can_be_saved(task: Task) -> bool:
    """Whether a dead letter is all there. One that is not must not keep the others from being revived."""
    if isinstance(task, UnreadableTask):
        try:
            task._record_to_save()
        except (InvalidTask, UnknownTaskType) as reason:
            log.error("%r cannot be revived and stays a dead letter: %s", task, reason)  # noqa: TRY400 - ids only
            return False
    return True


def _batches(tasks: Iterable[Task]) -> Iterator[list[Task]]:
    rest = iter(tasks)
    while batch := list(islice(rest, BATCH_TASKS)):
        yield batch
