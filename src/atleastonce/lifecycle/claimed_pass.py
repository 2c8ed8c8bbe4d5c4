"""One pass over a list by pages of claims, so that several redrives at once share it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..claiming import error_line, saved_at
from ..task import Task
from ..unreadable import UnreadableTask
from .report import error_text
from .run import Run

PAGE_TASKS = 100
"""What a redriver that crashes holds up for a lease; and five times as fast as single claims."""

AHEAD_US = 1_000_000
"""Versions may run so far ahead of the clock (Cassandra's by 65 ms), so a task may have been saved a little before its version says."""


def claimed_pass(run: Run, task_list: str, lease: int, saved_before: int | None) -> Iterator[Task]:
    """Claim what was due and saved when the pass began; each task once, in the order of `TaskStore.all`.

    What cannot be executed is counted here, and not given.
    """
    claiming, tally = run.claiming, run.tally
    began = claiming.clock()
    cursor: Any = None
    while True:
        page = claiming.page(task_list, lease, PAGE_TASKS, due_by=began, saved_before=saved_before, cursor=cursor)
        run.hold(page.tasks)
        dead = {id(task) for task in page.dead}
        for refused in page.refused:
            tally.seen += 1
            tally.fail(refused.task_list, refused.id, error_text(refused.reason), dead=id(refused) in dead)
        for buried in page.dead:
            if not isinstance(buried, UnreadableTask):
                tally.seen += 1
                tally.fail(buried.task_list, buried.id, error_line(buried), dead=True)
        for task in page.tasks:
            if (
                began + AHEAD_US <= saved_at(task) <= claiming.clock() + AHEAD_US
            ):  # further ahead: by a clock that was set back since
                run.let_go(task)
            else:
                yield task
        cursor = page.cursor
        if cursor is None:
            return
