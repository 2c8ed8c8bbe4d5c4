"""A process that claims, begins, fails, buries, releases and completes, killed at random moments, and what must be there then.

For any backend with claims.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import attrs

from atleastonce.claims import ClaimsInterface, Failure, Held
from atleastonce.record import TaskKey, TaskRecord

from .children import Telling

NOW = 1_700_000_000_000_000
LEASE = 60_000_000
BATCH = 8
DOUBT_S = 0.003
"""So long after a line the child is killed, at most: within the next step or two."""

Open = Callable[[int], Any]
"""Opens a store on the same tasks each time, with a clock that stands still at that moment, microseconds since 1970."""


def held(it: TaskRecord) -> Held:
    assert it.claim is not None
    return Held(it.task_list, it.id, it.saved_at, it.claim.token)


def work(open_store: Callable[[], ClaimsInterface], task_list: str, round_: int, say: Callable[[str], None]) -> None:
    """Save, claim, begin, fail, bury, release and complete for ever; tell of each step before and after it."""
    store = open_store()
    drawn = random.Random(round_)

    def tell(word: str, it: TaskRecord, number: int = 0) -> None:
        say(f"{word} {it.id} {number}")

    for batch in range(100_000):
        ids = [f"{round_:03}-{batch:05}-{part}" for part in range(BATCH)]
        new = [TaskRecord(task_list=task_list, id=id, type="T", data=b"{}") for id in ids]
        store.store(new)
        for it in new:
            tell("saved", it)
        done = None
        for it in store.claim(task_list, lease=LEASE, limit=BATCH).records:
            if done is not None:
                tell("completing", done)
            tell("starting", it)
            key = None if done is None else TaskKey(task_list, done.id, done.saved_at)
            assert store.start(held(it), done=key) is not None
            if done is not None:
                tell("completed", done)
            tell("started", it)
            done = None
            match drawn.randrange(5):
                case 0:
                    done = it
                case 1:
                    tell("failing", it)
                    assert store.fail(Failure(held=held(it), attempts=it.attempts + 1, last_error="E"))
                    tell("failed", it, it.attempts + 1)
                case 2 | 3:
                    tell("dying", it)
                    assert store.fail(Failure(held=held(it), attempts=it.attempts + 1, last_error="E", dead=True))
                    tell("died", it, it.attempts + 1)
                case 4:
                    tell("releasing", it)
                    assert list(store.release([held(it)])) == [True]
                    tell("released", it)
        if done is not None:
            tell("completing", done)
            store.delete([TaskKey(task_list, done.id, done.saved_at)])
            tell("completed", done)


@attrs.define
class Ledger:
    """What must be there, by what the children told.

    Attributes:
        attempts: of what is there, by id.
        dead: of the dead letters, likewise.
        gone: what was completed.
        steps: how many were told of.
        lost_workers: how many were counted.
        copies_first: a dead task is copied before it is moved. A child that dies in between leaves it where it was, and a copy that stays.
    """

    attempts: dict[str, int] = attrs.Factory(dict)
    dead: dict[str, int] = attrs.Factory(dict)
    gone: set[str] = attrs.Factory(set)
    steps: int = 0
    lost_workers: int = 0
    copies_first: bool = False
    copied: set[str] = attrs.Factory(set)
    completing: str | None = None  # of the round: what was under way when the child died
    starting: str | None = None
    started: str | None = None
    dying: str | None = None
    releasing: str | None = None

    def read(self, lines: list[str]) -> None:
        """Of one child, to its end."""
        self.completing = self.starting = self.started = self.dying = self.releasing = None
        self.steps += len(lines)
        for line in lines:
            word, id, number = line.split(" ")
            match word:
                case "saved":
                    self.attempts[id] = 0
                case "starting":
                    self.starting = id
                case "started":
                    self.started, self.starting = id, None
                case "completing":
                    self.completing = id
                case "completed":
                    self.gone.add(id)
                    self.attempts.pop(id)
                    self.completing = self.started = None
                case "failed" | "released":
                    self.attempts[id] = int(number) if word == "failed" else self.attempts[id]
                    self.started = self.releasing = None
                case "dying":
                    self.dying = id
                case "died":
                    self.attempts.pop(id)
                    self.dead[id] = int(number)
                    self.dying = self.started = None
                case "releasing":
                    self.releasing = id
                case _:
                    assert word == "failing", line

    def check(self, store: ClaimsInterface, task_list: str) -> None:
        """After the child's lease has ended: what is where, and with how many attempts. Claims everything and gives it back."""
        living, dead = {it.id for it in store.all(task_list)}, {it.id: it.attempts for it in store.dead(task_list)}
        if self.copies_first and self.dying in living & dead.keys():
            self.copied.add(self.dying)
        copies = self.copied & (living | self.gone | {self.completing})
        dead = {id: attempts for id, attempts in dead.items() if id not in copies}
        assert not living & dead.keys(), "in both places"
        assert not self.attempts.keys() - living - dead.keys() - {self.completing}, "lost"
        assert not self.gone & (living | dead.keys()), "a completed one is back"
        if self.dying in dead:
            self.dead[self.dying] = self.attempts.pop(self.dying) + 1
        assert dead == self.dead
        claimed = everything(store, task_list)
        assert {it.id for it in claimed} == living
        for it in claimed:
            known = self.attempts.get(it.id, 0)  # 0: the save was under way
            if it.id == self.started:  # the attempt failed, or its worker was lost: either costs one
                assert it.attempts in {known + 1, known + (it.id != self.releasing)}, it
            else:
                assert it.attempts in {known, known + (it.id == self.starting)}, it
            assert it.claim is not None
            self.lost_workers += it.claim.worker_lost
        assert sum(it.claim.worker_lost for it in claimed if it.claim is not None) <= 1
        assert all(store.release([held(it) for it in claimed]))
        self.gone |= self.attempts.keys() - living
        self.attempts = {it.id: it.attempts for it in claimed}


def everything(store: ClaimsInterface, task_list: str) -> list[TaskRecord]:
    """All that is free, claimed."""
    found: list[TaskRecord] = []
    cursor = None
    while True:
        page = store.claim(task_list, lease=LEASE, limit=100, cursor=cursor)
        found += page.records
        cursor = page.cursor
        if cursor is None:
            return found


def kill_at_random_moments(open_store: Open, task_list: str, rounds: int, ledger: Ledger | None = None) -> str:
    """Judge each child's death. What was done, for people."""
    drawn = random.Random()
    ledger = ledger or Ledger()
    now = NOW
    for round_ in range(rounds):
        child = Telling(partial(work, partial(open_store, now), task_list, round_))
        try:
            child.wait_for_lines(drawn.randrange(20, 200))
            time.sleep(drawn.random() * DOUBT_S)
        finally:
            child.kill()
        code, told = child.end()
        assert code == -9, told[-1]
        ledger.read(told)
        now += LEASE
        store = open_store(now)
        ledger.check(store, task_list)
        store.close()
    assert ledger.steps >= 30 * rounds
    assert ledger.dead
    assert ledger.gone
    return (
        f"{rounds} kills: {ledger.steps:,} steps told, {len(ledger.gone):,} completed, {len(ledger.dead):,} dead, "
        f"{ledger.lost_workers} lost workers counted, 0 lost"
    )
