"""`fail`: attempts are counted, one by one, on the version that failed."""

from __future__ import annotations

from functools import partial

import pytest

from atleastonce.claims import ClaimsInterface, Held
from atleastonce.testing.clock import TestClock

from .base import Handles, record, save
from .claims import DAY, HOUR_US, ClaimClauses, failure, held, take, take_one, unclaimed, with_claims


class FailureClauses(ClaimClauses):
    """`fail`, short of the last time."""

    def test_a_failure_is_written_down_and_the_claim_given_back(
        self, handles: Handles, claims: ClaimsInterface, clock: TestClock
    ) -> None:
        saved = record("a", data=b'{"n": 1}', meta={"k": "v"}, run_at=5)
        version = save(claims, saved)
        given = take_one(claims)
        assert claims.start(held(given)) is not None
        due_at = clock() + HOUR_US
        assert claims.fail(failure(held(given), 1, last_error="KeyError: 'x'", due_at=due_at))
        for one in (claims, handles.open()):
            found = one.find("list", "a")
            assert found is not None
            assert [found] == list(one.all("list"))
            assert (found.attempts, found.last_error, found.due_at) == (1, "KeyError: 'x'", due_at)
            assert (found.type, found.data, found.saved_at) == (saved.type, saved.data, version)
            assert (found.run_at, found.meta) == (saved.run_at, saved.meta)
            assert (found.claim, found.died_at, found.problem) == (None, None, None)
        assert not claims.fail(failure(held(given), 2))  # it was given back
        assert take(claims) == []
        clock.advance(DAY)
        again = take_one(claims)
        assert again.attempts == 1
        assert again.claim is not None
        assert not again.claim.worker_lost
        assert claims.fail(failure(held(again), 2, last_error="the second"))
        last = take_one(claims)  # due at once
        assert (last.attempts, last.last_error, last.due_at) == (2, "the second", None)

    @pytest.mark.parametrize(
        "text", ["", "\u00fc\U0001f600\n  File 'x'", "a\0b", "bytes \udcff that are no UTF-8", "x" * 4_000]
    )
    def test_the_text_of_an_error_is_kept(self, claims: ClaimsInterface, text: str) -> None:
        save(claims, record("a"))
        assert claims.fail(failure(held(take_one(claims)), last_error=text))
        found = claims.find("list", "a")
        assert found is not None
        assert (found.last_error, found.problem) == (text, None)
        assert [it.last_error for it in claims.all("list")] == [text]
        given = take_one(claims)
        assert given.last_error == text
        assert claims.fail(failure(held(given), last_error=text, dead=True))
        assert [it.last_error for it in claims.dead("list")] == [text]

    def test_attempts_never_become_fewer(self, claims: ClaimsInterface) -> None:
        version = save(claims, record("a"))
        given = take_one(claims)
        assert claims.fail(failure(Held("list", "a", version), 5))
        assert claims.fail(failure(held(given), 1))
        found = claims.find("list", "a")
        assert found is not None
        assert found.attempts == 5

    def test_a_report_without_a_token_leaves_the_claim(self, claims: ClaimsInterface, clock: TestClock) -> None:
        version = save(claims, record("a"))
        plain = Held("list", "a", version)
        given = take_one(claims)
        assert claims.fail(failure(plain, 1, last_error="one", due_at=clock() + HOUR_US))
        found = claims.find("list", "a")
        assert found is not None
        assert (found.attempts, found.last_error, found.due_at) == (1, "one", clock() + HOUR_US)
        clock.advance(DAY)
        assert take(claims) == []
        assert claims.heartbeat([held(given)]) != [None]

    def test_a_report_without_a_token_is_of_one_attempt(self, claims: ClaimsInterface) -> None:
        version = save(claims, record("a"))
        plain = Held("list", "a", version)
        assert claims.fail(failure(plain, 1, last_error="one"))
        for attempts in (0, 1):
            assert not claims.fail(failure(plain, attempts, last_error="late", due_at=5))
            assert not claims.fail(failure(plain, attempts, last_error="late", dead=True))
        assert claims.fail(failure(plain, 2, last_error="two"))
        found = claims.find("list", "a")
        assert found is not None
        assert (found.attempts, found.last_error, found.due_at) == (2, "two", None)
        assert list(claims.dead("list")) == []

    @pytest.mark.parametrize("dead", [False, True])
    def test_a_report_of_another_version_changes_nothing(self, claims: ClaimsInterface, dead: bool) -> None:  # noqa: FBT001  # pytest's
        old = save(claims, record("a"))
        new = save(claims, record("a"))
        for version in (old, new - 1, new + 1, None):
            assert not claims.fail(failure(Held("list", "a", version), 9, dead=dead))
        assert not claims.fail(failure(Held("list", "b", new), 9, dead=dead))
        assert not claims.fail(failure(Held("other", "a", new), 9, dead=dead))
        assert claims.find("list", "a") == record("a", saved_at=new)
        assert list(claims.dead("list")) == []

    def test_saving_anew_begins_anew(self, claims: ClaimsInterface) -> None:
        save(claims, record("a"))
        given = take_one(claims)
        assert claims.fail(failure(held(given), 4, due_at=5))
        found = claims.find("list", "a")
        assert found is not None
        assert found.attempts == 4
        version = save(claims, found)
        assert claims.find("list", "a") == record("a", saved_at=version)
        assert unclaimed(take_one(claims)) == record("a", saved_at=version)

    def test_threads_count_each_failure_once(self, handles: Handles, claims: ClaimsInterface) -> None:
        version = save(claims, record("a"))
        plain = Held("list", "a", version)
        backends = [claims, with_claims(handles.open())]

        def work(backend: ClaimsInterface) -> int:
            reported = 0
            while reported < 10:
                found = backend.find("list", "a")
                assert found is not None
                reported += backend.fail(failure(plain, found.attempts + 1))
            return reported

        assert sum(self.in_threads([partial(work, backends[n % 2]) for n in range(4)])) == 40
        found = claims.find("list", "a")
        assert found is not None
        assert found.attempts == 40
