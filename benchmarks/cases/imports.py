"""``import atleastonce``: how much longer than bare Python, and what it brings along."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from statistics import median

from ..result import Result, summarise
from ..settings import Settings

HEAVY = ("sqlite3", "cassandra", "cattrs", "asyncio", "multiprocessing", "concurrent.futures.process")
DRIVERS = ("sqlite3", "cassandra", "cattrs")
"""What must not come along: a backend's driver, and the slowest of our dependencies."""


def results(settings: Settings) -> Iterator[Result]:
    """One line, in milliseconds; fails if a driver was imported."""
    with tempfile.TemporaryDirectory(dir=settings.folder) as cache:
        # Compiled modules, on both sides, are kept here: an environment, or a read-only one, may keep none.
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": cache}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        found = json.loads(
            _run(
                f"import atleastonce, json, sys; print(json.dumps([n for n in {HEAVY} if n in sys.modules]))",
                environment,
            )
        )
        if drivers := [name for name in found if name in DRIVERS]:
            raise AssertionError(f"`import atleastonce` imports {', '.join(drivers)}")
        ours, stores, bare = [], [], []
        for _ in range(settings.rounds_of(5) * settings.size(10, 3)):
            ours.append(_milliseconds("import atleastonce", environment))
            stores.append(_milliseconds("from atleastonce import TaskStore", environment))
            bare.append(_milliseconds("pass", environment))
    store = median(one - other for one, other in zip(stores, bare, strict=True))
    yield Result(
        name="import",
        what="python -c 'import atleastonce' - python -c pass, whole processes",
        unit="ms",
        target=60,
        at_most=True,
        figures={"ours_ms": median(ours), "with_store_ms": median(stores), "bare_ms": median(bare)},
        note=f"with its TaskStore, which comes when it is asked for, {store:.1f} ms; imports none of {', '.join(DRIVERS)}"
        + (f"; but {', '.join(found)}" if found else ""),
        **summarise([one - other for one, other in zip(ours, bare, strict=True)]),
    )


def _milliseconds(code: str, environment: dict[str, str]) -> float:
    start = time.perf_counter()
    _run(code, environment)
    return (time.perf_counter() - start) * 1000


def _run(code: str, environment: dict[str, str]) -> str:
    return subprocess.run(
        [sys.executable, "-c", code], check=True, env=environment, stdout=subprocess.PIPE, text=True
    ).stdout
