"""Jars are fetched once, whole or not at all. Maven is a script here."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from atleastonce.testing.cassandra import jars
from atleastonce.testing.cassandra.jars import NoJars, fetch_jars
from atleastonce.testing.cassandra.jvm import find_jars
from atleastonce.testing.cassandra.release import DEFAULT
from atleastonce.testing.cassandra.unavailable import Unavailable

from .conftest import FakeJava

FETCH = """
echo >>"$(dirname "$0")/calls"
for argument in "$@"; do case $argument in -DoutputDirectory=*) lib=${argument#*=};; -f) pom=1;; esac; done
mkdir "$lib"; echo jar >"$lib/a.jar"
"""


@pytest.fixture
def maven(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the script goes; the cache is empty."""
    folder = tmp_path / "maven"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return folder / "mvn"


def write(maven: Path, script: str) -> None:
    maven.write_text(f"#!/bin/sh\n{script}\n", "utf-8")
    maven.chmod(0o755)


def test_they_are_fetched_once(maven: Path, tmp_path: Path) -> None:
    write(maven, FETCH)
    with ThreadPoolExecutor(4) as pool:
        folders = set(pool.map(fetch_jars, ["9.9.9"] * 4))
    assert folders == {tmp_path / "home" / ".cache" / "atleastonce" / "cassandra-9.9.9"}
    (folder,) = folders
    assert [file.name for file in folder.iterdir()] == ["a.jar"]
    assert maven.with_name("calls").read_text("utf-8") == "\n"
    assert {file.name for file in folder.parent.iterdir()} == {"cassandra-9.9.9", "cassandra-9.9.9.lock"}


def test_maven_fails(maven: Path, tmp_path: Path) -> None:
    write(maven, f"{FETCH}\necho no network; exit 1")
    with pytest.raises(NoJars, match=r"cannot fetch Cassandra 9\.9\.9: no network"):
        fetch_jars("9.9.9")
    write(maven, FETCH)
    assert (fetch_jars("9.9.9") / "a.jar").exists()


def test_maven_takes_too_long(maven: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(maven, "exec sleep 100")
    monkeypatch.setattr(jars, "FETCH_TIMEOUT_S", 0.1)
    with pytest.raises(NoJars, match="within"):
        fetch_jars("9.9.9")


def test_no_maven(maven: Path, monkeypatch: pytest.MonkeyPatch, fake_java: FakeJava) -> None:
    monkeypatch.setenv("PATH", str(maven.parent))
    fake_java("")
    with pytest.raises(Unavailable, match="no mvn"):
        find_jars(DEFAULT)


def test_it_is_a_script_that_imports_nothing_of_ours(cached_jars: Path) -> None:
    """What makes the image runs it before anything is installed."""
    ran = subprocess.run(["python3", "-P", "-S", jars.__file__, "5.0.8"], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == str(cached_jars / "cassandra-5.0.8")
