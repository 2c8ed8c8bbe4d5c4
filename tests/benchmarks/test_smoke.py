"""The benchmarks run, and their JSON file has every line. Nothing here is about speed."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CASES = ["single", "batch", "claims", "reading", "redrive", "threads", "wal", "memory", "import", "whole"]
BOTH = ("small", "typical")
NAMES = {
    *(f"sqlite-{verb}-{payload}" for verb in ("save", "complete", "save-all", "all") for payload in BOTH),
    *(f"sqlite-claim-{payload}" for payload in BOTH),
    *(f"sqlite-claim-pages-{payload}" for payload in BOTH),
    *("sqlite-start", "sqlite-threads-8", "sqlite-threads-64", "sqlite-wal", "import"),
    *(f"memory-save-{payload}" for payload in BOTH),
    *("dispatch-callable", "dispatch-threads", "redrive", "redrive-claimed"),
}
IDS = ("drawn", "chosen")
CASSANDRA_NAMES = {
    *(f"cassandra-save-{ids}-{payload}" for ids in IDS for payload in BOTH),
    *(f"cassandra-save-all-{ids}-{payload}" for ids in IDS for payload in BOTH),
    *(f"cassandra-{verb}-{payload}" for verb in ("complete-all-drawn", "all") for payload in BOTH),
    *(f"cassandra-threads-64-{which}" for which in ("drawn-small", "drawn-typical", "chosen-typical")),
    *(f"cassandra-flat-{which}" for which in ("unswept", "swept", "fresh", "chosen")),
    *("cassandra-task-rb", "cassandra-task-lists", "cassandra-lists", "cassandra-claim-1", "cassandra-claim-8"),
}
RESIDENT = {"redrive-claimed-rss", *(f"sqlite-all-rss-{payload}" for payload in BOTH)}  # where /proc tells it


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "benchmarks", *arguments]
    paths = os.pathsep.join(path for path in sys.path if path)
    measured = {
        name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")
    }  # it imports sqlite3
    return subprocess.run(
        command,
        cwd=ROOT,
        env={**measured, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )


@pytest.mark.slow
def test_every_line_is_there(tmp_path):
    done = run("--quick", "--output", str(tmp_path), *(f"--only={name}" for name in CASES))

    assert done.returncode == 0, done.stderr
    written = json.loads((tmp_path / "results.json").read_text())
    check(written, NAMES | (RESIDENT if Path("/proc/self/clear_refs").exists() else set()), done.stdout)
    assert {"date", "cpus", "python", "sqlite", "libraries"} <= set(written["machine"])
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith("files-")] == [], "files are removed"


@pytest.mark.slow
def test_every_line_of_cassandra_is_there(tmp_path, cassandra_server, monkeypatch):
    monkeypatch.setenv("ATLEASTONCE_TEST_CASSANDRA", f"{cassandra_server.hosts[0]}:{cassandra_server.port}")
    done = run("cassandra", "--quick", "--output", str(tmp_path))

    assert done.returncode == 0, done.stderr
    written = json.loads((tmp_path / "cassandra.json").read_text())
    check(written, CASSANDRA_NAMES, done.stdout)
    assert written["machine"]["cassandra"]


def check(written: dict, names: set[str], table: str) -> None:
    results = {result["name"]: result for result in written["results"]}
    assert set(results) == names
    for name, result in results.items():
        assert math.isfinite(result["value"]), name
        assert result["low"] <= result["value"] <= result["high"], name
        assert result["pairs"] >= 1, name
        assert (result["reached"] is None) == (result["target"] is None), name
        assert name in table


def test_an_unknown_case_is_refused(tmp_path):
    done = run("--only", "nothing", "--output", str(tmp_path))

    assert done.returncode == 2
    assert "single" in done.stderr


@pytest.mark.parametrize("peer", ["huey", "persist_queue", "dbos", "apscheduler"])
def test_a_library_that_is_compared_with_has_our_durability(peer, tmp_path):
    module = pytest.importorskip(f"benchmarks.peers.{peer}", exc_type=ImportError)
    its = module.Peer()
    its.open(tmp_path)
    try:
        its.save([{"a": 1}])

        assert its.durability == "WAL, synchronous=FULL"
    finally:
        its.close()
