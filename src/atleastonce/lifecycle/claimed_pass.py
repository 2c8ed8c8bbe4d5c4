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

    What cannot be executed is counted here, and not given. A stop ends the pass, and so does the end of the list, however fast others
    save: once a whole page is newer than the pass, the backend leaves out what is newer. (What a clock that was set back since
    dated later than that is then left to the next redrive.)
    """
    claiming, tally = run.claiming, run.tally
    began = claiming.clock()
    cursor: Any = None
    while not run.stopped():
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
        now = claiming.clock()
        run.let_go_all([task for task in page.tasks if _is_newer(task, began, now)])
        found = [*page.tasks, *page.refused]
        if found and all(_is_newer(task, began, now) for task in found):
            saved_before = began + AHEAD_US if saved_before is None else min(saved_before, began + AHEAD_US)
        yield from (task for task in page.tasks if not _is_newer(task, began, now))
        cursor = page.cursor
        if cursor is None:
            return


def _is_newer(task: Task, began: int, now: int) -> bool:
    """Whether it was saved since the pass began. What is further ahead was saved by a clock that was set back since."""
    return began + AHEAD_US <= saved_at(task) <= now + AHEAD_US
