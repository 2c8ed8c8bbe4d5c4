"""The state machine with claims: random calls of `ClaimsInterface` among those of `DataInterface`, beside a model.

It looks for breaches of these invariants: a live claim has one holder; a lost claim changes nothing (I7); a task that failed for
good is among the dead letters until it is discarded, and nothing else is (I1, I2).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any, cast

import attrs
from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from atleastonce.claims import WORKER_LOST, ClaimsInterface, Failure, Held
from atleastonce.interface import DataInterface
from atleastonce.record import Claim, TaskKey, TaskRecord

from .machine import IDS, LISTS, BackendMachine, Key, lists, objects, own_versions

LEASES_US = (1_000_000, 600_000_000, 36_000_000_000)  # the clock moves by seconds and by hours
FOR_EVER_US = 30 * 24 * 36_000_000_000

moments: st.SearchStrategy[int | None] = st.sampled_from(
    [None, -3_600_000_000, 0, 1_000_000, 3_600_000_000]
)  # from now
which: st.SearchStrategy[int] = st.integers(0, 30)
failures: st.SearchStrategy[tuple[Any, ...]] = st.tuples(  # attempts more than stored, text, due, dead
    st.sampled_from([1, 1, 1, 0, -1, 5]), st.sampled_from(["E: no", "\u00fc\udcff", ""]), moments, st.booleans()
)


@attrs.define
class Holding:
    """A claim in the model."""

    version: int
    token: str
    lease: int
    until: int
    started: bool = False


class ClaimMachine(BackendMachine):
    """Plays with claims too."""

    def __init__(self, *args: Any, leases_follow_clock: bool, **options: Any) -> None:
        super().__init__(*args, **options)
        self.leases: tuple[int, ...] = LEASES_US if leases_follow_clock else (FOR_EVER_US,)
        self.holdings: dict[Key, Holding] = {}
        self.known: list[Held] = []  # every claim that was ever given, lost or not
        self.dead: dict[Key, TaskRecord] = {}

    def teardown(self) -> None:
        """Dead letters go too, so that the storage does not grow."""
        try:
            self.claimer(0).discard([TaskKey(*key) for key in self.dead])
            self.dead.clear()
        finally:
            super().teardown()

    # Claims.

    @rule(
        task_list=lists,
        by=objects,
        lease=which,
        limit=st.sampled_from([1, 2, 100]),
        due=moments,
        cut=st.none() | st.integers(0, 50),
    )
    def claim_all(self, task_list: str, by: int, lease: int, limit: int, due: int | None, cut: int | None) -> None:
        """A whole pass, in pages: all that is due and free, once."""
        name = self.prefix + task_list
        saved_before = self.saved_before(name, cut)
        options = {"lease": self.lease(lease), "limit": limit, "due_by": self.moment(due), "saved_before": saved_before}
        wanted = self.due(name, self.moment(due), saved_before)
        cursor = None
        given: list[TaskRecord] = []
        while True:
            page = self.claimer(by).claim(name, cursor=cursor, **cast("Any", options))
            assert len(page.records) <= limit
            given += page.records
            cursor = page.cursor
            if cursor is None:
                break
        assert [it.id for it in given] == [it.id for it in wanted], "what was claimed is not what is due and free"
        for one in given:
            self.taken(one)

    @rule(task_list=lists, by=objects, lease=which, limit=st.sampled_from([1, 3]))
    def claim_some(self, task_list: str, by: int, lease: int, limit: int) -> None:
        """One page."""
        name = self.prefix + task_list
        wanted = self.due(name, None, None)
        page = self.claimer(by).claim(name, lease=self.lease(lease), limit=limit)
        assert len(page.records) <= limit
        ids = [it.id for it in page.records]
        assert ids == [it.id for it in wanted][: len(ids)]
        assert page.cursor is not None or len(ids) == len(wanted)
        for one in page.records:
            self.taken(one)

    @precondition(lambda self: self.versions)
    @rule(
        batch=st.lists(st.tuples(which, own_versions), min_size=1, max_size=4, unique_by=lambda it: it[0]),
        by=objects,
        lease=which,
    )
    def claim_versions(self, batch: list[tuple[int, str]], by: int, lease: int) -> None:
        """As after a save: by the stored version, or another."""
        saved = list(self.versions)
        chosen = {saved[number % len(saved)]: own for number, own in batch}
        keys = [TaskKey(*key, self.version(key, own)) for key, own in chosen.items()]
        expected = []
        for key in keys:
            there = self.stored.get((key.task_list, key.id))
            expected.append(there is not None and there.saved_at == key.saved_at and self.is_free(there))
        claims = self.claimer(by).claim_saved(keys, lease=self.lease(lease))
        assert [claim is not None for claim in claims] == expected
        for key, claim in zip(keys, claims, strict=True):
            if claim is not None:
                self.hold(self.stored[key.task_list, key.id], claim)

    @precondition(lambda self: self.known)
    @rule(number=which, by=objects, done=st.none() | st.tuples(which, own_versions))
    def start(self, number: int, by: int, done: tuple[int, str] | None) -> None:
        """Work begins, perhaps under a lost claim, and another task is completed in the same step."""
        held = self.one_known(number)
        key = None
        if done is not None:
            saved = list(self.versions)
            own = saved[done[0] % len(saved)]
            key = TaskKey(*own, self.version(own, done[1]))
            self.deleted([key])
        holding = self.holding(held)
        claim = self.claimer(by).start(held, done=key)
        assert (claim is not None) is (holding is not None)
        if holding is not None:
            holding.started = True
            holding.until = self.clock() + holding.lease

    @precondition(lambda self: self.known)
    @rule(numbers=st.lists(which, min_size=1, max_size=4), by=objects)
    def heartbeat(self, numbers: list[int], by: int) -> None:
        """Renew some, lost ones too."""
        held = [self.one_known(number) for number in numbers]
        holdings = [self.holding(one) for one in held]
        claims = self.claimer(by).heartbeat(held)
        assert [claim is not None for claim in claims] == [holding is not None for holding in holdings]
        for holding in holdings:
            if holding is not None:
                holding.until = self.clock() + holding.lease

    @precondition(lambda self: self.known)
    @rule(
        numbers=st.lists(which, min_size=1, max_size=4),
        by=objects,
        due=moments,
        unstarted=st.booleans(),
        plain=st.booleans(),
    )
    def release(self, numbers: list[int], by: int, due: int | None, unstarted: bool, plain: bool) -> None:  # noqa: FBT001  # Hypothesis
        """Give some back; or, without a token, only say when they are due."""
        held = [self.one_known(number, plain=plain) for number in numbers]
        due_at = self.moment(due)
        expected = []
        for one in held:
            key, there, holding = self.key(one), self.there(one), self.holdings.get(self.key(one))
            mine = there is not None if plain else self.holding(one) is not None
            matches = mine and not (unstarted and holding is not None and holding.started)
            expected.append(matches)
            if matches and there is not None:
                if due_at is not None:
                    self.stored[key] = attrs.evolve(there, due_at=due_at)
                if not plain:
                    del self.holdings[key]
        assert list(self.claimer(by).release(held, due_at=due_at, unstarted=unstarted)) == expected

    @precondition(lambda self: self.known)
    @rule(number=which, by=objects, failure=failures, plain=st.booleans())
    def fail(self, number: int, by: int, failure: tuple[Any, ...], plain: bool) -> None:  # noqa: FBT001  # Hypothesis draws it
        """An attempt failed, perhaps the last; under a live claim, a lost one or none."""
        held = self.one_known(number, plain=plain)
        key, there = self.key(held), self.there(held)
        more, text, due, dead = failure
        attempts = max(0, (there.attempts if there else 0) + more)
        report = Failure(held=held, attempts=attempts, last_error=text, due_at=self.moment(due), dead=dead)
        fewer = there is not None and there.attempts < attempts
        matches = fewer if plain else self.holding(held) is not None
        assert self.claimer(by).fail(report) is matches
        if not matches or there is None:
            return
        attempts = max(attempts, there.attempts)
        failed = attrs.evolve(there, attempts=attempts, last_error=text, due_at=report.due_at)
        if not plain:
            del self.holdings[key]
        if dead:
            self.deleted([TaskKey(*key)])
            self.dead[key] = attrs.evolve(failed, due_at=None, died_at=self.clock())
        else:
            self.stored[key] = failed

    @precondition(lambda self: self.dead)
    @rule(number=which, by=objects, ahead=st.sampled_from([None, -1, 0, 1]))
    def discard(self, number: int, by: int, ahead: int | None) -> None:
        """Throw a dead letter away, if that version is meant."""
        key = list(self.dead)[number % len(self.dead)]
        version = None if ahead is None else (self.dead[key].saved_at or 0) + ahead
        self.claimer(by).discard([TaskKey(*key, version)])
        if ahead != -1:
            del self.dead[key]

    @rule(by=objects)
    def flush(self, by: int) -> None:
        """Changes nothing that can be seen."""
        self.claimer(by).flush()

    @rule(task_list=lists, by=objects)
    def read_dead(self, task_list: str, by: int) -> None:
        """The dead letters of a list."""
        self.compare_dead(self.claimer(by), self.prefix + task_list)

    # Stories: what would hardly come about by single calls.

    @precondition(lambda self: self.known)
    @rule(number=which, by=objects, to=objects, started=st.booleans(), beats=st.integers(0, 2))
    def lose_a_worker(self, number: int, by: int, to: int, started: bool, beats: int) -> None:  # noqa: FBT001  # Hypothesis
        """One works, or not yet, and renews its lease, or not; then it is gone, and another claims after the lease."""
        held = self.one_known(number)
        holding = self.holding(held)
        if started:
            self.start(number=number, by=by, done=None)
        for _ in range(beats):
            if holding is not None:
                self.clock.advance(timedelta(microseconds=holding.lease * 6 // 10))
            self.claim_all(held.task_list.removeprefix(self.prefix), to, 0, 100, None, None)
            self.heartbeat(numbers=[number], by=by)
        if holding is not None and holding.lease in LEASES_US:
            self.clock.advance(timedelta(microseconds=holding.lease))
        self.claim_all(held.task_list.removeprefix(self.prefix), to, 0, 100, None, None)
        self.start(number=number, by=by, done=None)

    @precondition(lambda self: self.known)
    @rule(number=which, by=objects, to=objects, more=st.integers(1, 3), dead=st.booleans())
    def fail_beside_another(self, number: int, by: int, to: int, more: int, dead: bool) -> None:  # noqa: FBT001  # Hypothesis
        """Somebody without a claim reports, twice, while another works, who reports later from what it had read."""
        held = self.one_known(number)
        there = self.there(held)
        attempts = there.attempts if there else 0
        self.fail(number=number, by=by, failure=(more, "E: one", None, False), plain=True)
        self.fail(number=number, by=by, failure=(0, "E: one, again", None, dead), plain=True)
        there = self.there(held)
        late = attempts + 1 - (there.attempts if there else 0)
        self.fail(number=number, by=to, failure=(late, "E: two", None, dead), plain=False)

    @rule(task_list=lists, id=st.sampled_from(IDS[:2]), by=objects, to=objects, times=st.integers(1, 2))
    def die(self, task_list: str, id: str, by: int, to: int, times: int) -> None:
        """A task is saved and dies, perhaps again, as another version."""
        for data in (b"1", b"2")[:times]:
            key = (task_list, id)
            self.store([self.record(key, ("T", data, None, {}), "none")], by)
            self.clock.advance(timedelta(seconds=1))
            self.claim_all(task_list, to, 2, 100, None, None)
            self.fail(number=next(self.numbers_of(key)), by=to, failure=(1, "E: no", None, True), plain=False)
        self.compare_dead(self.claimer(by), self.prefix + task_list)

    def numbers_of(self, key: tuple[str, str]) -> Iterator[int]:
        """As which the claims of that key are known, the newest first."""
        return (number for number, one in enumerate(reversed(self.known)) if self.key(one) == self.own(key))

    # The model.

    def claimer(self, by: int) -> ClaimsInterface:
        """One of the objects."""
        return cast("ClaimsInterface", self.objects[by])

    def lease(self, number: int) -> int:
        """A lease, in microseconds."""
        return self.leases[number % len(self.leases)]

    def moment(self, offset: int | None) -> int | None:
        """A moment near now."""
        return None if offset is None else self.clock() + offset

    def key(self, held: Held) -> Key:
        """The key of a task."""
        return held.task_list, held.id

    def one_known(self, number: int, *, plain: bool = False) -> Held:
        """A claim that was given at some time."""
        held = self.known[-1 - number % len(self.known)]
        return attrs.evolve(held, token=None) if plain else held

    def there(self, held: Held) -> TaskRecord | None:
        """The task, if it is there at that version."""
        there = self.stored.get(self.key(held))
        return there if there is not None and there.saved_at == held.saved_at else None

    def holding(self, held: Held) -> Holding | None:
        """The claim, if nobody took it."""
        holding = self.holdings.get(self.key(held))
        if holding is None or self.there(held) is None or holding.version != held.saved_at:
            return None
        return holding if holding.token == held.token else None

    def is_free(self, record: TaskRecord) -> bool:
        """Whether nobody holds it."""
        holding = self.holdings.get((record.task_list, record.id))
        return holding is None or holding.version != record.saved_at or holding.until <= self.clock()

    def due(self, task_list: str, due_by: int | None, saved_before: int | None) -> list[TaskRecord]:
        """What a pass has to give, in order."""
        by = self.clock() if due_by is None else due_by
        found = self.expected(task_list, saved_before)
        return [it for it in found if max(it.run_at or 0, it.due_at or 0) <= by and self.is_free(it)]

    def hold(self, there: TaskRecord, claim: Claim) -> None:
        """Somebody else's claim is over, if there was one: note the new one."""
        key = (there.task_list, there.id)
        before = self.holdings.get(key)
        lost = before is not None and before.version == there.saved_at and before.started
        assert claim.worker_lost is lost
        if lost:
            self.stored[key] = attrs.evolve(there, attempts=there.attempts + 1, last_error=WORKER_LOST)
        assert all(claim.token != one.token for one in self.known), "a token was given twice"
        version = there.saved_at or 0
        self.holdings[key] = Holding(version, claim.token, claim.lease, self.clock() + claim.lease)
        self.known.append(Held(*key, version, claim.token))

    def taken(self, given: TaskRecord) -> None:
        """A record that was claimed: as it is stored now."""
        key = (given.task_list, given.id)
        assert given.claim is not None
        self.hold(self.stored[key], given.claim)
        assert attrs.evolve(given, claim=None) == self.stored[key]

    def deleted(self, keys: list[TaskKey]) -> None:
        """Done to the model alone; claims go with their tasks."""
        super().deleted(keys)
        self.holdings = {key: holding for key, holding in self.holdings.items() if key in self.stored}

    def compare_dead(self, backend: ClaimsInterface, name: str) -> None:
        """The dead letters of a list, in order."""
        expected = sorted(
            (it for (list_, _), it in self.dead.items() if list_ == name), key=lambda it: self.order(it.id)
        )
        found = [attrs.evolve(it, due_at=None) for it in backend.dead(name)]
        assert found == expected, "the dead letters are not what died"

    def compare_everything(self, backend: DataInterface) -> None:
        """The dead letters too."""
        super().compare_everything(backend)
        for name in LISTS:
            self.compare_dead(cast("ClaimsInterface", backend), self.prefix + name)
