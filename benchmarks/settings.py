"""How long and where a run measures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs


@attrs.frozen(kw_only=True)
class Settings:
    """One run's.

    Attributes:
        folder: under which both sides of every pair have their files; so on one disk.
        quick: small sizes, to see that everything works; the ratios mean nothing then.
        rounds: how often each comparison starts afresh; None: as each one states.
        scale: of the sizes that show growth (a million completions): 0.01 for a hundredth of them.
        keyspace: a `benchmarks.cassandra.keyspace.Keyspace`; None where no Cassandra is measured.
    """

    folder: Path
    quick: bool = False
    rounds: int | None = None
    scale: float = 1.0
    keyspace: Any = None

    def size(self, full: int, quick: int) -> int:
        """A number of operations or rows."""
        return quick if self.quick else full

    def scaled(self, full: int, quick: int) -> int:
        """A number of completions, of lists and so on: what may be scaled down."""
        return quick if self.quick else max(quick, int(full * self.scale))

    def rounds_of(self, usual: int) -> int:
        """How many rounds."""
        return self.rounds or (1 if self.quick else usual)
