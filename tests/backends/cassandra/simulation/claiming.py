"""Claims on simulated servers: one partition whose rows change by compare-and-set, and clients whose requests are lost, late, or answered late.

Workers hand claims on to each other, as by a queue. They have clocks of their own, which are measured by servers that are apart, drift, are
set by hand, and stand still while a guest is frozen. Who claims may be in another data centre, where a save came later than the claims did.
Time passes between any two steps; now and then a month, after which claims that are over are forgotten.

What is judged, by the true time, of live claims only as far as they overlap by more than the clocks may be apart:

**TAKEN THOUGH HELD**, **TAKEN BEFORE DUE**: a claim changed hands too early. **TWO HOLD**, **RENEWED THOUGH TAKEN**: the same, as the
workers see it. **OVERWRITTEN**: a claim on what is there gave way to one of an older version.

**FORGOTTEN**, **UNCOUNTED**, **COUNTED TWICE**, **NOT COUNTED**, **MISCOUNTED**: the number of attempts is wrong: each failure, and each claim that
was begun and lost, is one. **UNTOLD**: the task's row shows fewer than a worker was told of. **UNSTARTED**: that work began was forgotten.

**REFUSED THOUGH HELD**, **REFUSED THOUGH APPLIED**, **DOUBTED**: an answer is not true, or says "unknown" without need. **KEPT**: what was given
back is held. **RELEASED THOUGH BEGUN**. **SHORT**: a renewed lease is not whole.

**GIVEN THOUGH COMPLETED**, **RENEWED THOUGH GONE**: resurrected, to a worker. **LEFT**: at the end what is there can't be claimed, so it is lost, or
what is not there can. **DEAD**: a dead letter that should not be one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator
from typing import Any, NamedTuple

from atleastonce.claiming import CAS_TRIES
from atleastonce.exceptions import StoreUnavailable
from atleastonce.record import TaskRecord
from atleastonce_cassandra.protocol import claim, hold, save
from atleastonce_cassandra.protocol.claim import Terms
from atleastonce_cassandra.protocol.clock import MAX_PAUSE_US, MAX_ROUND_TRIP_US
from atleastonce_cassandra.protocol.hold import Holding
from atleastonce_cassandra.protocol.places import SHARD_SLOT, Place
from atleastonce_cassandra.protocol.state import State
from atleastonce_cassandra.protocol.steps import (
    Change,
    Delete,
    Found,
    Measure,
    ReadClaims,
    Swap,
)
from atleastonce_cassandra.protocol.versions import deletion_timestamp

from . import failing
from .chance import Chance
from .clients import Process
from .rules import Rules
from .scenario import HOUR, MINUTE, MS, SECOND
from .task_rows import TaskRows
from .transactions import Transactions

PLACE = Place(b"list", SHARD_SLOT, 0)
LEASE_US = 5 * MINUTE
MAX_ATTEMPTS = 3
WORKERS = 3
IDS = tuple(f"{number}".encode() for number in range(4))
CALLS = 12
"""Of each worker."""

SKEWS_US = (0, 100 * MS, 60 * SECOND)
"""How far the servers' clocks are apart; more is a typed error."""

DRIFT_PPM = 50
"""By how many microseconds a second the machines' clocks run too fast or too slow, at most."""

WEEK_US = 7 * 24 * HOUR
"""So long a row of the claims is kept that nothing is written to."""

MONTH_US = 30 * 24 * HOUR
"""So long, now and then, nobody does anything; the machines' clocks are minutes apart then."""

