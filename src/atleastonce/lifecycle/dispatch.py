"""`dispatch`: save tasks, then hand them over."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from datetime import timedelta

from ..claiming import is_due, lease_us
from ..defaults import default_store
from ..exceptions import HandoverFailed
from ..store import TaskStore, save_claimed
from ..task import Task
from .handover import To, hand, make_handover
from .heartbeats import Heartbeats, releasing
from .report import RunReport, Tally
from .run import Broken, OnResult, Run
from .stopping import noting

BATCH_TASKS = 1_000
BATCH_S = 0.05
"""A batch is saved when it has so many tasks, or when the last save began so long ago: a slow generator's at once."""


def dispatch(
    tasks: Iterable[Task],
    to: To,
    *,
    store: TaskStore | None = None,
    on_result: OnResult | None = None,
    lease: timedelta | None = None,
) -> RunReport:
    """Save every task, in batches, and hand each over once its save returned.

    Args:
        tasks: any iterable; taken as it is handed over, with at most 1,000 tasks in between.
        to: a `concurrent.futures.Executor` (at most 1,000 tasks in flight; waits for all of them), or a callable that takes
            the hash, such as a broker's send.
        store: where to save; the default store if None.
        on_result: called with each task and its result, in this thread, for tasks that an executor completed.
        lease: claim the tasks as they are saved, for so long unless renewed, so that a redrive meanwhile leaves them alone. With an
            executor the lease is renewed until the task is done. With a callable it is not, but by `perform`, so give it the
            longest time that a message waits. None: nothing is claimed.

    A task that fails is counted and stays pending; `redrive` takes it up. One whose ``run_at`` is still to come is saved, not handed
    over, and left to a redrive. Ctrl-C, or an error of `tasks` or `on_result`, goes
    through once running tasks are done, with a note of what is left; what was generated until then is saved
    (not the batch of a task that is itself invalid: the error's ``.batch`` names it).

    Raises:
        HandoverFailed: the pool or broker broke, or refused ten tasks in a row. The rest of the tasks was saved
            all the same; ``.report`` has the counts, the cause what it raised.
        InvalidTask, StoreError: a save failed; see ``.batch``.
        InvalidTask: also a lease that is none.
        ConfigurationError: `to` cannot be used, or not with this store; a lease on a store without claims.
    """
    bound = default_store() if store is None else store
    claimed_for = None if lease is None else lease_us(lease)
    heartbeats = None if claimed_for is None else Heartbeats(bound, claimed_for)
    tally = Tally()
    run = Run(store=bound, tally=tally, on_result=on_result, heartbeats=heartbeats)
    handover = make_handover(to, run)
    broken: Broken | None = None
    with releasing(bound, heartbeats), noting(tally, handover):
        for batch in _saved(tasks, run, claimed_for):
            for task in batch if broken is None else ():
                try:
                    hand(task, handover, tally)
                except Broken as error:
                    broken = error
                    break
        try:
            handover.finish()
        except Broken as error:
            broken = broken or error
    report = tally.report()
    if broken is not None:
        raise HandoverFailed(
            f"handing over stopped: {broken}; {report.saved:,} tasks were saved and {report.handed:,} handed over, "
            f"{report.left - report.dead:,} are pending: redrive them",
            report=report,
        ) from broken.__cause__
    return report


def _save(tasks: list[Task], run: Run, lease: int | None) -> list[Task]:
    """Save them all. Those to be handed over: due, and not taken up by a redrive since they were saved."""
    store, tally = run.store, run.tally
    now = run.claiming.clock()
    due: list[Task] = []
    later: list[Task] = []
    for task in tasks:
        (due if _is_due(task, now) else later).append(task)
    before = tally.saved

    def progress(done: int) -> None:  # a batch of much data is saved in parts, and the last may fail
        tally.seen += before + done - tally.saved
        tally.saved = before + done

    if lease is None:
        store.save_all(tasks, progress=progress)
        return due
    ours = save_claimed(store, due, lease, progress)
    before = tally.saved
    store.save_all(later, progress=progress)
    tally.seen -= len(due) - len(ours)  # a redrive has them, and their state is its to tell
    run.hold(ours)
    return ours


def _is_due(task: object, now: int) -> bool:
    return not isinstance(task, Task) or is_due(task, now)  # what is no task is refused by the save


def _saved(tasks: Iterable[Task], run: Run, lease: int | None) -> Iterator[list[Task]]:
    batch: list[Task] = []
    last_save = float("-inf")

    def save() -> list[Task]:
        nonlocal batch, last_save
        last_save = time.monotonic()
        saved, batch = batch, []
        return _save(saved, run, lease)

    try:
        for task in tasks:
            batch.append(task)
            if len(batch) >= BATCH_TASKS or time.monotonic() - last_save >= BATCH_S:
                yield save()
    except BaseException:
        save()  # what was generated is kept, whatever stopped the rest; after a yield that is nothing
        raise
    if batch:
        yield save()
