"""Claims on simulated servers: one partition whose rows change by compare-and-set, and clients whose requests are lost, late, or answered late.

Workers hand claims on to each other, as by a queue.

A lightweight transaction that times out was applied, or will be later, or never; the next one that is answered, and a settled read, end
that. Hints (reads that are not settled) may be as old as they like. Who claims may be in another data centre, where a save came later
than the claims did. Time passes between any two steps.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator
from typing import Any, NamedTuple

from atleastonce.claiming import CAS_TRIES
from atleastonce.claims import Failure
from atleastonce.exceptions import StoreUnavailable
from atleastonce.record import TaskRecord
from atleastonce_cassandra.protocol import claim, fail, hold
from atleastonce_cassandra.protocol.claim import Terms
from atleastonce_cassandra.protocol.client import Client
from atleastonce_cassandra.protocol.clock import GivenClock
from atleastonce_cassandra.protocol.hold import Holding
from atleastonce_cassandra.protocol.places import SHARD_SLOT, Place
from atleastonce_cassandra.protocol.state import State
from atleastonce_cassandra.protocol.steps import (
    Bury,
    Change,
    Delete,
    Found,
    ReadClaims,
    ReadPage,
    ReadRows,
    ReadVersions,
    RegisterDead,
    Report,
    Swap,
    Swapped,
    Wait,
)
from atleastonce_cassandra.protocol.versions import deletion_timestamp

from .answers import ERRORS, STARTING, Sending
from .chance import Chance

PLACE = Place(b"list", SHARD_SLOT, 0)
LEASE_US = 1_000_000
MAX_ATTEMPTS = 3
WORKERS = 3
IDS = tuple(f"{number}".encode() for number in range(4))
CALLS = 12
"""Of each worker."""


class Held(NamedTuple):
    """That a worker holds a task: from when its claim was given to it, until its lease ends or it gives it back."""

    worker: int
    id: bytes
    version: int
    token: str
    since: int
    until: list[int]  # one, which grows


class ClaimWorld:
    """See the module.

    Attributes:
        now: the true time, which all clocks show.
        findings: what went wrong.
    """

    def __init__(self, seed: int) -> None:
        self.chance = Chance(seed)
        self.now = 1_000_000_000
        self.findings: list[str] = []
        self.rows: dict[bytes, tuple[int, tuple[int, bytes]]] = {}  # id to version and failure
        self.lagging: dict[
            bytes, tuple[int, tuple[int, bytes]]
        ] = {}  # the rows before the last save, where that is not seen yet
        self.claims: dict[bytes, State] = {}
        self.past: list[dict[bytes, State]] = [{}]
        self.dead: dict[bytes, tuple[int, int]] = {}  # id to version and attempts
        self.pending: list[Swap] = []
        self.holds: list[Held] = []
        self.completed: set[tuple[bytes, int]] = set()
        self.deleted: dict[tuple[bytes, int], int] = {}  # when a version was
        self.counted: dict[tuple[bytes, int], int] = {}  # attempts that somebody was told of
        # of attempts: claims that were begun or failed, and failures without a claim
        self.causes: dict[tuple[bytes, int], set] = defaultdict(set)
        self.applied: list[Change] = []
        self._tokens = 0
        self._version = 1_000_000_000
        for id in IDS:
            self.save(id)
        self.queues: list[list[Held]] = [[] for _ in range(WORKERS)]  # claims that others handed to each worker
        self.clients = [Client(GivenClock(lambda: self.now), self.chance.below, self._token) for _ in range(WORKERS)]

    def _token(self) -> str:
        self._tokens += 1
        return f"token {self._tokens}"

    def save(self, id: bytes) -> None:
        """A new version; it is acknowledged."""
        self._version += 4
        if id in self.rows:
            self.lagging[id] = self.rows[id]
        self.rows[id] = (self._version, (0, b""))

    def run(self) -> None:
        """Let all work, until all have ended; then judge."""
        works = [self.work(number) for number in range(WORKERS)]
        while works:
            self.now += (
                self.chance.below(LEASE_US // 10) if self.chance.percent(90) else self.chance.below(2 * LEASE_US)
            )
            if self.pending and self.chance.percent(20):
                self._land(self.pending.pop(self.chance.below(len(self.pending))))
            work = self.chance.choose(works)
            try:
                next(work)
            except StopIteration:
                works.remove(work)
        self._judge()

    def work(self, number: int) -> Generator[None]:
        """One worker, who claims, works, hands on, completes, fails, dies."""
        chance, client = self.chance, self.clients[number]
        mine: list[Held] = []
        for _ in range(CALLS):
            yield
            mine += self.queues[number]
            self.queues[number].clear()
            held = None if not mine or chance.percent(30) else mine[chance.below(len(mine))]
            try:
                if held is None:
                    mine += yield from self._claim(number)
                elif not (yield from self._act(client, held)):
                    mine.remove(held)
            except StoreUnavailable:
                if held is not None:
                    mine.remove(held)
            if held is None:
                continue
            if chance.percent(5):
                self.save(chance.choose(IDS))

    def _act(self, client: Client, held: Held) -> Generator[None, None, bool]:
        """Do something with a claim; whether the worker still has it."""
        chance = self.chance
        holding = Holding(held.version, held.token.encode())
        what = chance.below(9)
        if what <= 1:
            if what == 0:
                self.causes[held.id, held.version].add(held.token)
            state = yield from self._change(client, held.id, holding, hold.renewed(client, holding, started=what == 0))
            if state is not None:
                self._renewed(held, state.until)
            return state is not None
        if what == 2:
            self._given_back(held)
            yield from self._change(client, held.id, holding, hold.released(holding, None, unstarted=False))
        elif what == 3:
            self._given_back(held)
            yield from self.play(_delete(held))
            self.completed.add((held.id, held.version))
        elif what <= 5:
            self._given_back(held)
            attempts = self.counted.get((held.id, held.version), 0) + 1
            self.causes[held.id, held.version].add(held.token)
            yield from self._fail(client, held.id, holding, attempts)
        elif what == 6:
            self.queues[chance.below(WORKERS)].append(held)
        elif what == 7:
            yield from self._fail_without_claim(client, chance.choose(IDS))
            return True
        return False  # or it dies, and its claim stays

    def _claim(self, number: int) -> Generator[None, None, list[Held]]:
        client = self.clients[number]
        terms = Terms(LEASE_US, self.now, None, _record)
        look = claim.look(client, PLACE, b"", None, 1 + self.chance.below(4), terms)
        lagging = self.chance.percent(20)
        looked = yield from self.play(look, lagging=lagging)
        began, counted = self.now, dict(self.counted)
        records = ()
        if looked.candidates:
            records = yield from self.play(claim.take(client, PLACE, looked.candidates, terms), lagging=lagging)
        given = []
        for record in records:
            id = record.id.encode()
            held = Held(number, id, record.saved_at, record.claim.token, self.now, [record.claim.until])
            if any(done == (id, record.saved_at) for done in self.completed) and self._gone_before(
                id, record.saved_at, began
            ):
                self.findings.append(f"GIVEN THOUGH COMPLETED: {held}")
            for other in self.holds if held.until[0] > self.now else ():  # it may be over when it is given
                if (
                    (other.id, other.version) == (id, record.saved_at)
                    and other.until[0] > self.now
                    and other.token != held.token
                ):
                    self.findings.append(f"TWO HOLD: {other} {held}")
            self._judge_attempts(id, record.saved_at, record.attempts)
            told = self.counted.get((id, record.saved_at), 0)
            if record.attempts < counted.get((id, record.saved_at), 0) and held.until[0] > self.now:
                self.findings.append(f"FORGOTTEN: {held} {record.attempts}")
            self.counted[id, record.saved_at] = max(record.attempts, told)
            self.holds.append(held)
            given.append(held)
        return given

    def _judge_attempts(self, id: bytes, version: int, attempts: int) -> None:
        """Each was a failure, or a claim that was begun and then lost."""
        if attempts > len(self.causes[id, version]):
            self.findings.append(f"COUNTED TWICE: {id!r} {version} {attempts} {self.causes[id, version]}")

    def _gone_before(self, id: bytes, version: int, began: int) -> bool:
        return self.deleted.get((id, version), began) < began

    def _change(self, client: Client, id: bytes, holding: Holding, decide: Any) -> Generator[None, None, State | None]:
        """Change one claim; its new state, None where it is refused."""
        sent: list[Change] = []
        states = yield from self.play(hold.change(client, PLACE, {id: decide}), sent)
        if id in states:
            return states[id]
        there = self.claims.get(id)
        if id not in self.rows or self.rows[id][0] != holding.version:
            return None
        # A claim that is over does not come back, so it was there all the time.
        if holding.token is not None and there is not None and there.token == holding.token:
            self.findings.append(f"REFUSED THOUGH HELD: {id!r} {holding}")
        if any(change is applied for change in sent for applied in self.applied):
            self.findings.append(f"REFUSED THOUGH APPLIED: {id!r} {holding}")
        return None

    def _fail(self, client: Client, id: bytes, holding: Holding, attempts: int) -> Generator[None, None, bool]:
        found = (yield from self.play(_rows(id))).get(id)
        if found is None or found.version != holding.version:
            return False
        report = Failure(held=None, attempts=attempts, last_error="E", dead=attempts >= MAX_ATTEMPTS)  # type: ignore[arg-type]  # it is not looked at
        state = yield from self._change(client, id, holding, fail.failed(holding, report, found.failure[0]))
        if state is None:
            return False
        if state.attempts < attempts:
            self.findings.append(f"NOT COUNTED: {id!r} {holding}")
        self.counted[id, found.version] = max(attempts, self.counted.get((id, found.version), 0))
        yield from self.play(fail.report(client, PLACE, found, report, state))
        return True

    def _fail_without_claim(self, client: Client, id: bytes) -> Generator[None]:
        """One attempt failed; as `Claiming` tells it."""
        if id not in self.rows:
            return
        version = self.rows[id][0]
        causes = self.causes[id, version]
        causes.add(len(causes))
        for _ in range(CAS_TRIES):
            stored = (yield from self.play(_rows(id))).get(id)
            if stored is None or stored.version != version:
                return
            if (yield from self._fail(client, id, Holding(version, None), stored.failure[0] + 1)):
                return

    def _renewed(self, held: Held, until: int) -> None:
        for other in self.holds if until > self.now else ():
            if (
                other is not held
                and other[1:3] == held[1:3]
                and other.until[0] > self.now
                and other.token != held.token
            ):
                self.findings.append(f"RENEWED THOUGH TAKEN: {held} {other}")
        held.until[0] = until

    def _given_back(self, held: Held) -> None:
        held.until[0] = 0

    def play(
        self, steps: Generator, sent: list[Change] | None = None, *, lagging: bool = False
    ) -> Generator[None, None, Any]:
        """Run it to its end; its result. `sent` gets what it wanted to change. Where it is `lagging`, what was saved may not be seen yet."""
        answer = None
        while True:
            try:
                step = steps.send(answer)
            except StopIteration as stop:
                return stop.value
            if sent is not None and isinstance(step, Swap):
                sent += step.changes
            yield
            answer = self._perform(step, lagging=lagging)
            if self.chance.percent(50):
                yield

    def _perform(self, step: Any, *, lagging: bool) -> Any:
        chance, rows = self.chance, self.rows
        if isinstance(step, Swap):
            return self._send(step)
        if isinstance(step, ReadClaims):
            if step.settled:
                self._settle()
                seen = self.claims
            else:
                seen = chance.choose(self.past) if chance.percent(30) else self.claims
            return {id: seen[id] for id in step.ids if id in seen}
        if isinstance(step, ReadPage):
            rows = self._local(lagging)
            return [_found(id, rows[id]) for id in sorted(rows) if id > step.after][: step.limit]
        if isinstance(step, ReadRows):
            return {id: _found(id, rows[id]) for id in step.ids if id in rows}
        if isinstance(step, ReadVersions):
            rows = self._local(lagging and not step.everywhere)
            return {id: rows[id][0] for id in step.ids if id in rows}
        if isinstance(step, Delete):
            for id, timestamp in step.keys:
                self._delete(id, timestamp)
        elif isinstance(step, Report):
            for one in step.failures:
                if one.id in rows and rows[one.id][0] == one.version:
                    rows[one.id] = (one.version, max(rows[one.id][1], (one.attempts, one.error)))
        elif isinstance(step, Bury):
            found = step.found
            if self.dead.get(found.id, (0, 0)) < (found.version, step.attempts):
                self.dead[found.id] = (found.version, step.attempts)
            self._delete(found.id, deletion_timestamp(found.version))
        else:
            assert isinstance(step, (RegisterDead, Wait)), step
        return None

    def _send(self, step: Swap) -> Swapped:
        """Once, or again where the driver would; its answer, or what an error is taken for."""
        chance, sending = self.chance, Sending()
        while True:
            if not chance.percent(20):
                self._settle()
                return self._swap(step)
            error = chance.choose(ERRORS)
            if error is not STARTING:
                if chance.percent(40):
                    self._settle()
                    self._swap(step)
                elif chance.percent(60):
                    self.pending.append(step)
            if not sending.is_sent_again(error):
                return sending.end(error)

    def _delete(self, id: bytes, timestamp: int) -> None:
        if id in self.lagging and deletion_timestamp(self.lagging[id][0]) == timestamp:
            del self.lagging[id]
        if id in self.rows and self.rows[id][0] <= timestamp:
            self.deleted[id, self.rows[id][0]] = self.now
            del self.rows[id]

    def _local(self, lagging: bool) -> dict[bytes, tuple[int, tuple[int, bytes]]]:
        """The rows as one data centre has them."""
        return {**self.rows, **self.lagging} if lagging else self.rows

    def _settle(self) -> None:
        """End what is under way: each is applied now, or never."""
        for swap in self.pending:
            if self.chance.percent(50):
                self._land(swap)
        self.pending.clear()

    def _land(self, swap: Swap) -> None:
        self._swap(swap)

    def _swap(self, step: Swap) -> Swapped:
        if all(self.claims.get(change.id) == change.old for change in step.changes):
            self.claims = {**self.claims, **{change.id: change.new for change in step.changes}}
            self.past.append(self.claims)
            self._judge_overwritten(step)
            self.applied += step.changes
            return Swapped(True)
        if len(step.changes) == 1:
            ((id, _, _),) = step.changes
            return Swapped(False, {id: self.claims[id]} if id in self.claims else {})
        return Swapped(
            False, {change.id: self.claims[change.id] for change in step.changes if change.id in self.claims}
        )

    def _judge_overwritten(self, step: Swap) -> None:
        """No claim on what is there gives way to one of an older version."""
        for id, old, new in step.changes:
            if old is None or not old.is_newer(new.version) or not old.is_held(self.now):
                continue
            if id in self.rows and self.rows[id][0] == old.version:
                self.findings.append(f"OVERWRITTEN: {id!r} {old} {new}")

    def _judge(self) -> None:
        """Whatever is left can be claimed, once every lease has ended; what is dead or completed is not there."""
        self._settle()
        self.now += 10 * LEASE_US
        client = self.clients[0]
        chance, self.chance = self.chance, _Calm()
        terms = Terms(LEASE_US, self.now, None, _record)
        looked = _drained(self.play(claim.look(client, PLACE, b"", None, len(IDS), terms)))
        records = _drained(self.play(claim.take(client, PLACE, looked.candidates, terms))) if looked.candidates else []
        self.chance = chance
        if {record.id.encode() for record in records} != set(self.rows):
            self.findings.append(f"LEFT: {set(self.rows)} {records}")
        for id, (version, attempts) in self.dead.items():
            self._judge_attempts(id, version, attempts)
            if attempts < MAX_ATTEMPTS or self.rows.get(id, (0,))[0] == version:
                self.findings.append(f"DEAD: {id!r} {version} {attempts}")
        for record in records:
            self._judge_attempts(record.id.encode(), record.saved_at, record.attempts)
            if record.attempts < self.counted.get((record.id.encode(), record.saved_at), 0):
                self.findings.append(f"FORGOTTEN: {record}")


class _Calm(Chance):
    """Nothing goes wrong."""

    def __init__(self) -> None:
        super().__init__(0)

    def percent(self, likely: float) -> bool:
        return False


def _found(id: bytes, row: tuple[int, tuple[int, bytes]]) -> Found:
    version, failure = row
    return Found(id, (b"T", b"{}", b""), failure, version)


def _record(found: Found) -> TaskRecord:
    attempts, error = found.failure or (0, b"")
    return TaskRecord("list", found.id.decode(), "T", b"{}", found.version, attempts, error.decode() or None)


def _delete(held: Held) -> Generator:
    yield Delete(PLACE, [(held.id, deletion_timestamp(held.version))])


def _rows(id: bytes) -> Generator:
    return (yield ReadRows(PLACE, [id]))


def _drained(steps: Generator) -> Any:
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value


def run_claims(seed: int) -> ClaimWorld:
    """One run."""
    world = ClaimWorld(seed)
    world.run()
    return world
