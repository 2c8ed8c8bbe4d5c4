"""``python -m benchmarks``: measure, print the table, write results.json and results.svg."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import attrs

from .cases import batch, imports, memory, others, reading, single, threads, wal, whole
from .machine import facts
from .plot import plot
from .result import Result
from .settings import Settings
from .table import table

CASES: dict[str, Callable[[Settings], Iterator[Result]]] = {
    "single": single.results,
    "batch": batch.results,
    "reading": reading.results,
    "threads": threads.results,
    "wal": wal.results,
    "memory": memory.results,
    "import": imports.results,
    "others": others.results,
    "whole": whole.results,
}
HERE = Path(__file__).parent


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what the command line asks for."""
    options = _options(arguments)
    options.output.mkdir(parents=True, exist_ok=True)
    parent = options.directory or options.output
    parent.mkdir(parents=True, exist_ok=True)
    results: list[Result] = []
    with tempfile.TemporaryDirectory(dir=parent.resolve(), prefix="files-") as folder:
        settings = Settings(folder=Path(folder), quick=options.quick, rounds=options.rounds)
        machine = facts(settings.folder)
        for name in options.only or CASES:
            for result in CASES[name](settings):
                print(f"{result.name}: {result.value:.3g} {result.unit}", flush=True)
                results.append(result)
    written = {
        "machine": machine,
        "quick": options.quick,
        "results": [attrs.asdict(result) | {"reached": result.reached} for result in results],
    }
    (options.output / "results.json").write_text(json.dumps(written, indent=2) + "\n")
    plot(results, options.output / "results.svg")
    print()
    print(", ".join(f"{name} {value}" for name, value in machine.items() if name != "libraries"))
    print(table(results))


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument(
        "--only", action="append", choices=CASES, metavar="NAME", help=f"one of {', '.join(CASES)}; may be repeated"
    )
    parser.add_argument("--quick", action="store_true", help="tiny sizes: shows that it works; the ratios mean nothing")
    parser.add_argument("--rounds", type=int, help="how often each comparison starts afresh")
    parser.add_argument("--directory", type=Path, help="on whose disk to measure (default: that of --output)")
    parser.add_argument("--output", type=Path, default=HERE / "results", help="where results.json and results.svg go")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
