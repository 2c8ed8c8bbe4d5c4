"""What a result depends on. No names of hosts, users or folders."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import sqlite3
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

LIBRARIES = (
    *("atleastonce", "attrs", "cattrs", "orjson", "cassandra-driver", "lz4"),
    *("apscheduler", "aiosqlite", "dbos", "huey", "persist-queue", "sqlalchemy"),
)


def facts(folder: Path) -> dict[str, Any]:
    """The machine, as the JSON file has it; `folder` is on the disk that is measured."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "system": f"{platform.system()} {platform.machine()}",
        "cpus": os.cpu_count(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "sqlite": sqlite3.sqlite_version,
        "sync_us": round(sync_us(folder)),
        "libraries": {name: found for name in LIBRARIES if (found := _version(name))},
    }


def sync_us(folder: Path) -> float:
    """The median time, in microseconds, of making 4 KiB durable: nearly all of a single save."""
    sync = getattr(os, "fdatasync", os.fsync)  # not on macOS
    times = []
    with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
        for _ in range(200):
            file.write(bytes(4096))
            start = time.perf_counter()
            sync(file.fileno())
            times.append(time.perf_counter() - start)
    return median(times) * 1e6


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
