"""A correct backend with claims on a dict, and backends that break one clause each."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

import attrs

from atleastonce.claims import WORKER_LOST, ClaimPage, Failure, Held
from atleastonce.interface import Capabilities
from atleastonce.record import Claim, TaskKey, TaskRecord

from .mutants import Correct, Disk

Key = tuple[str, str]


@attrs.define
class Holding:
    """Who holds a row."""

    saved_at: int | None
    token: str
    until: int
    lease: int
    started: bool = False


class ClaimDisk(Disk):
    """With what claims need."""

    def __init__(self) -> None:
        super().__init__()
        self.holdings: dict[Key, Holding] = {}
        self.letters: dict[Key, TaskRecord] = {}


class Claiming(Correct):
    """Keeps the contract."""

    disk: ClaimDisk

    @property
    def capabilities(self) -> Capabilities:
        return attrs.evolve(super().capabilities, claims=True)

    # The small methods that mutants change.

    def holding(self, row: TaskRecord) -> Holding | None:
        holding = self.disk.holdings.get((row.task_list, row.id))
        return holding if holding is not None and holding.saved_at == row.saved_at else None

    def is_free(self, row: TaskRecord) -> bool:
        holding = self.holding(row)
        return holding is None or holding.until <= self.clock()

    def is_due(self, row: TaskRecord, due_by: int) -> bool:
        return max(row.run_at or 0, row.due_at or 0) <= due_by

    def is_wanted(self, row: TaskRecord, held: Held) -> bool:
        return row.saved_at == held.saved_at

    def is_held(self, holding: Holding, held: Held) -> bool:
        return holding.token == held.token

    def costs_an_attempt(self, holding: Holding) -> bool:
        return holding.started

    def token(self) -> str:
        return uuid.uuid4().hex

    def end_of(self, holding: Holding) -> int:
        return self.clock() + holding.lease

    def is_new(self, row: TaskRecord, failure: Failure) -> bool:
        return row.attempts < failure.attempts

    def attempts(self, row: TaskRecord, failure: Failure) -> int:
        return max(row.attempts, failure.attempts)

    def move(self, key: Key, letter: TaskRecord) -> None:
        self.disk.letters[key] = letter
        self.remove(key)

    # The verbs.

    def remove(self, key: Key) -> None:
        super().remove(key)
        self.disk.holdings.pop(key, None)

    def row(self, held: Held) -> TaskRecord | None:
        row = self.disk.rows.get((held.task_list, held.id))
        return row if row is not None and self.is_wanted(row, held) else None

    def held(self, held: Held) -> Holding | None:
        row = self.row(held)
        holding = None if row is None or held.token is None else self.holding(row)
        return holding if holding is not None and self.is_held(holding, held) else None

    def hold(self, row: TaskRecord, lease: int) -> TaskRecord:
        key = row.task_list, row.id
        before = self.holding(row)
        lost = before is not None and self.costs_an_attempt(before)
        if lost:
            row = self.disk.rows[key] = attrs.evolve(row, attempts=row.attempts + 1, last_error=WORKER_LOST)
        self.disk.holdings[key] = Holding(row.saved_at, self.token(), self.clock() + lease, lease)
        return attrs.evolve(row, claim=Claim(self.disk.holdings[key].token, self.clock() + lease, lease, lost))

    def claim(
        self,
        task_list: str,
        *,
        lease: int,
        limit: int,
        due_by: int | None = None,
        saved_before: int | None = None,
        cursor: Any = None,
    ) -> ClaimPage:
        records: list[TaskRecord] = []
        ids = self.ids(task_list)
        with self.lock:
            for place in range(cursor or 0, len(ids)):
                row = self.disk.rows.get((task_list, ids[place]))
                due = row is not None and self.is_due(row, self.clock() if due_by is None else due_by)
                if row is not None and due and self.is_free(row) and self.is_before(row, saved_before):
                    records.append(self.hold(row, lease))
                if len(records) == limit:
                    return ClaimPage(records, place + 1)
        return ClaimPage(records)

    def store_claimed(
        self, records: Sequence[TaskRecord], *, lease: int
    ) -> tuple[Sequence[int], Sequence[Claim | None]]:
        versions = self.store(records)
        keys = [TaskKey(it.task_list, it.id, at) for it, at in zip(records, versions, strict=True)]
        return versions, self.claim_saved(keys, lease=lease)

    def claim_saved(self, keys: Sequence[TaskKey], *, lease: int) -> Sequence[Claim | None]:
        with self.lock:
            claims = []
            for key in keys:
                row = self.row(Held(key.task_list, key.id, key.saved_at))
                claims.append(self.hold(row, lease).claim if row is not None and self.is_free(row) else None)
            return claims

    def renew(self, holding: Holding | None) -> Claim | None:
        if holding is None:
            return None
        holding.until = self.end_of(holding)
        return Claim(holding.token, holding.until, holding.lease)

    def start(self, held: Held, *, done: TaskKey | None = None) -> Claim | None:
        if done is not None:
            self.delete([done])
        with self.lock:
            holding = self.held(held)
            if holding is not None:
                holding.started = True
            return self.renew(holding)

    def heartbeat(self, held: Sequence[Held]) -> Sequence[Claim | None]:
        with self.lock:
            return [self.renew(self.held(one)) for one in held]

    def release(self, held: Sequence[Held], *, due_at: int | None = None, unstarted: bool = False) -> Sequence[bool]:
        with self.lock:
            return [self.give_back(one, due_at, unstarted=unstarted) for one in held]

    def give_back(self, held: Held, due_at: int | None, *, unstarted: bool) -> bool:
        key = held.task_list, held.id
        row = self.row(held)
        if row is None or (held.token is not None and self.held(held) is None):
            return False
        holding = self.holding(row)
        if unstarted and holding is not None and holding.started:
            return False
        if due_at is not None:
            self.disk.rows[key] = attrs.evolve(row, due_at=due_at)
        if held.token is not None:
            del self.disk.holdings[key]
        return True

    def fail(self, failure: Failure) -> bool:
        held = failure.held
        key = held.task_list, held.id
        with self.lock:
            row = self.row(held)
            if row is None or (not self.is_new(row, failure) if held.token is None else self.held(held) is None):
                return False
            if held.token is not None:
                del self.disk.holdings[key]
            row = attrs.evolve(
                row,
                attempts=self.attempts(row, failure),
                last_error=failure.last_error,
                due_at=failure.due_at,
            )
            if failure.dead:
                self.move(key, attrs.evolve(row, due_at=None, died_at=self.clock()))
            else:
                self.disk.rows[key] = row
            return True

    def flush(self) -> None:
        pass

    def dead(self, task_list: str) -> Iterator[TaskRecord]:
        with self.lock:
            found = [it for it in self.disk.letters.values() if it.task_list == task_list]
        return iter(sorted(found, key=lambda it: it.id.encode("utf-8", "surrogateescape")))

    def discard(self, keys: Sequence[TaskKey]) -> None:
        with self.lock:
            for key in keys:
                there = self.disk.letters.get((key.task_list, key.id))
                if there is not None and self.is_meant(key, there):
                    del self.disk.letters[key.task_list, key.id]


class LacksAVerb(Claiming):
    heartbeat = None  # type: ignore[assignment]  # that is the defect


class ClaimsTwice(Claiming):
    def is_free(self, row: TaskRecord) -> bool:
        return True


class ClaimsWithoutALock(Claiming):
    """Reads who holds a task, and writes it a moment later."""

    def claim(self, task_list: str, **options: Any) -> ClaimPage:
        with self.lock:
            taken = {key for key, one in self.disk.holdings.items() if one.until > self.clock()}
        time.sleep(0.001)
        free = [id for id in self.ids(task_list) if (task_list, id) not in taken]
        with self.lock:
            rows = [self.disk.rows[task_list, id] for id in free[: options["limit"]]]
            return ClaimPage([self.hold(row, options["lease"]) for row in rows], 0 if len(free) > len(rows) else None)


class NeverEndsALease(Claiming):
    def is_free(self, row: TaskRecord) -> bool:
        return self.holding(row) is None


class IgnoresTheToken(Claiming):
    def is_held(self, holding: Holding, held: Held) -> bool:
        return True


class KeepsAClaimThroughASave(Claiming):
    def holding(self, row: TaskRecord) -> Holding | None:
        return self.disk.holdings.get((row.task_list, row.id))


class RepeatsATokenOfATask(Claiming):
    def hold(self, row: TaskRecord, lease: int) -> TaskRecord:
        before = self.disk.holdings.get((row.task_list, row.id))
        record = super().hold(row, lease)
        if before is not None and record.claim is not None:
            self.disk.holdings[row.task_list, row.id].token = before.token
            record = attrs.evolve(record, claim=attrs.evolve(record.claim, token=before.token))
        return record


class GuessableTokens(Claiming):
    def token(self) -> str:
        return "token"


class ForgetsToRenew(Claiming):
    def end_of(self, holding: Holding) -> int:
        return holding.until


class ForgetsThatWorkBegan(Claiming):
    def costs_an_attempt(self, holding: Holding) -> bool:
        return False


class CountsEveryLease(Claiming):
    def costs_an_attempt(self, holding: Holding) -> bool:
        return True


class IgnoresTheTimeItIsDue(Claiming):
    def is_due(self, row: TaskRecord, due_by: int) -> bool:
        return (row.run_at or 0) <= due_by


class IgnoresTheTimeToRun(Claiming):
    def is_due(self, row: TaskRecord, due_by: int) -> bool:
        return (row.due_at or 0) <= due_by


class TakesAStaleReport(Claiming):
    def is_new(self, row: TaskRecord, failure: Failure) -> bool:
        return True


class TakesAReportOfAnotherVersion(Claiming):
    def is_wanted(self, row: TaskRecord, held: Held) -> bool:
        return True


class LowersTheAttempts(Claiming):
    def attempts(self, row: TaskRecord, failure: Failure) -> int:
        return failure.attempts


class LosesTheDead(Claiming):
    def move(self, key: Key, letter: TaskRecord) -> None:
        self.remove(key)


class LeavesTheDeadAmongTheLiving(Claiming):
    def move(self, key: Key, letter: TaskRecord) -> None:
        self.disk.letters[key] = self.disk.rows[key] = letter


class MovesInTheWrongOrder(Claiming):
    """In neither place for a moment."""

    lock: Any = Correct.lock

    def fail(self, failure: Failure) -> bool:
        letters = dict(self.disk.letters)
        moved = super().fail(failure)
        now, self.disk.letters = self.disk.letters, letters
        time.sleep(0.001)
        self.disk.letters = now
        return moved


class KeepsTheFirstLetter(Claiming):
    def move(self, key: Key, letter: TaskRecord) -> None:
        self.disk.letters.setdefault(key, letter)
        self.remove(key)


class DoesNotCompleteWhatWasDone(Claiming):
    def start(self, held: Held, *, done: TaskKey | None = None) -> Claim | None:
        return super().start(held)
