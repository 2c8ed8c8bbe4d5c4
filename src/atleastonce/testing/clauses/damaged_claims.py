"""A damaged record is claimed like any other, and its bytes come to the dead letters."""

from __future__ import annotations

from atleastonce.claims import ClaimsInterface
from atleastonce.record import TaskRecord

from .claims import ClaimClauses, failure, held, take, unclaimed
from .damage import DamageClauses


class DamagedClaimClauses(ClaimClauses, DamageClauses):
    """Claims of what cannot be read. Run where the backend gives the fixture `damage`."""

    def test_damage_is_claimed_with_its_neighbours(self, claims: ClaimsInterface, damaged: TaskRecord) -> None:
        given = {it.id: it for it in take(claims)}
        assert sorted(given) == ["a", "b", "c"]
        assert unclaimed(given["b"]) == damaged
        assert take(claims) == []
        assert None not in claims.heartbeat([held(it) for it in given.values()])
        assert claims.start(held(given["b"])) is not None
        assert list(claims.release([held(given["b"])])) == [True]
        assert [it.id for it in take(claims)] == ["b"]

    def test_damage_is_counted_and_buried_with_its_bytes(self, claims: ClaimsInterface, damaged: TaskRecord) -> None:
        (given,) = [it for it in take(claims) if it.id == "b"]
        assert claims.fail(failure(held(given), 1, last_error="InvalidTask: it cannot be read"))
        (given,) = take(claims)
        assert given.attempts == 1
        assert claims.fail(failure(held(given), 2, last_error="InvalidTask: again", dead=True))
        assert claims.find("list", "b") is None
        assert sorted(it.id for it in claims.all("list")) == ["a", "c"]
        (dead,) = claims.dead("list")
        assert (dead.data, dead.type, dead.saved_at) == (damaged.data, damaged.type, damaged.saved_at)
        assert (dead.attempts, dead.last_error) == (2, "InvalidTask: again")
        assert dead.died_at is not None
