"""Dead letters: a task that failed for good moves there, and is in neither place at no time."""

from __future__ import annotations

from functools import partial
from itertools import islice

import attrs

from atleastonce.claims import ClaimsInterface, Held
from atleastonce.record import TaskKey
from atleastonce.testing.clock import TestClock

from .base import Handles, record, save
from .claims import HOUR_US, ClaimClauses, failure, held, key, take, take_one, unclaimed, with_claims


class DeadClauses(ClaimClauses):
    """`fail` for the last time, `dead`, `discard`."""

    def bury(self, claims: ClaimsInterface, id: str = "a", **fields: object) -> int:
        """Save a task and let it die; its version."""
        version = save(claims, record(id, **fields))  # type: ignore[arg-type]  # as `record` takes them
        assert claims.fail(failure(Held("list", id, version), 1, dead=True))
        return version

    def test_a_dead_task_moves(self, handles: Handles, claims: ClaimsInterface, clock: TestClock) -> None:
        saved = record("a", type="T@2", data=b"\x00\xff", run_at=5, meta={"k": "\u00fc"})
        version = save(claims, saved)
        save(claims, record("b"))
        given = take(claims)[0]
        assert claims.fail(failure(held(given), 3, last_error="for good", due_at=clock() + HOUR_US, dead=True))
        for one in (claims, with_claims(handles.open())):
            assert one.find("list", "a") is None
            assert [it.id for it in one.all("list")] == ["b"]
            assert one.count("list") == 1
            (dead,) = one.dead("list")
            died_at = dead.died_at
            assert died_at is not None
            assert attrs.evolve(dead, due_at=None) == attrs.evolve(
                saved, saved_at=version, attempts=3, last_error="for good", died_at=died_at
            )
        assert not claims.fail(failure(held(given), 4, dead=True))
        assert claims.heartbeat([held(given)]) == [None]
        assert take(claims) == []

    def test_it_says_when_it_died(self, claims: ClaimsInterface, clock: TestClock) -> None:
        self.bury(claims)
        (dead,) = claims.dead("list")
        assert dead.died_at == clock()

    def test_a_list_of_dead_letters_only_is_empty(self, claims: ClaimsInterface) -> None:
        self.bury(claims)
        assert claims.count("list") == 0
        assert list(claims.all("list")) == take(claims) == []

    def test_dead_letters_come_in_order_and_one_list_only(self, claims: ClaimsInterface) -> None:
        ids = sorted((f"{n:06}" for n in range(self.many_records // 10)), key=self.order)
        versions = claims.store([record(id) for id in reversed(ids)])
        for id, version in zip(reversed(ids), versions, strict=True):
            assert claims.fail(failure(Held("list", id, version), dead=True))
        other = save(claims, record("a", task_list="other"))
        assert claims.fail(failure(Held("other", "a", other), dead=True))
        assert [it.id for it in claims.dead("list")] == ids
        assert [it.id for it in claims.dead("other")] == ["a"]
        assert list(claims.dead("none")) == []

    def test_dead_letters_may_be_discarded_as_they_are_read(self, claims: ClaimsInterface) -> None:
        for id in "abcd":
            self.bury(claims, id)
        half_read = claims.dead("list")
        assert len(list(islice(half_read, 1))) == 1
        seen = []
        for one in claims.dead("list"):
            seen.append(one.id)
            claims.discard([key(one)])
        assert seen == sorted("abcd", key=self.order)
        assert list(claims.dead("list")) == []
        del half_read

    def test_discard_removes_the_version_that_is_meant(self, claims: ClaimsInterface) -> None:
        versions = {id: self.bury(claims, id) for id in "abc"}
        kept = save(claims, record("d"))
        claims.discard([TaskKey("list", "a", versions["a"] - 1), TaskKey("list", "x"), TaskKey("other", "a")])
        assert [it.id for it in claims.dead("list")] == sorted("abc", key=self.order)
        claims.discard(
            [TaskKey("list", "a", versions["a"]), TaskKey("list", "b", versions["b"] + 1), TaskKey("list", "c")]
        )
        claims.discard([TaskKey("list", "a", versions["a"])])
        claims.discard([])
        assert list(claims.dead("list")) == []
        claims.discard([TaskKey("list", "d", kept)])
        assert claims.find("list", "d") is not None

    def test_delete_leaves_dead_letters(self, claims: ClaimsInterface) -> None:
        version = self.bury(claims)
        claims.delete([TaskKey("list", "a"), TaskKey("list", "a", version)])
        assert [it.id for it in claims.dead("list")] == ["a"]

    def test_a_saved_task_lives_beside_its_dead_letter(self, claims: ClaimsInterface) -> None:
        old = self.bury(claims, data=b"old")
        new = save(claims, record("a", data=b"new"))
        assert new > old
        assert claims.find("list", "a") == record("a", data=b"new", saved_at=new)
        (dead,) = claims.dead("list")
        assert (dead.data, dead.saved_at) == (b"old", old)
        claims.discard([key(dead)])
        assert claims.find("list", "a") == record("a", data=b"new", saved_at=new)

    def test_a_dead_letter_is_replaced_by_the_next_one(self, claims: ClaimsInterface) -> None:
        self.bury(claims, data=b"old")
        version = self.bury(claims, data=b"new", type="Other")
        (dead,) = claims.dead("list")
        assert (dead.data, dead.saved_at, dead.type) == (b"new", version, "Other")
        assert claims.count("list") == 0

    def test_dead_letters_outlive_the_object(self, handles: Handles, claims: ClaimsInterface) -> None:
        version = self.bury(claims)
        if self.persistent:
            self.crash(claims)
        again = with_claims(handles.open())
        assert [it.saved_at for it in again.dead("list")] == [version]
        assert again.find("list", "a") is None

    def test_a_moving_task_is_in_neither_place_at_no_time(self, handles: Handles, claims: ClaimsInterface) -> None:
        """Seen by somebody who looks among the tasks first, and then among the dead letters."""
        other = with_claims(handles.open())
        ids = [f"{n:03}" for n in range(100)]
        versions = claims.store([record(id) for id in ids])
        done = False

        def move() -> None:
            nonlocal done
            try:
                for id, version in zip(ids, versions, strict=True):
                    assert claims.fail(failure(Held("list", id, version), dead=True))
            finally:
                done = True

        def look() -> None:
            while not done:
                there = {it.id for it in other.all("list")}
                there |= {it.id for it in other.dead("list")}
                assert not set(ids) - there, "a task is in neither place"

        self.in_threads([move, look])
        assert [it.id for it in claims.dead("list")] == sorted(ids, key=self.order)

    def test_one_of_many_who_bury_a_task_does(self, handles: Handles, claims: ClaimsInterface) -> None:
        backends = [claims, with_claims(handles.open())]
        version = save(claims, record("a"))
        last = failure(Held("list", "a", version), dead=True)
        done = self.in_threads([partial(backends[n % 2].fail, last) for n in range(6)])
        assert sorted(done) == [False] * 5 + [True]
        assert [it.saved_at for it in claims.dead("list")] == [version]

    def test_a_claim_of_a_living_task_is_not_disturbed(self, claims: ClaimsInterface) -> None:
        save(claims, record("b"))
        given = take_one(claims, "b")
        self.bury(claims)
        assert claims.find("list", "b") == unclaimed(given)
        assert claims.heartbeat([held(given)]) != [None]
