"""Everything that is left to chance comes from here, so that a seed decides a run."""

from __future__ import annotations

from random import Random
from typing import Any


class Chance:
    """Drawn from a seed."""

    def __init__(self, seed: int) -> None:
        self._random = Random(seed).random

    def below(self, limit: int) -> int:
        """An integer from 0 up to, not including, `limit`."""
        return int(self._random() * limit)

    def percent(self, likely: float) -> bool:
        """True in so many of a hundred cases."""
        return self._random() * 100 < likely

    def choose(self, options: Any) -> Any:
        """One of them."""
        return options[int(self._random() * len(options))]

    def shuffle(self, items: list) -> None:
        """In place."""
        for last in range(len(items) - 1, 0, -1):
            other = int(self._random() * (last + 1))
            items[last], items[other] = items[other], items[last]


class NoChance(Chance):
    """Always the first, and never what is merely likely: for enumerations, which branch elsewhere."""

    def __init__(self) -> None:
        self._random = lambda: 0.0
        self._drawn = 0

    def below(self, limit: int) -> int:
        """Draws must differ: a tie is a case of its own."""
        self._drawn += 1
        return self._drawn % limit

    def percent(self, likely: float) -> bool:
        """Never, unless certain."""
        return likely >= 100

    def choose(self, options: Any) -> Any:
        """The first."""
        return options[0]

    def shuffle(self, items: list) -> None:
        """As they are."""