Version = tuple[bytes, int]


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

    Args:
        seed: decides all.
        skew_us: how far the servers' clocks are apart; None: as the seed says, within what is allowed.

    Attributes:
        now: the true time.
        findings: what went wrong.
    """

    def __init__(self, seed: int, skew_us: int | None = None) -> None:
        self.chance = Chance(seed)
        self.draw = self.chance.below
        self.rules = Rules()
        self.now = 1_700_000_000_000_000
        self.skew_us = self.chance.choose(SKEWS_US) if skew_us is None else skew_us
        self.apart_us = min(self.skew_us, max(SKEWS_US)) + MAX_ROUND_TRIP_US
        self._skews: list[int] = []
        self._set_servers()
        self.findings: list[str] = []
        self.tasks = TaskRows(self.chance)
        self.claims = Transactions(self.chance, 20, self._judge_change)
        self.holds: list[Held] = []
        self.completed: set[Version] = set()
        self.counted: dict[Version, int] = {}  # attempts that somebody was told of
        self.unclaimed: dict[Version, int] = defaultdict(int)  # failures without a claim that were acknowledged
        # of attempts: claims that were begun or failed, and failures without a claim
        self.causes: dict[Version, set] = defaultdict(set)
        self.begun: set[str] = set()  # tokens under which work began, and was acknowledged to
        self.undue: set[str] = set()  # tokens that need not wait until a task is due
        self.applied: list[Change] = []
        self._tokens = self._errors = 0
        for id in IDS:
            self.tasks.save(id)
        self.called = [self.now] * WORKERS  # when each worker began what it is at
        self.queues: list[list[Held]] = [[] for _ in range(WORKERS)]  # claims that others handed to each worker
        self.processes = [
            Process(self, number, 0, self.draw(2 * HOUR) - HOUR, self.draw(2 * DRIFT_PPM + 1) - DRIFT_PPM)
            for number in range(WORKERS)
        ]

    def token(self) -> str:
        """Of a claim; like no other."""
        self._tokens += 1
        return f"token {self._tokens}"

    def _set_servers(self) -> None:
        self._skews = [self.chance.below(self.skew_us + 1) - self.skew_us // 2 for _ in range(3)]

    def run(self) -> None:
        """Let all work, until all have ended; then judge."""
        chance = self.chance
        works = [(process, self.work(process)) for process in self.processes]
        while works:
            self._pass_time()
            if chance.percent(20):
                self.claims.land_one()
            process, work = chance.choose(works)
            if process.wakes > self.now:
                continue
            try:
                next(work)
            except StopIteration:
                works.remove((process, work))
        self._judge()

    def _pass_time(self) -> None:
        chance = self.chance
        what = chance.below(1000)
        if what < 600:
            self.now += chance.below(100 * MS)
        elif what < 900:
            self.now += chance.below(LEASE_US // 10)
        else:
            self.now += chance.below(2 * LEASE_US)
        if what < 970:
            return
        process = chance.choose(self.processes)
        if what < 985:
            process.freeze(chance.choose((SECOND, LEASE_US // 2, 3 * LEASE_US)))
        elif what < 993:
            process.wall_error_us += chance.below(2 * HOUR) - HOUR
        elif what < 998:
            self._set_servers()
        else:
            self.now += MONTH_US
            self.tasks.lagging.clear()
            now = self.now - self.apart_us
            self.claims.expire(lambda state: max(state.until, state.due_at or 0) < now)

    def server_now(self) -> int:
        """What the clock of some server shows."""
        return self.now + self.chance.choose(self._skews)

    def work(self, process: Process) -> Generator[None]:
        """One worker, who claims, works, hands on, completes, fails, dies."""
        chance = self.chance
        mine: list[Held] = []
        for _ in range(CALLS):
            yield
            mine += self.queues[process.number]
            self.queues[process.number].clear()
            self.called[process.number] = self.now
            held = None if not mine or chance.percent(30) else mine[chance.below(len(mine))]
            try:
                yield from self.play(process, save.prepare(process.client))
                if held is None:
                    mine += yield from (self._claim(process) if chance.percent(85) else self._save_and_claim(process))
                elif not (yield from self._act(process, held)):
                    mine.remove(held)
            except StoreUnavailable:
                if held is not None:
                    mine.remove(held)
            if held is None:
                continue
            if chance.percent(5):
                self.tasks.save(chance.choose(IDS))
            if chance.percent(5):
                process.restart()

    def _act(self, process: Process, held: Held) -> Generator[None, None, bool]:
        """Do something with a claim; whether the worker still has it."""
        chance, client = self.chance, process.client
        key = held[1:3]
        holding = Holding(held.version, held.token.encode())
        what = chance.below(10)
        if what <= 1:
            if what == 0:
                self.causes[key].add(held.token)
            began = client.clock.now()
            decide = hold.renewed(client, holding, started=what == 0)
            state = yield from self._change(process, held.id, holding, decide)
            if state is not None:
                if what == 0:
                    self.begun.add(held.token)
                if not began + LEASE_US <= state.until <= client.clock.now() + LEASE_US:
                    self.findings.append(f"SHORT: {held} {state}")
                self._renewed(held, state.until)
            return state is not None
        due_at = None if chance.percent(50) else client.clock.now() + chance.below(LEASE_US)
        if what <= 3:
            unstarted = chance.percent(50)
            self._given_back(held)
            state = yield from self._change(
                process, held.id, holding, hold.released(holding, due_at, unstarted=unstarted), unstarted=unstarted
            )
            self._judge_given_back(held, state)
            if state is not None and unstarted and held.token in self.begun:
                self.findings.append(f"RELEASED THOUGH BEGUN: {held}")
        elif what == 4:
            self._given_back(held)
            yield from self.play(process, _delete(held))
            self.completed.add(key)
        elif what <= 6:
            self._given_back(held)
            self.causes[key].add(held.token)
            yield from self._fail(process, held.id, holding, self.counted.get(key, 0) + 1, due_at)
        elif what == 7:
            self.queues[chance.below(WORKERS)].append(held)
        elif what == 8:
            yield from self._fail_without_claim(process, chance.choose(IDS))
            return True
        return False  # or it dies, and its claim stays

    def _claim(self, process: Process) -> Generator[None, None, list[Held]]:
        client = process.client
        terms = Terms(LEASE_US, client.clock.now(), None, _record)
        look = claim.look(client, PLACE, b"", None, 1 + self.chance.below(4), terms)
        lagging = self.chance.percent(20)
        looked = yield from self.play(process, look, lagging=lagging)
        began, counted = self.now, dict(self.counted)
        records = ()
        if looked.candidates:
            records = yield from self.play(
                process, claim.take(client, PLACE, looked.candidates, terms), lagging=lagging
            )
        given = []
        for record in records:
            key = record.id.encode(), record.saved_at
            held = self._give(process, key, record.claim, began)
            self._judge_attempts(key, record.attempts)
            if record.attempts < counted.get(key, 0) and held.until[0] > self.now:
                self.findings.append(f"FORGOTTEN: {held} {record.attempts}")
            version, (shown, _) = self.tasks.rows.get(held.id, (0, (0, b"")))
            if version == held.version and shown < record.attempts:
                self.findings.append(f"UNTOLD: {held} {record.attempts}")
            self.counted[key] = max(record.attempts, self.counted.get(key, 0))
            given.append(held)
        return given

    def _save_and_claim(self, process: Process) -> Generator[None, None, list[Held]]:
        """A new version, which its saver claims at once, due or not."""
        id = self.chance.choose(IDS)
        version, began = self.tasks.save(id), self.now
        self.undue.add(f"token {self._tokens + 1}")  # the next one: nobody is asked before it is drawn
        claimed = yield from self.play(process, claim.claim_saved(process.client, PLACE, {id: version}, LEASE_US))
        return [self._give(process, (id, version), one, began) for one in claimed.values()]

    def _give(self, process: Process, key: Version, given: Any, began: int) -> Held:
        held = Held(process.number, *key, given.token, self.now, [given.until])
        if key in self.completed and self.tasks.deleted.get(key, began) < began:
            self.findings.append(f"GIVEN THOUGH COMPLETED: {held}")
        for other in self.holds:
            both_until = min(held.until[0], other.until[0])  # either may be nearly over when it is given
            if other[1:3] == key and other.token != held.token and both_until > self.now + self.apart_us:
                self.findings.append(f"TWO HOLD: {other} {held}")
        self.holds.append(held)
        return held

    def _judge_attempts(self, key: Version, attempts: int) -> None:
        """Each was a failure, or a claim that was begun and then lost."""
        if attempts > len(self.causes[key]):
            self.findings.append(f"COUNTED TWICE: {key} {attempts} {self.causes[key]}")

    def _change(
        self, process: Process, id: bytes, holding: Holding, decide: Any, *, unstarted: bool = False
    ) -> Generator[None, None, State | None]:
        """Change one claim; its new state, None where it is refused."""
        sent: list[Change] = []
        began = self.now
        states = yield from self._told_of(
            id, sent, self.play(process, hold.change(process.client, PLACE, {id: decide}), sent)
        )
        if id not in states:
            self._judge_refused(id, holding, sent, unstarted=unstarted)
            return None
        if self.tasks.deleted.get((id, holding.version), began) < began:
            self.findings.append(f"RENEWED THOUGH GONE: {id!r} {holding}")
        return states[id]

    def _told_of(self, id: bytes, sent: list[Change], playing: Generator) -> Generator[None, None, Any]:
        """Whoever is told that nobody knows has reason to be."""
        try:
            return (yield from playing)
        except StoreUnavailable as error:
            there = self.claims.rows.get((PLACE, id))
            if "may have been changed" in str(error) and any(change.new == there for change in sent):
                self.findings.append(f"DOUBTED: {id!r} {there}")
            raise

    def _judge_refused(self, id: bytes, holding: Holding, sent: list[Change], *, unstarted: bool = False) -> None:
        there = self.claims.rows.get((PLACE, id))
        if self.tasks.version(id) != holding.version:
            return
        # A claim that is over does not come back, so it was there all the time.
        is_held = holding.token is not None and there is not None and there.token == holding.token
        if is_held and not (unstarted and there.started):
            self.findings.append(f"REFUSED THOUGH HELD: {id!r} {holding}")
        if any(change is applied for change in sent for applied in self.applied):
            self.findings.append(f"REFUSED THOUGH APPLIED: {id!r} {holding}")

    def _fail(
        self, process: Process, id: bytes, holding: Holding, attempts: int, due_at: int | None
    ) -> Generator[None, None, bool]:
        sent: list[Change] = []
        self._errors += 1
        failure = failing.told(attempts, MAX_ATTEMPTS, f"E {self._errors}", due_at)
        steps = failing.tell(
            process.client, PLACE, id, holding, failure, lambda: self._judge_refused(id, holding, sent)
        )
        state = yield from self._told_of(id, sent, self.play(process, steps, sent))
        if state is None:
            return False
        if state.attempts < attempts:
            self.findings.append(f"NOT COUNTED: {id!r} {holding}")
        key = id, holding.version
        self.counted[key] = max(attempts, self.counted.get(key, 0))
        if holding.token is None:
            self.unclaimed[key] += 1
        elif (there := self.claims.rows.get((PLACE, id))) is not None and there.token == holding.token:
            self.findings.append(f"KEPT: {id!r} {holding}")
        return True

    def _fail_without_claim(self, process: Process, id: bytes) -> Generator[None]:
        """One attempt failed; as `Claiming` tells it."""
        version = self.tasks.version(id)
        if not version:
            return
        causes = self.causes[id, version]
        causes.add(len(causes))
        for _ in range(CAS_TRIES):
            stored = yield from self.play(process, failing.find(PLACE, id))
            if stored is None or stored.version != version:
                return
            if (yield from self._fail(process, id, Holding(version, None), failing.attempts_of(stored) + 1, None)):
                return

    def _renewed(self, held: Held, until: int) -> None:
        for other in self.holds if until > self.now + self.apart_us else ():
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

    def _judge_given_back(self, held: Held, state: State | None) -> None:
        there = self.claims.rows.get((PLACE, held.id))
        if state is not None and there is not None and there.token == held.token.encode():
            self.findings.append(f"KEPT: {held} {there}")

    def play(
        self, process: Process, steps: Generator, sent: list[Change] | None = None, *, lagging: bool = False
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
            if self.now - self.called[process.number] > WEEK_US:
                raise StoreUnavailable("no answer in time")  # whatever its clocks say: a call takes seconds
            began = process.elapsed()
            if isinstance(step, Measure):
                answer = yield from self._measure(process, began)
                continue
            answer = self._perform(step, lagging=lagging)
            if self.chance.percent(50):
                yield
            if process.elapsed() - began > MAX_PAUSE_US:
                process.clock.suspect()

    def _measure(self, process: Process, began: int) -> Generator[None, None, None]:
        if self.chance.percent(20):
            yield
        shown = self.server_now()
        if self.chance.percent(20):
            yield
        process.clock.measured(shown, began)

    def _perform(self, step: Any, *, lagging: bool) -> Any:
        if isinstance(step, Swap):
            return self.claims.send(step)
        if isinstance(step, ReadClaims):
            return self.claims.read(step)
        return self.tasks.perform(step, self.now, lagging=lagging)

    def _judge_change(self, place: Place, change: Change) -> None:
        """Of one row of the claims, as it is applied."""
        self.applied.append(change)
        id, old, new = change
        if old is None:
            return
        late = self.now + self.apart_us
        if old.version != new.version:
            # No claim on what is there gives way to one of an older version.
            if old.is_newer(new.version) and old.is_held(late) and self.tasks.version(id) == old.version:
                self.findings.append(f"OVERWRITTEN: {id!r} {old} {new}")
            return
        if new.attempts < old.attempts:
            self.findings.append(f"FORGOTTEN: {id!r} {old} {new}")
        if new.token == old.token:
            if old.started and not new.started:
                self.findings.append(f"UNSTARTED: {id!r} {old} {new}")
        elif new.token is not None:
            if old.is_held(late):
                self.findings.append(f"TAKEN THOUGH HELD: {id!r} {old} {new}")
            if (old.due_at or 0) > late and new.token.decode() not in self.undue:
                self.findings.append(f"TAKEN BEFORE DUE: {id!r} {old} {new}")
            if old.token is not None and old.started and new.attempts <= old.attempts:
                self.findings.append(f"UNCOUNTED: {id!r} {old} {new}")

    def _judge(self) -> None:
        """Whatever is left can be claimed, once every lease has ended; what is dead or completed is not there."""
        self.claims.settle()
        self.now += 3 * LEASE_US + self.skew_us
        process = self.processes[0]
        self.called[0] = self.now
        chance, self.chance = self.chance, _Calm()
        self.claims.chance = self.chance
        _drained(self.play(process, save.prepare(process.client)))
        terms = Terms(LEASE_US, process.client.clock.now(), None, _record)
        looked = _drained(self.play(process, claim.look(process.client, PLACE, b"", None, len(IDS), terms)))
        records = []
        if looked.candidates:
            records = _drained(self.play(process, claim.take(process.client, PLACE, looked.candidates, terms)))
        self.chance = chance
        if {record.id.encode() for record in records} != set(self.tasks.rows):
            self.findings.append(f"LEFT: {set(self.tasks.rows)} {records}")
        for id, (version, attempts) in self.tasks.dead.items():
            self._judge_attempts((id, version), attempts)
            is_in_both = self.tasks.version(id) == version and (id, version) not in self.tasks.copied
            if attempts < MAX_ATTEMPTS or is_in_both:
                self.findings.append(f"DEAD: {id!r} {version} {attempts}")
        for record in records:
            key = record.id.encode(), record.saved_at
            self._judge_attempts(key, record.attempts)
            if record.attempts < self.counted.get(key, 0):
                self.findings.append(f"FORGOTTEN: {record}")
            if record.attempts < self.unclaimed[key]:
                self.findings.append(f"MISCOUNTED: {record}")


class _Calm(Chance):
    """Nothing goes wrong."""

    def __init__(self) -> None:
        super().__init__(0)

    def percent(self, likely: float) -> bool:
        return False


def _record(found: Found) -> TaskRecord:
    attempts, error = found.failure or (0, b"")
    return TaskRecord("list", found.id.decode(), "T", b"{}", found.version, attempts, error.decode() or None)


def _delete(held: Held) -> Generator:
    yield Delete(PLACE, [(held.id, deletion_timestamp(held.version))])


def _drained(steps: Generator) -> Any:
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value


def run_claims(seed: int, skew_us: int | None = None) -> ClaimWorld:
    """One run."""
    world = ClaimWorld(seed, skew_us)
    world.run()
    return world
