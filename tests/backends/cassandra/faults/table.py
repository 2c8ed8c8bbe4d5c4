"""The fault table: one row a fault, for the end of the run."""

from __future__ import annotations

from collections.abc import Iterable

import attrs


@attrs.frozen
class Row:
    """What a fault did. Times in seconds; `under_way`: calls at any moment, each of one of the verbs in the table's title."""

    fault: str
    under_way: int
    acked: int
    lost: int
    resurrected: int
    errors: int
    median_error: float
    longest_error: float
    slowest_ack: float
    recovery: float


HEAD = (
    "fault",
    "under way",
    "acked",
    "lost",
    "resurrected",
    "errors",
    "median error",
    "longest error",
    "slowest success",
    "recovery",
)


def lines(rows: Iterable[Row]) -> list[str]:
    """The table as Markdown."""
    cells = [
        (
            row.fault,
            str(row.under_way),
            f"{row.acked:,}",
            str(row.lost),
            str(row.resurrected),
            str(row.errors),
            f"{row.median_error:.2f} s",
            f"{row.longest_error:.1f} s",
            f"{row.slowest_ack:.1f} s",
            f"{row.recovery:.1f} s",
        )
        for row in rows
    ]
    widths = [max(len(row[n]) for row in (HEAD, *cells)) for n in range(len(HEAD))]
    texts = [
        "| " + " | ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) + " |" for row in (HEAD, *cells)
    ]
    texts.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return texts
