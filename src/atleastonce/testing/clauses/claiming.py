"""`claim` and `claim_saved`: who gets what, once."""

from __future__ import annotations

import os
from datetime import timedelta
from functools import partial

import attrs
import pytest

from atleastonce.claims import ClaimsInterface
from atleastonce.record import TaskKey
from atleastonce.testing.clock import TestClock

from .base import Handles, record, save
from .claims import DAY, HOUR_US, LONG_US, ClaimClauses, held, key, take, take_one, unclaimed, with_claims
from .forks import fork_child, ignore_fork_warning, wait_for

CLAIMERS = 8


class ClaimingClauses(ClaimClauses):
    """`claim` and `claim_saved`."""

    def test_a_claim_gives_what_is_stored(self, claims: ClaimsInterface) -> None:
        saved = record("a", type="T@2", data=b"\x00\xff", run_at=5, meta={"k": "\u00fc"})
        version = save(claims, saved)
        given = take_one(claims, lease=LONG_US)
        assert given.claim is not None
        assert given.claim.lease == LONG_US
        assert given.claim.token
        assert not given.claim.worker_lost
        assert unclaimed(given) == attrs.evolve(saved, saved_at=version) == claims.find("list", "a")

    def test_a_token_is_not_shown(self, claims: ClaimsInterface) -> None:
        save(claims, record("a"))
        given = take_one(claims)
        assert given.claim is not None
        assert given.claim.token not in repr(given)

    def test_what_is_claimed_stays_where_it_is(self, handles: Handles, claims: ClaimsInterface) -> None:
        claims.store([record(id) for id in "abc"])
        given = take(claims)
        for one in (claims, handles.open()):
            assert list(one.all("list")) == [unclaimed(it) for it in given]
            assert one.count("list") == 3
            assert list(one.task_lists()) == ["list"]

    def test_what_is_claimed_is_not_given_again(self, handles: Handles, claims: ClaimsInterface) -> None:
        claims.store([record(id) for id in "abc"])
        first = claims.claim("list", lease=LONG_US, limit=2)
        other = with_claims(handles.open())
        assert [it.id for it in [*first.records, *take(other)]] == sorted("abc", key=self.order)
        assert take(claims) == take(other) == []

    def test_no_more_than_asked_for(self, claims: ClaimsInterface) -> None:
        claims.store([record(id) for id in "abcde"])
        ids: list[str] = []
        cursor = None
        while True:
            page = claims.claim("list", lease=LONG_US, limit=2, cursor=cursor)
            assert len(page.records) <= 2
            ids += [it.id for it in page.records]
            cursor = page.cursor
            if cursor is None:
                break
        assert ids == sorted("abcde", key=self.order)

    def test_an_empty_list_gives_nothing(self, claims: ClaimsInterface) -> None:
        save(claims, record("a", task_list="other"))
        page = claims.claim("list", lease=LONG_US, limit=1)
        assert (list(page.records), page.cursor) == ([], None)

    def test_one_list_only_is_claimed(self, claims: ClaimsInterface) -> None:
        names = ["list", "List", "list ", "lis", "list%", "l_st"]
        claims.store([record("a", task_list=name) for name in names])
        assert [it.task_list for it in take(claims, "list")] == ["list"]
        assert [it.task_list for name in names for it in take(claims, name)] == names[1:]

    def test_a_pass_sees_each_once(self, handles: Handles, claims: ClaimsInterface) -> None:
        ids = sorted((f"{n:06}" for n in range(self.many_records)), key=self.order)
        claims.store([record(id) for id in ids])
        before = take(with_claims(handles.open()), limit=self.many_records // 3, saved_before=LONG_US * 10**6)
        assert [it.id for it in before] == ids
        claims.release([held(it) for it in before[::2]])
        seen = []
        cursor = None
        while True:
            page = claims.claim("list", lease=LONG_US, limit=100, cursor=cursor)
            seen += [it.id for it in page.records]
            claims.release([held(it) for it in page.records])  # free again, but behind the cursor
            cursor = page.cursor
            if cursor is None:
                break
        assert seen == ids[::2]

    def test_tokens_are_all_different(self, claims: ClaimsInterface) -> None:
        claims.store([record(f"{n:03}") for n in range(200)])
        found: set[str] = set()
        for _ in range(2):
            given = take(claims)
            found |= {it.claim.token for it in given if it.claim is not None}
            claims.release([held(it) for it in given])
        assert len(found) == 400

    def test_a_task_is_not_due_before_its_time(self, claims: ClaimsInterface, clock: TestClock) -> None:
        save(claims, record("a", run_at=clock() + HOUR_US))
        save(claims, record("b", run_at=clock()))
        assert [it.id for it in take(claims)] == ["b"]
        clock.advance(timedelta(hours=1))
        assert [it.id for it in take(claims)] == ["a"]

    def test_a_clock_that_steps_is_followed(self, claims: ClaimsInterface, clock: TestClock) -> None:
        save(claims, record("a", run_at=clock()))
        clock.advance(timedelta(hours=-1))
        assert take(claims) == []
        clock.advance(DAY)
        take_one(claims)

    def test_due_by_is_another_moment(self, claims: ClaimsInterface, clock: TestClock) -> None:
        save(claims, record("a"))
        save(claims, record("b", run_at=clock()))
        save(claims, record("c", run_at=clock() + HOUR_US))
        assert [it.id for it in take(claims, due_by=clock() - 1)] == ["a"]
        assert [it.id for it in take(claims, due_by=clock() + HOUR_US - 1)] == ["b"]
        assert [it.id for it in take(claims, due_by=clock() + HOUR_US)] == ["c"]

    def test_saved_before_is_strict_for_claims(self, claims: ClaimsInterface) -> None:
        first, second = save(claims, record("a")), save(claims, record("b"))
        assert take(claims, saved_before=first) == []
        assert [it.id for it in take(claims, saved_before=second)] == ["a"]
        assert [it.id for it in take(claims, saved_before=second + 1)] == ["b"]

    def test_saving_anew_voids_the_claim(self, handles: Handles, claims: ClaimsInterface) -> None:
        save(claims, record("a", data=b"old"))
        old = take_one(claims)
        assert claims.start(held(old)) is not None
        version = save(handles.open(), record("a", data=b"new"))
        assert claims.start(held(old)) is None
        assert claims.heartbeat([held(old)]) == [None]
        assert claims.release([held(old)]) == [False]
        new = take_one(claims)
        assert (new.data, new.saved_at, new.attempts, new.last_error) == (b"new", version, 0, None)
        assert claims.heartbeat([held(old, saved_at=version)]) == [None]
        claims.delete([key(old)])
        assert claims.find("list", "a") == unclaimed(new)

    def test_complete_needs_the_version_only(self, handles: Handles, claims: ClaimsInterface) -> None:
        save(claims, record("a"))
        given = take_one(claims)
        handles.open().delete([key(given)])
        assert claims.find("list", "a") is None
        assert claims.heartbeat([held(given)]) == [None]
        assert take(claims) == []

    def test_what_was_saved_can_be_claimed_due_or_not(self, claims: ClaimsInterface, clock: TestClock) -> None:
        ids = "abcd"
        versions = claims.store([record(id, run_at=clock() + HOUR_US) for id in ids])
        keys = [TaskKey("list", id, version) for id, version in zip(ids, versions, strict=True)]
        claims.delete(keys[:1])
        save(claims, record("b"))
        (third,) = claims.claim_saved(keys[2:3], lease=LONG_US)
        assert third is not None
        given = list(claims.claim_saved(keys, lease=LONG_US))
        assert given[:3] == [None, None, None]
        assert given[3] is not None
        assert given[3].lease == LONG_US
        assert claims.heartbeat([held(record("d", saved_at=versions[3]), token=given[3].token)]) != [None]
        clock.advance(DAY)
        assert [it.id for it in take(claims)] == ["b"]

    def test_what_is_stored_claimed_is_stored_and_claimed(self, claims: ClaimsInterface) -> None:
        old = save(claims, record("b", data=b"old"))
        versions, given = claims.store_claimed([record("a"), record("b", data=b"new", saved_at=old)], lease=LONG_US)
        found = [claims.find("list", id) for id in "ab"]
        assert [it and (it.data, it.saved_at) for it in found] == [(b"{}", versions[0]), (b"new", versions[1])]
        assert versions[1] > old
        assert take(claims) == []
        for id, version, claim in zip("ab", versions, given, strict=True):
            assert claim is not None
            assert claim.lease == LONG_US
            assert claims.start(held(record(id, saved_at=version), token=claim.token)) is not None
        assert [list(part) for part in claims.store_claimed([], lease=LONG_US)] == [[], []]

    def test_claiming_no_keys_is_no_error(self, claims: ClaimsInterface) -> None:
        assert list(claims.claim_saved([], lease=LONG_US)) == []
        assert not [*claims.heartbeat([]), *claims.release([])]

    def test_two_threads_never_get_one_task(self, handles: Handles, claims: ClaimsInterface) -> None:
        ids = {f"{n:04}" for n in range(400)}
        claims.store([record(id) for id in ids])
        backends = [claims, with_claims(handles.open())]
        works = [partial(take, backends[n % 2], limit=[1, 7, 50][n % 3]) for n in range(CLAIMERS)]
        given = [it.id for records in self.in_threads(works) for it in records]
        assert len(given) == len(set(given)), "two claimers hold one task"
        assert set(given) == ids

    def test_one_free_task_has_one_taker(self, handles: Handles, claims: ClaimsInterface) -> None:
        backends = [claims, with_claims(handles.open())]
        save(claims, record("a"))
        for _ in range(25):
            given = self.in_threads([partial(take, backends[n % 2]) for n in range(CLAIMERS)])
            (winner,) = [it for records in given for it in records]
            assert list(claims.release([held(winner)])) == [True]

    @ignore_fork_warning
    def test_two_processes_never_get_one_task(self, handles: Handles, claims: ClaimsInterface) -> None:
        if not self.persistent or not hasattr(os, "fork"):
            pytest.skip("no other process can reach its tasks")
        claims.store([record(f"{n:04}") for n in range(200)])
        told, telling = os.pipe()

        def work() -> None:
            for it in take(claims, limit=3):
                assert it.claim is not None
                os.write(telling, f"{it.id} {it.claim.token}\n".encode())

        children = [fork_child(work) for _ in range(4)]
        os.close(telling)
        with os.fdopen(told) as pipe:
            lines = pipe.read().splitlines()
        assert [wait_for(child, self.deadline_s) for child in children] == [0] * 4
        given = [line.split()[0] for line in lines]
        assert len(given) == len(set(given)), "two processes hold one task"
        assert len(given) == 200
        assert len({line.split()[1] for line in lines}) == 200
        assert take(with_claims(handles.open())) == []
