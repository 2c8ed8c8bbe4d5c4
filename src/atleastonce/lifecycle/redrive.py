"""`redrive`: execute what was left."""

from __future__ import annotations

from datetime import timedelta
from threading import Event

from ..defaults import default_store
from ..exceptions import HandoverFailed
from ..store import TaskStore
from .handover import Broken, OnResult, To, hand, make_handover
from .report import RunReport, Tally
from .stopping import noting


def redrive(
    task_list: str,
    *,
    older_than: timedelta | None = None,
    to: To | None = None,
    store: TaskStore | None = None,
    on_result: OnResult | None = None,
    stop: Event | None = None,
) -> RunReport:
    """Hand over, or execute and complete here, every task that a list has left; one pass, in id order.

    Args:
        task_list: the list.
        older_than: only tasks saved at least so long ago. Give it the longest time that a task takes from its save to its end:
            younger ones may be under way elsewhere.
        to: as for `dispatch`; None: execute here, one at a time.
        store: the default store if None.
        on_result: called with each task and its result, in this thread, for tasks that were completed in this run.
        stop: once set, nothing more is begun; what runs is waited for.

    A redrive makes no task younger: handed to a broker, what is still pending is handed to it again by every redrive.
    A task that fails, or cannot be read here, is counted and stays pending. Tasks that are saved to the list while it runs may
    be taken up too. Ctrl-C goes through once running tasks are done, with a note of what is left.

    Raises:
        HandoverFailed: the pool or broker broke, or refused ten tasks in a row; ``.report`` has the counts.
        StoreError: the list could not be read.
        ConfigurationError: `to` cannot be used, or not with this store.
    """
    bound = default_store() if store is None else store
    tally = Tally()
    handover = make_handover(to, bound, tally, on_result, stop)
    pending = bound.all(task_list, older_than)
    broken: Broken | None = None
    with noting(tally, handover):
        try:
            for task in pending:
                if stop is not None and stop.is_set():
                    break
                tally.seen += 1
                hand(task, handover, tally)
            handover.finish()
        except Broken as error:
            broken = error
            handover.abandon()
    report = tally.report()
    if broken is not None:
        raise HandoverFailed(
            f"handing over stopped: {broken}; {report.handed:,} tasks were handed over, {report.left:,} of those seen "
            "are still pending: redrive them again",
            report=report,
        ) from broken.__cause__
    return report
