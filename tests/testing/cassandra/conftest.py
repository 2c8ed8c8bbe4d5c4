"""A Java that is none, so that all but Cassandra itself can be tried in a moment."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

FakeJava = Callable[[str], None]

SERVE = "echo Startup complete; exec sleep 1000"


@pytest.fixture
def fake_java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeJava:
    """Makes a shell script be what runs as ``java``; it says that it is Java 17."""
    home = tmp_path / "java"
    (home / "bin").mkdir(parents=True)
    monkeypatch.setenv("JAVA_HOME", str(home))

    def write(script: str, version: str = "17.0.15") -> None:
        java = home / "bin" / "java"
        say_version = f"""[ "$1" != -version ] || {{ echo 'openjdk version "{version}"' >&2; exit; }}"""
        java.write_text(f"#!/bin/sh\n{say_version}\n{script}\n", "utf-8")
        java.chmod(0o755)

    return write


@pytest.fixture
def cached_jars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache has the jars of both releases; empty folders will do."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for version in ("5.0.8", "4.1.10"):
        (tmp_path / "cache" / "atleastonce" / f"cassandra-{version}").mkdir(parents=True)
    return tmp_path / "cache" / "atleastonce"
