"""Any number of tasks, in batches of a bounded size; and what a failure in the middle leaves behind."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import attrs

from .exceptions import AtLeastOnceError, InvalidTask
from .record import TaskKey, TaskRecord
from .task import Task

Progress = Callable[[int], object]
"""Called with the number of tasks done so far."""

BATCH_RECORDS = 10_000
BATCH_BYTES = 8 * 1024 * 1024
"""No more than these are held at once; one write transaction of SQLite each."""

_SHOWN = 5


@attrs.frozen
class BatchFailure:
    """Where `save_all` or `complete_all` stopped; on the error as ``.batch``.

    Attributes:
        done: how many tasks were saved or completed for certain, in the order given.
        not_done: keys of the tasks after them that had been taken from the iterable. Where the error's ``outcome`` is
            ``"unknown"`` some of these may be done; else none is. What follows was never taken.
    """

    done: int
    not_done: tuple[TaskKey, ...] = attrs.field(repr=lambda keys: f"<{len(keys)} keys>")


def in_batches(
    tasks: Iterable[Task],
    verb: str,
    convert: Callable[[Task], Any],
    write: Callable[[list[Task], list[Any]], None],
    progress: Progress | None,
) -> int:
    """Convert the tasks, and write them with what they became, a batch at a time; how many.

    On a failure the error says how far that came, see `BatchFailure`; `verb` is what was done to those that are done.
    """
    done, size, writing = 0, 0, False
    batch: list[Task] = []
    converted: list[Any] = []

    def flush() -> None:
        nonlocal done, size, writing
        writing = True
        write(batch, converted)
        writing = False
        done += len(batch)
        size = 0
        batch.clear()
        converted.clear()
        if progress is not None:
            progress(done)

    try:
        for task in tasks:
            batch.append(task)
            item = convert(task)
            converted.append(item)
            if isinstance(item, TaskRecord):
                size += len(item.data)
            if len(batch) >= BATCH_RECORDS or size >= BATCH_BYTES:
                flush()
        if batch:
            flush()
    except BaseException as error:
        _note_failure(error, verb, done, _keys(batch), during_write=writing)
        raise
    return done


def _note_failure(
    error: BaseException, verb: str, done: int, not_done: Sequence[TaskKey], *, during_write: bool
) -> None:
    """Say on the error how far the batch came: as text for people, as ``.batch`` for programs.

    An error during the write (an interrupt, say) leaves it in doubt, unless it says that nothing was written.
    """
    nothing_written = isinstance(error, InvalidTask) or getattr(error, "outcome", None) == "not_applied"
    unknown = during_write and not nothing_written
    ids = ", ".join(repr(key.id) for key in not_done[:_SHOWN])
    more = f" and {len(not_done) - _SHOWN:,} more" if len(not_done) > _SHOWN else ""
    error.add_note(
        f"{done:,} tasks were {verb} before this; {'perhaps' if unknown else 'certainly'} not {verb}: "
        f"{len(not_done):,} ({ids}{more})"
    )
    if isinstance(error, AtLeastOnceError):
        error.batch = BatchFailure(done, tuple(not_done))


def _keys(batch: Sequence[object]) -> list[TaskKey]:
    """Of those that are tasks: what is none is why there is a failure."""
    return [TaskKey(item.task_list, item.id) for item in batch if isinstance(item, Task)]
