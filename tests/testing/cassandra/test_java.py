"""Is there a Java that runs the release?"""

from __future__ import annotations

from pathlib import Path

import pytest

from atleastonce.testing.cassandra.java import require_java
from atleastonce.testing.cassandra.release import RELEASES
from atleastonce.testing.cassandra.unavailable import Unavailable

from .conftest import FakeJava


@pytest.mark.parametrize(("line", "version"), [("5.0", "17.0.15"), ("4.1", "11.0.2"), ("4.1", "17")])
def test_it_runs(fake_java: FakeJava, line: str, version: str) -> None:
    fake_java("", version)
    require_java(RELEASES[line])


@pytest.mark.parametrize(
    ("line", "version"), [("5.0", "11.0.2"), ("5.0", "24"), ("4.1", "1.8.0_292"), ("4.1", "21.0.1")]
)
def test_it_does_not_run(fake_java: FakeJava, line: str, version: str) -> None:
    fake_java("", version)
    with pytest.raises(Unavailable, match=rf"Cassandra {line} runs on Java .*17.* is \d+ \(JAVA_HOME"):
        require_java(RELEASES[line])


def test_it_says_nothing(fake_java: FakeJava, tmp_path: Path) -> None:
    fake_java("")
    (tmp_path / "java" / "bin" / "java").write_text("#!/bin/sh\necho broken >&2\n", "utf-8")
    with pytest.raises(Unavailable, match="no version: broken"):
        require_java(RELEASES["5.0"])


def test_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="there is no java"):
        require_java(RELEASES["5.0"])
