"""The results as a table, in Markdown, aligned so that a terminal shows it well too."""

from __future__ import annotations

from collections.abc import Sequence

from .result import Result

HEAD = ("name", "result", "target", "min to max", "pairs", "what")


def table(results: Sequence[Result]) -> str:
    """Lines of text; under them the notes."""
    rows = [HEAD, *(_cells(result) for result in results)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(HEAD))]
    lines = [_line(row, widths) for row in rows]
    lines.insert(1, _line(tuple("-" * width for width in widths), widths))
    notes = [f"- {result.name}: {result.note}" for result in results if result.note]
    return "\n".join([*lines, *(["", *notes] if notes else [])])


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"


def _cells(result: Result) -> tuple[str, ...]:
    target = "" if result.target is None else f"{'<=' if result.at_most else '>='} {result.target:g}"
    verdict = {None: "", True: " ok", False: " MISSED"}[result.reached]
    return (
        result.name,
        f"{_number(result.value)} {result.unit}",
        target + verdict,
        f"{_number(result.low)} to {_number(result.high)}",
        str(result.pairs),
        result.what,
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.2f}"
