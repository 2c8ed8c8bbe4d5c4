"""``python -m benchmarks [cassandra]``: measure, print the table, write results.json and results.svg."""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

import attrs

from .cases import batch, claims, imports, memory, others, reading, redrive, single, threads, wal, whole
from .machine import facts
from .plot import plot
from .result import Result
from .settings import Settings
from .table import table

Cases = Mapping[str, Callable[[Settings], Iterator[Result]]]

CASES: Cases = {
    "single": single.results,
    "batch": batch.results,
    "claims": claims.results,
    "reading": reading.results,
    "redrive": redrive.results,
    "threads": threads.results,
    "wal": wal.results,
    "memory": memory.results,
    "import": imports.results,
    "others": others.results,
    "whole": whole.results,
}
HERE = Path(__file__).parent
FILES = {"sqlite": "results", "cassandra": "cassandra"}
"""Suite -> name of its files."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what the command line asks for."""
    parser = _parser()
    options = parser.parse_args(arguments)
    cases = _cassandra_cases() if options.suite == "cassandra" else CASES
    if unknown := set(options.only or ()) - set(cases):
        parser.error(f"--only {min(unknown)}: {options.suite} has {', '.join(cases)}")
    options.output.mkdir(parents=True, exist_ok=True)
    parent = options.directory or options.output
    parent.mkdir(parents=True, exist_ok=True)
    results: list[Result] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=parent.resolve(), prefix="files-")))
        machine = facts(folder)
        keyspace = None
        if options.suite == "cassandra":
            from .cassandra.keyspace import keyspace as new_keyspace  # noqa: PLC0415 - not everybody has the driver

            keyspace = stack.enter_context(new_keyspace())
            machine["cassandra"] = keyspace.version
        settings = Settings(
            folder=folder, quick=options.quick, rounds=options.rounds, scale=options.scale, keyspace=keyspace
        )
        for name in options.only or cases:
            for result in cases[name](settings):
                print(f"{result.name}: {result.value:.3g} {result.unit}", flush=True)
                results.append(result)
    written = {
        "machine": machine,
        "quick": options.quick,
        "scale": options.scale,
        "results": [attrs.asdict(result) | {"reached": result.reached} for result in results],
    }
    (options.output / f"{FILES[options.suite]}.json").write_text(json.dumps(written, indent=2) + "\n")
    plot(results, options.output / f"{FILES[options.suite]}.svg")
    print()
    print(", ".join(f"{name} {value}" for name, value in machine.items() if name != "libraries"))
    print(table(results))


def _cassandra_cases() -> Cases:
    from . import cassandra  # noqa: PLC0415 - not everybody has the driver

    return cassandra.CASES


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("suite", nargs="?", choices=FILES, default="sqlite", help="what to measure (default: sqlite)")
    parser.add_argument("--only", action="append", metavar="NAME", help="one of the suite's cases; may be repeated")
    parser.add_argument("--quick", action="store_true", help="tiny sizes: shows that it works; the ratios mean nothing")
    parser.add_argument("--rounds", type=int, help="how often each comparison starts afresh")
    parser.add_argument(
        "--scale", type=float, default=1.0, help="of the sizes that show growth: 0.1 for 100,000 completions"
    )
    parser.add_argument("--directory", type=Path, help="on whose disk to measure (default: that of --output)")
    parser.add_argument("--output", type=Path, default=HERE / "results", help="where the JSON and SVG files go")
    return parser


if __name__ == "__main__":
    main()
