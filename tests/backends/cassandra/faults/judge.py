"""`Trial`: a load, a fault in it, and the judgement on what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from statistics import median

import attrs

from ..cluster.three import ThreeNodes
from .journal import Journal
from .load import Load
from .table import Row

TIMEOUT_S = 5.0  # of a call, in the store's URL
SLACK_S = 3.0  # for a machine that has not two cores to spare
RECOVERY_S = 60.0  # after a fault's end; 1 to 3 s when the machine is idle
BEFORE_S = 1.0  # of undisturbed work
AFTER_S = 1.0


@attrs.define
class Trial:
    """Runs one fault."""

    cluster: ThreeNodes
    url: str
    name: str
    rows: list[Row]

    def run(self, fault: str, bring: Callable[[Load], None]) -> Journal:
        """Have it brought while there is load; it is over when that returns. What was done, after all is found well."""
        load = Load(self.url, self.name)
        with load:
            load.until_all_save(time.monotonic(), RECOVERY_S)
            time.sleep(BEFORE_S)
            bring(load)
            ended = time.monotonic()
            load.until_all_save(ended, RECOVERY_S)
            time.sleep(AFTER_S)
        try:
            there = {f"{task.task_list} {task.id}" for name in load.lists for task in load.store.all(name)}
        finally:
            load.close()
        journal = load.journal
        lost = journal.saved - journal.completing - there | journal.missed
        resurrected = journal.completed & there
        under_way = len(load.lists)  # a thread or process each
        self.rows.append(row_of(fault, under_way, journal, len(lost), len(resurrected), ended))
        assert not lost
        assert not resurrected
        check_errors(journal)
        return journal


def row_of(fault: str, under_way: int, journal: Journal, lost: int, resurrected: int, ended: float) -> Row:
    """The fault's row in the table; it ended at that moment."""
    seconds = [failure.seconds for failure in journal.failures]
    return Row(
        fault,
        under_way,
        journal.acks,
        lost,
        resurrected,
        len(seconds),
        median(seconds) if seconds else 0.0,
        max(seconds, default=0.0),
        journal.slowest,
        recovery(journal, ended),
    )


def recovery(journal: Journal, ended: float) -> float:
    """Seconds from the fault's end until saves succeeded and nothing failed any more."""
    first = min((moment for moment in journal.ack_times if moment > ended), default=ended)
    last = max((failure.ended for failure in journal.failures), default=ended)
    return max(first, last) - ended


def check_errors(journal: Journal) -> None:
    """Typed, with an outcome, in time: a call that waits for another thread's turn may take the timeout twice."""
    for failure in journal.failures:
        assert failure.outcome in {"not_applied", "unknown"}, failure
        assert failure.verb != "all" or failure.outcome == "not_applied", failure
        assert failure.verb == "all" or failure.seconds < 2 * TIMEOUT_S + SLACK_S, failure
