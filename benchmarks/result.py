"""One line of the table."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import attrs


@attrs.frozen(kw_only=True)
class Result:
    """What one comparison found.

    Attributes:
        name: as for ``--only``.
        what: what is divided by what.
        value: the median.
        low, high: the smallest and largest single measurement.
        pairs: of how many measurements.
        unit: "x" for a ratio.
        target: what is to be reached; None for a line that only informs.
        at_most: whether less is better.
        figures: medians behind the value, by name.
        note: what a reader has to know, such as a difference in durability.
    """

    name: str
    what: str
    value: float
    low: float
    high: float
    pairs: int
    unit: str = "x"
    target: float | None = None
    at_most: bool = False
    figures: dict[str, float] = attrs.field(factory=dict)
    note: str = ""

    @property
    def reached(self) -> bool | None:
        """Whether the target is; None without one."""
        if self.target is None:
            return None
        return self.value <= self.target if self.at_most else self.value >= self.target


def summarise(values: Sequence[float]) -> dict[str, float]:
    """``value``, ``low``, ``high`` and ``pairs`` of single measurements, for `Result`."""
    return {"value": median(values), "low": min(values), "high": max(values), "pairs": len(values)}
