"""A lease: how it ends, how it is renewed, how a claim is given back, and what a lost one is good for (nothing)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from atleastonce.claims import WORKER_LOST, ClaimsInterface, Held
from atleastonce.record import TaskKey, TaskRecord
from atleastonce.testing.clock import TestClock

from .base import Handles, record, save
from .claims import DAY, HOUR_US, ClaimClauses, failure, held, key, take, take_one, unclaimed, with_claims

Verb = Callable[[ClaimsInterface, Held], object]

VERBS: dict[str, Verb] = {
    "start": lambda backend, it: backend.start(it) is not None,
    "heartbeat": lambda backend, it: backend.heartbeat([it])[0] is not None,
    "release": lambda backend, it: backend.release([it])[0],
    "release until": lambda backend, it: backend.release([it], due_at=5)[0],
    "release unstarted": lambda backend, it: backend.release([it], unstarted=True)[0],
    "fail": lambda backend, it: backend.fail(failure(it, 7)),
    "fail for good": lambda backend, it: backend.fail(failure(it, 7, dead=True)),
}
"""Each says whether the claim was held, and changes nothing where it was not."""

each_verb: pytest.MarkDecorator = pytest.mark.parametrize("verb", VERBS.values(), ids=VERBS)


class LeaseClauses(ClaimClauses):
    """`start`, `heartbeat`, `release`, and the end of a lease."""

    def test_a_lease_ends(self, handles: Handles, claims: ClaimsInterface, clock: TestClock) -> None:
        save(claims, record("a"))
        first = take_one(claims, lease=self.lease_us)
        assert take(claims) == []
        self.end_lease(clock)
        second = take_one(with_claims(handles.open()))
        assert second.claim is not None
        assert first.claim is not None
        assert second.claim.token != first.claim.token
        assert unclaimed(second) == unclaimed(first)  # claimed but not started: that costs no attempt
        assert not second.claim.worker_lost

    @each_verb
    def test_a_lost_claim_changes_nothing(self, claims: ClaimsInterface, clock: TestClock, verb: Verb) -> None:
        save(claims, record("a"))
        lost = take_one(claims, lease=self.lease_us)
        self.end_lease(clock)
        now = take_one(claims)
        assert not verb(claims, held(lost))
        assert claims.find("list", "a") == unclaimed(now)
        assert list(claims.dead("list")) == []
        assert take(claims) == []
        assert claims.heartbeat([held(now)]) != [None]

    @each_verb
    @pytest.mark.parametrize("token", ["", "unknown", "\u00fc\0", "\ud800", None])
    def test_an_unknown_token_changes_nothing(self, claims: ClaimsInterface, verb: Verb, token: str | None) -> None:
        version = save(claims, record("a"))
        given = take_one(claims)
        if token is not None:
            assert not verb(claims, held(given, token=token))
        elif verb in (VERBS["start"], VERBS["heartbeat"]):  # the others mean the version then
            assert not verb(claims, held(given, token=None))
        assert claims.find("list", "a") == record("a", saved_at=version)
        assert take(claims) == list(claims.dead("list")) == []
        assert claims.heartbeat([held(given)]) != [None]

    @each_verb
    def test_the_token_of_another_task_changes_nothing(self, claims: ClaimsInterface, verb: Verb) -> None:
        claims.store([record("a"), record("b")])
        a, b = take(claims)
        save(claims, record("a", task_list="other"))
        (c,) = take(claims, "other")
        for one, other in ((a, b), (b, a), (a, c), (c, a)):
            assert one.claim is not None
            assert not verb(claims, held(other, token=one.claim.token))
        assert list(claims.all("list")) == [unclaimed(a), unclaimed(b)]
        assert None not in claims.heartbeat([held(a), held(b), held(c)])

    @each_verb
    def test_the_token_of_an_older_version_changes_nothing(self, claims: ClaimsInterface, verb: Verb) -> None:
        save(claims, record("a"))
        old = take_one(claims)
        version = save(claims, record("a", data=b"new"))
        assert not verb(claims, held(old))
        assert claims.find("list", "a") == record("a", data=b"new", saved_at=version)
        new = take_one(claims)
        assert not verb(claims, held(old))
        assert not verb(claims, held(new, saved_at=old.saved_at))
        assert claims.heartbeat([held(new)]) != [None]

    @each_verb
    def test_what_is_gone_cannot_be_held(self, claims: ClaimsInterface, verb: Verb) -> None:
        save(claims, record("a"))
        given = take_one(claims)
        claims.delete([key(given)])
        assert not verb(claims, held(given))
        assert claims.find("list", "a") is None
        assert list(claims.all("list")) == list(claims.dead("list")) == []

    @each_verb
    def test_a_claim_is_held_from_another_object(self, handles: Handles, claims: ClaimsInterface, verb: Verb) -> None:
        save(claims, record("a"))
        assert verb(with_claims(handles.open()), held(take_one(claims)))

    @each_verb
    def test_what_another_object_gave_back_is_held_no_more(
        self, handles: Handles, claims: ClaimsInterface, verb: Verb
    ) -> None:
        """Within the moment in which it was claimed, too: nothing would have to be written to renew it."""
        save(claims, record("a"))
        given = take_one(claims)
        other = with_claims(handles.open())
        assert list(other.release([held(given)])) == [True]
        now = take_one(other)
        assert not verb(claims, held(given))
        assert take(claims) == list(claims.dead("list")) == []
        assert other.heartbeat([held(now)]) != [None]

    def test_a_heartbeat_renews_the_lease(self, claims: ClaimsInterface, clock: TestClock) -> None:
        claims.store([record("a"), record("b")])
        a, b = take(claims, lease=self.lease_us)
        for _ in range(3):
            self.let_pass(clock, self.lease_us * 6 // 10)
            (renewed,) = claims.heartbeat([held(a)])
            assert renewed is not None
            assert a.claim is not None
            assert (renewed.token, renewed.lease) == (a.claim.token, self.lease_us)
        assert [it.id for it in take(claims)] == ["b"]
        assert claims.heartbeat([held(a), held(b)])[1] is None
        self.end_lease(clock)
        take_one(claims)

    def test_starting_renews_the_lease(self, claims: ClaimsInterface, clock: TestClock) -> None:
        save(claims, record("a"))
        given = take_one(claims, lease=self.lease_us)
        self.let_pass(clock, self.lease_us * 6 // 10)
        assert claims.start(held(given)) is not None
        self.let_pass(clock, self.lease_us * 6 // 10)
        assert take(claims) == []

    def test_a_lease_that_nobody_else_wanted_goes_on(self, claims: ClaimsInterface, clock: TestClock) -> None:
        save(claims, record("a"))
        given = take_one(claims, lease=self.lease_us)
        for renew in (lambda it: claims.heartbeat([it])[0], claims.start, lambda it: claims.heartbeat([it])[0]):
            self.end_lease(clock)
            assert renew(held(given)) is not None
            assert take(claims) == []
        assert claims.find("list", "a") == unclaimed(given)

    def test_a_renewed_lease_ends_later(self, claims: ClaimsInterface, clock: TestClock) -> None:
        save(claims, record("a"))
        given = take_one(claims, lease=self.lease_us)
        assert given.claim is not None
        self.let_pass(clock, self.lease_us // 10)
        (renewed,) = claims.heartbeat([held(given)])
        started = claims.start(held(given))
        assert renewed is not None
        assert started is not None
        assert given.claim.until < renewed.until <= started.until

    def test_a_worker_that_is_lost_costs_an_attempt(
        self, handles: Handles, claims: ClaimsInterface, clock: TestClock
    ) -> None:
        save(claims, record("a"))
        for attempts in (1, 2):
            given = take_one(claims, lease=self.lease_us)
            assert claims.start(held(given)) is not None
            assert claims.start(held(given)) is not None
            assert claims.heartbeat([held(given)]) != [None]
            self.end_lease(clock)
            again = take_one(with_claims(handles.open()), lease=self.lease_us)
            assert again.claim is not None
            assert again.claim.worker_lost
            assert (again.attempts, again.last_error) == (attempts, WORKER_LOST)
            assert claims.find("list", "a") == unclaimed(again)
            self.end_lease(clock)  # claimed but not started: no more than that
            unharmed = take_one(claims, lease=self.lease_us)
            assert unharmed.claim is not None
            assert not unharmed.claim.worker_lost
            assert unclaimed(unharmed) == unclaimed(again)
            assert list(claims.release([held(unharmed)])) == [True]

    def test_a_lost_worker_is_seen_by_claim_saved_too(self, claims: ClaimsInterface, clock: TestClock) -> None:
        save(claims, record("a"))
        given = take_one(claims, lease=self.lease_us)
        assert claims.start(held(given)) is not None
        assert list(claims.claim_saved([key(given)], lease=self.lease_us)) == [None]
        self.end_lease(clock)
        (claim,) = claims.claim_saved([key(given)], lease=self.lease_us)
        assert claim is not None
        assert claim.worker_lost
        found = claims.find("list", "a")
        assert found is not None
        assert (found.attempts, found.last_error) == (1, WORKER_LOST)

    def test_what_was_given_back_costs_nothing(self, claims: ClaimsInterface, clock: TestClock) -> None:
        save(claims, record("a"))
        for started in (False, True):
            given = take_one(claims, lease=self.lease_us)
            if started:
                assert claims.start(held(given)) is not None
            assert list(claims.release([held(given)])) == [True]
            assert list(claims.release([held(given)])) == [False]
            self.end_lease(clock)
        again = take_one(claims)
        assert again.claim is not None
        assert not again.claim.worker_lost
        assert again.attempts == 0

    def test_only_what_was_not_started_is_given_back(self, claims: ClaimsInterface) -> None:
        claims.store([record("a"), record("b")])
        a, b = take(claims)
        assert claims.start(held(a)) is not None
        assert list(claims.release([held(a), held(b)], unstarted=True)) == [False, True]
        assert [it.id for it in take(claims)] == ["b"]
        assert list(claims.release([held(a)])) == [True]

    def test_a_release_may_say_when_it_is_due(self, claims: ClaimsInterface, clock: TestClock) -> None:
        save(claims, record("a"))
        due_at = clock() + HOUR_US
        given = take_one(claims)
        assert list(claims.release([held(given)], due_at=due_at)) == [True]
        found = claims.find("list", "a")
        assert found is not None
        assert (found.due_at, found.attempts) == (due_at, 0)
        assert [it.due_at for it in claims.all("list")] == [due_at]
        assert take(claims) == []
        assert take(claims, due_by=due_at - 1) == []
        clock.advance(DAY)
        again = take_one(claims)
        assert again.due_at == due_at
        assert list(claims.release([held(again)])) == [True]
        assert take_one(claims).due_at == due_at  # as before

    def test_without_a_token_only_the_due_time_is_set(self, claims: ClaimsInterface, clock: TestClock) -> None:
        version = save(claims, record("a"))
        due_at = clock() + HOUR_US
        plain = Held("list", "a", version)
        assert list(claims.release([plain], due_at=due_at)) == [True]
        assert (
            list(claims.release([Held("list", "a", version - 1), Held("list", "b", version)], due_at=5)) == [False] * 2
        )
        assert take(claims) == []
        clock.advance(DAY)
        given = take_one(claims)
        assert given.due_at == due_at
        assert list(claims.release([plain], due_at=clock())) == [True]
        assert take(claims) == []  # still held
        assert claims.heartbeat([held(given)]) != [None]

    def test_saving_anew_forgets_the_due_time(self, claims: ClaimsInterface, clock: TestClock) -> None:
        version = save(claims, record("a"))
        claims.release([Held("list", "a", version)], due_at=clock() + HOUR_US)
        save(claims, record("a"))
        assert take_one(claims).due_at is None

    @pytest.mark.parametrize("lost", [False, True])
    def test_starting_completes_what_was_done_before(self, claims: ClaimsInterface, lost: bool) -> None:  # noqa: FBT001  # pytest's
        claims.store([record(id) for id in "abc"])
        done, next_, newer = sorted(take(claims), key=lambda it: it.id)  # a backend may state another order
        if lost:
            claims.release([held(next_)])
        assert (claims.start(held(next_), done=key(done)) is None) is lost
        assert claims.find("list", "a") is None
        save(claims, record("c"))
        claims.start(held(next_), done=key(newer))
        claims.start(held(next_), done=TaskKey("list", "not there"))
        assert sorted(it.id for it in claims.all("list")) == ["b", "c"]
        claims.start(held(next_), done=TaskKey("list", "c"))
        assert [it.id for it in claims.all("list")] == ["b"]

    def test_a_crash_forgets_no_step(self, handles: Handles, claims: ClaimsInterface, clock: TestClock) -> None:
        """A process that dies after each of them, without having closed anything."""

        def steps(backend: ClaimsInterface, given: TaskRecord) -> Sequence[Any]:
            return [
                lambda: backend.claim_saved([key(given)], lease=self.lease_us)[0],
                lambda: backend.start(claim),
                lambda: backend.heartbeat([claim])[0],
                lambda: backend.fail(failure(claim, 3)),
            ]

        version = save(claims, record("a"))
        given = record("a", saved_at=version)
        backend = claims
        claim = held(given)
        for number in range(4):
            result = steps(backend, given)[number]()
            assert result
            if number == 0:
                claim = held(given, token=result.token)
            if self.persistent:
                self.crash(backend)
            backend = with_claims(handles.open())
            assert (take(backend) == []) is (number < 3), f"step {number} was forgotten"
        found = backend.find("list", "a")
        assert found is not None
        assert found.attempts == 3

    def test_a_started_task_costs_its_attempt_after_a_crash(
        self, handles: Handles, claims: ClaimsInterface, clock: TestClock
    ) -> None:
        claims.store([record("a"), record("b")])
        done, given = take(claims, lease=self.lease_us)
        assert claims.start(held(given), done=key(done)) is not None
        if self.persistent:
            self.crash(claims)
        self.end_lease(clock)
        assert take_one(with_claims(handles.open()), "b").attempts == 1

    def test_flush_may_be_called_at_any_time(self, claims: ClaimsInterface) -> None:
        claims.flush()
        save(claims, record("a"))
        given = take_one(claims)
        claims.flush()
        assert claims.start(held(given)) is not None
        claims.flush()
        claims.flush()
        assert claims.find("list", "a") == unclaimed(given)
        assert list(claims.task_lists()) == ["list"]
        assert list(claims.dead("list")) == []
