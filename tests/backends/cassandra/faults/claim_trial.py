"""`ClaimTrial`: claimers that share a list, a fault meanwhile, and the judgement on what came of it."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import ExitStack

import attrs

from atleastonce import TaskStore

from ..cluster.three import ThreeNodes
from .claimer import Claimer, Tenure
from .journal import Journal
from .judge import AFTER_S, BEFORE_S, RECOVERY_S, SLACK_S, TIMEOUT_S, row_of
from .table import Row

STORES = 3
CLAIMERS = 4  # so two of them share a store
DRAINING_S = 120.0
END_S = 60.0
APART_S = 1.0  # so far two processes' notions of the servers' clock may be apart: half of a slow round trip each

TIMEOUTS = {"fail": 5}
"""How many a call may take: a find, and two steps of two each where it waits for another thread's turn. The others: two."""


@attrs.define
class ClaimTrial:
    """Runs one fault."""

    cluster: ThreeNodes
    url: str
    name: str
    rows: list[Row]

    def run(self, fault: str, bring: Callable[[], None]) -> Journal:
        """Have it brought while there is work; it is over when that returns. What was done, after all is found well."""
        with ExitStack() as stack:
            stores = [stack.enter_context(TaskStore(self.url)) for _ in range(STORES)]
            claimers = [Claimer(stores[n % STORES], self.name) for n in range(CLAIMERS)]
            threads = [threading.Thread(target=claimer.run) for claimer in claimers]
            stack.callback(end, claimers, threads)
            for thread in threads:
                thread.start()
            until_all_complete(claimers, time.monotonic())
            time.sleep(BEFORE_S)
            bring()
            ended = time.monotonic()
            until_all_complete(claimers, ended)
            time.sleep(AFTER_S)
            for claimer in claimers:
                claimer.saves = False
            deadline = time.monotonic() + DRAINING_S
            while stores[0].count(self.name):
                assert time.monotonic() < deadline, f"{stores[0].count(self.name)} tasks are still there"
                time.sleep(0.2)
            end(claimers, threads)
            there = {task.id for task in stores[0].all(self.name)}
            dead = {task.id: task.delivery.attempts for task in stores[0].dead(self.name) if task.delivery is not None}
        journal = Journal.together(claimer.journal for claimer in claimers)
        tenures = [tenure for claimer in claimers for tenure in claimer.tenures]
        completed = {id: at for claimer in claimers for id, at in claimer.completed.items()}
        doomed = {id for claimer in claimers for id in claimer.doomed}
        unsure = {id for claimer in claimers for id in claimer.unsure}
        executed = sum((claimer.executed for claimer in claimers), Counter[str]())

        lost = journal.saved - journal.completing - dead.keys() - there
        resurrected = {it.id for it in tenures if it.asked > completed.get(it.id, it.asked)} | journal.completed & there
        self.rows.append(row_of(fault, CLAIMERS, journal, len(lost), len(resurrected), ended))
        print(  # noqa: T201 - shown with -rA
            f"{len(tenures)} claims, {sum(claimer.lost_claims for claimer in claimers)} of them lost, {len(dead)} dead, "
            f"errors: {dict(Counter(f'{it.verb}: {it.error}' for it in journal.failures))}"
        )
        assert not lost
        assert not resurrected
        assert not there
        check_no_overlap(tenures)
        assert doomed - unsure <= dead.keys() <= doomed
        assert set(dead.values()) == {3}
        assert all(executed[id] <= 3 for id in doomed)
        assert all(executed[id] for id in journal.saved - doomed)
        check_errors(journal)
        return journal


def until_all_complete(claimers: list[Claimer], since: float) -> None:
    """Return once each completed a task after that moment."""
    deadline = time.monotonic() + RECOVERY_S
    while not all(claimer.worked > since for claimer in claimers):
        assert time.monotonic() < deadline, "nothing is completed"
        time.sleep(0.02)


def end(claimers: list[Claimer], threads: list[threading.Thread]) -> None:
    """Stop them; may be repeated."""
    for claimer in claimers:
        claimer.stop.set()
    for thread in threads:
        if thread.ident is not None:
            thread.join(END_S)


def check_no_overlap(tenures: list[Tenure]) -> None:
    """Of one task, a claim is there only after the one before may have ended."""
    by_id: defaultdict[str, list[Tenure]] = defaultdict(list)
    for tenure in sorted(tenures, key=lambda it: it.begin):
        by_id[tenure.id].append(tenure)
    for held in by_id.values():
        for before, after in itertools.pairwise(held):
            assert after.begin > before.end - APART_S, (before, after)


def check_errors(journal: Journal) -> None:
    """Typed, with an outcome, in time."""
    for failure in journal.failures:
        assert failure.outcome in {"not_applied", "unknown"}, failure
        assert failure.seconds < TIMEOUTS.get(failure.verb, 2) * TIMEOUT_S + SLACK_S, failure
