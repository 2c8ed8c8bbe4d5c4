"""`redrive`: execute what was left."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from threading import Event

from ..claiming import DEFAULT_LEASE, claiming_of, is_due, lease_us
from ..defaults import default_store
from ..delivery import not_negative
from ..exceptions import HandoverFailed
from ..keys import check_task_list
from ..store import TaskStore, saved_before_of
from ..task import Task
from .claimed_pass import claimed_pass
from .handover import To, hand, make_handover
from .heartbeats import Heartbeats, releasing
from .report import Progress, RunReport, Tally
from .run import GRACE, Broken, OnResult, Run
from .stopping import noting


def redrive(
    task_list: str,
    *,
    older_than: timedelta | None = None,
    to: To | None = None,
    store: TaskStore | None = None,
    on_result: OnResult | None = None,
    stop: Event | None = None,
    lease: timedelta | None = None,
    dry_run: bool = False,
    progress: Progress | None = None,
    grace: timedelta = GRACE,
) -> RunReport:
    """Hand over, or execute and complete here, every task that a list has left and that is due; one pass, in id order.

    Where the backend has claims (all of this library's have), what it takes is claimed, so several redrives at once share the
    list: each executes a task at most once, and no two have one at the same time. Leases are renewed while the redrive goes on.

    Args:
        task_list: the list.
        older_than: only tasks saved at least so long ago. Give it the longest time that a task takes from its save to its end:
            younger ones may be under way elsewhere, without a claim.
        to: as for `dispatch`; None: execute here, one at a time. Handed to a callable, a task stays claimed until its lease ends, and
            its hash carries the ``claim_token`` with which `perform` renews it.
        store: the default store if None.
        on_result: called with each task and its result, in this thread, for tasks that were completed in this run.
        stop: once set, nothing more is begun; what runs is waited for, and what was claimed and not begun is released.
        lease: for how long tasks are claimed, so for how long a redrive that is killed holds them up; None: five minutes, or
            no claims where the backend has none.
        dry_run: count what is due in ``left``, and change nothing. What others hold at the moment is counted too.
        progress: called in this thread with the counts as they stand, at most every 0.1 s and once at the end.
        grace: how long, after a stop, the workers of an executor are waited for; what runs then stays claimed until its lease ends.

    A redrive makes no task younger: handed to a broker, what is still pending is handed to it again by every redrive, once its
    claim has ended. A task that fails costs an attempt and stays pending, until its class's ``max_attempts`` make it dead. One that
    cannot be read here is counted and stays. What is saved to the list while it runs, but for its first second, is left to the next redrive. Ctrl-C goes
    through once running tasks are done, with a note of what is left; it costs no attempt.

    Raises:
        HandoverFailed: the pool or broker broke, or refused ten tasks in a row; ``.report`` has the counts. Tasks whose
            worker died have failed an attempt.
        StoreError: the list could not be read.
        InvalidTask: a time that is none.
        ConfigurationError: `to` cannot be used, or not with this store; a lease on a store without claims.
    """
    bound = default_store() if store is None else store
    not_negative(grace, "grace")
    if lease is not None:
        lease_us(lease)
        claiming_of(bound).backend  # noqa: B018 - raises where there are no claims
    if dry_run:
        return _count_due(bound, task_list, older_than)
    claimed_for = lease_us(DEFAULT_LEASE if lease is None else lease) if bound.capabilities.claims else None
    heartbeats = None if claimed_for is None else Heartbeats(bound, claimed_for)
    tally = Tally(progress)
    run = Run(store=bound, tally=tally, on_result=on_result, stop=stop, grace=grace, heartbeats=heartbeats)
    handover = make_handover(to, run)
    saved_before = saved_before_of(bound, older_than)
    if claimed_for is None:
        pending = _due(bound, task_list, older_than)
    else:
        check_task_list(task_list)
        pending = claimed_pass(run, task_list, claimed_for, saved_before)
    broken: Broken | None = None
    with releasing(bound, heartbeats), noting(tally, handover):
        try:
            for task in pending if not run.stopped() else ():
                tally.seen += 1
                hand(task, handover, tally)
                if run.stopped():
                    break
            handover.finish()
        except Broken as error:
            broken = error
            handover.abandon()
        tally.tell(last=True)
    report = tally.report()
    if broken is not None:
        raise HandoverFailed(
            f"handing over stopped: {broken}; {report.handed:,} tasks were handed over, {report.left - report.dead:,} of those seen "
            "are still pending: redrive them again",
            report=report,
        ) from broken.__cause__
    return report


def _count_due(store: TaskStore, task_list: str, older_than: timedelta | None) -> RunReport:
    return RunReport(left=sum(1 for _ in _due(store, task_list, older_than)))


def _due(store: TaskStore, task_list: str, older_than: timedelta | None) -> Iterator[Task]:
    now = claiming_of(store).clock()
    return (task for task in store.all(task_list, older_than) if is_due(task, now))
