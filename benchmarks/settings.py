"""How long and where a run measures."""

from __future__ import annotations

from pathlib import Path

import attrs


@attrs.frozen(kw_only=True)
class Settings:
    """One run's.

    Attributes:
        folder: under which both sides of every pair have their files; so on one disk.
        quick: small sizes, to see that everything works; the ratios mean nothing then.
        rounds: how often each comparison starts afresh; None: as each one states.
    """

    folder: Path
    quick: bool = False
    rounds: int | None = None

    def size(self, full: int, quick: int) -> int:
        """A number of operations or rows."""
        return quick if self.quick else full

    def rounds_of(self, usual: int) -> int:
        """How many rounds."""
        return self.rounds or (1 if self.quick else usual)
