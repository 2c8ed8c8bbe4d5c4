"""Rows of the claims, which change by lightweight transactions.

One that times out was applied, or will be later, or never; the next one that is answered, and a settled read, end that. Hints (reads
that are not settled) may be as old as they like.
"""

from __future__ import annotations

from collections.abc import Callable

from atleastonce_cassandra.protocol.places import Place
from atleastonce_cassandra.protocol.state import State
from atleastonce_cassandra.protocol.steps import Change, ReadClaims, Swap, Swapped

from .answers import ERRORS, STARTING, Sending
from .chance import Chance

Rows = dict[tuple[Place, bytes], State]


class Transactions:
    """See the module.

    Args:
        chance: the source of all that is left to chance.
        errors: how likely one is answered with an error, percent.
        on_applied: told of each change just after it was applied.
    """

    def __init__(
        self, chance: Chance, errors: float, on_applied: Callable[[Place, Change], None] | None = None
    ) -> None:
        self.chance = chance
        self.errors = errors
        self.rows: Rows = {}
        self._past: list[Rows] = [{}]
        self._pending: list[Swap] = []
        self._on_applied = on_applied

    def read(self, step: ReadClaims) -> dict[bytes, State]:
        """What is there, or, unless it is to be settled, was there once."""
        if step.settled:
            self.settle()
        old = not step.settled and self.chance.percent(30)
        return self._of(self.chance.choose(self._past) if old else self.rows, step.place, step.ids)

    def send(self, step: Swap) -> Swapped:
        """Once, or again where the driver would; its answer, or what an error is taken for. Raises what ends it."""
        chance, sending = self.chance, Sending()
        while True:
            if not chance.percent(self.errors):
                self.settle()
                return self._swap(step)
            error = chance.choose(ERRORS)
            if error is not STARTING:
                if chance.percent(40):
                    self.settle()
                    self._swap(step)
                elif chance.percent(60):
                    self._pending.append(step)
            if not sending.is_sent_again(error):
                return sending.end(error)

    def land_one(self) -> None:
        """One that was under way is applied, if it still can be."""
        if self._pending:
            self._swap(self._pending.pop(self.chance.below(len(self._pending))))

    def settle(self) -> None:
        """End what is under way: each is applied now, or never."""
        for swap in self._pending:
            if self.chance.percent(50):
                self._swap(swap)
        self._pending.clear()

    def expire(self, is_garbage: Callable[[State], bool]) -> None:
        """Rows to which nothing was written for long are gone."""
        self.settle()
        self.rows = {key: state for key, state in self.rows.items() if not is_garbage(state)}
        self._past.append(self.rows)

    def _swap(self, step: Swap) -> Swapped:
        place = step.place
        if any(self.rows.get((place, change.id)) != change.old for change in step.changes):
            return Swapped(False, self._of(self.rows, place, [change.id for change in step.changes]))
        self.rows = {**self.rows, **{(place, change.id): change.new for change in step.changes}}
        self._past.append(self.rows)
        if self._on_applied is not None:
            for change in step.changes:
                self._on_applied(place, change)
        return Swapped(True)

    @staticmethod
    def _of(rows: Rows, place: Place, ids: list[bytes]) -> dict[bytes, State]:
        return {id: rows[place, id] for id in ids if (place, id) in rows}
