"""Which server the fixture gives, and what becomes of a test where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from atleastonce.testing.cassandra import CassandraServer
from atleastonce.testing.cassandra.container import container_server
from atleastonce.testing.cassandra.environment import server_from_environment
from atleastonce.testing.cassandra.jvm import jvm_server
from atleastonce.testing.cassandra.release import Release, chosen_release
from atleastonce.testing.cassandra.resolve import WAYS, Way, any_server
from atleastonce.testing.cassandra.unavailable import Unavailable, skip_or_fail

pytest_plugins = ["pytester"]

SERVER = CassandraServer(hosts=("h",), local_dc="dc1")


class Ways:
    """Ways that are closed, open or broken, and a record of what was done."""

    def __init__(self) -> None:
        self.record: list[str] = []

    def way(self, name: str, outcome: Exception | None = None) -> Way:
        @contextmanager
        def open_way(release: Release) -> Iterator[CassandraServer]:
            self.record.append(f"try {name}")
            if outcome is not None:
                raise outcome
            yield SERVER
            self.record.append(f"close {name}")

        return open_way


def test_the_order() -> None:
    assert (server_from_environment, container_server, jvm_server) == WAYS


def test_the_first_open_way_is_taken_and_closed() -> None:
    ways = Ways()
    with any_server([ways.way("a", Unavailable("not a")), ways.way("b"), ways.way("c")]) as server:
        assert server is SERVER
        assert ways.record == ["try a", "try b"]
    assert ways.record == ["try a", "try b", "close b"]


def test_every_reason_is_told() -> None:
    ways = Ways()
    closed = [ways.way("a", Unavailable("no x here")), ways.way("b", Unavailable("no y either"))]
    with pytest.raises(Unavailable, match="no x here; no y either"), any_server(closed):
        pass  # pragma: no cover - not reached


def test_an_error_is_no_reason_to_go_on() -> None:
    ways = Ways()
    with pytest.raises(OSError, match="broken"), any_server([ways.way("a", OSError("broken")), ways.way("b")]):
        pass  # pragma: no cover - not reached
    assert ways.record == ["try a"]


@pytest.mark.parametrize("value", [None, "", "0"])
def test_skipped(monkeypatch: pytest.MonkeyPatch, value: str | None) -> None:
    monkeypatch.delenv("ATLEASTONCE_REQUIRE_CASSANDRA", raising=False)
    if value is not None:
        monkeypatch.setenv("ATLEASTONCE_REQUIRE_CASSANDRA", value)
    with pytest.raises(pytest.skip.Exception, match="no x here"):
        skip_or_fail(Unavailable("no x here"))


def test_failed_where_it_is_required(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATLEASTONCE_REQUIRE_CASSANDRA", "1")
    with pytest.raises(pytest.fail.Exception, match="no x here"):
        skip_or_fail(Unavailable("no x here"))


@pytest.mark.parametrize("required", [False, True])
def test_the_fixture_without_a_server(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, required: bool
) -> None:
    monkeypatch.setenv("ATLEASTONCE_REQUIRE_CASSANDRA", "1" if required else "")
    monkeypatch.delenv("ATLEASTONCE_TEST_CASSANDRA", raising=False)
    monkeypatch.setenv("DOCKER_HOST", "tcp://127.0.0.1:1")
    monkeypatch.setenv("JAVA_HOME", str(pytester.path / "nowhere"))
    pytester.makeconftest('pytest_plugins = ["atleastonce.testing.cassandra.fixtures"]')
    pytester.makepyfile("def test_it(cassandra_server, cassandra_keyspace): pass")
    result = pytester.runpytest_subprocess("-rs", "-p", "no:cacheprovider")
    result.assert_outcomes(skipped=0 if required else 1, errors=1 if required else 0)
    reasons = "*no Cassandra:*ATLEASTONCE_TEST_CASSANDRA is not set; no Docker*; there is no *nowhere/bin/java*"
    result.stdout.fnmatch_lines(reasons)


def test_the_release(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ATLEASTONCE_TEST_CASSANDRA_VERSION", raising=False)
    assert chosen_release().image == "cassandra:5.0"
    monkeypatch.setenv("ATLEASTONCE_TEST_CASSANDRA_VERSION", "4.1")
    assert chosen_release().version.startswith("4.1.")
    monkeypatch.setenv("ATLEASTONCE_TEST_CASSANDRA_VERSION", "3.11")
    with pytest.raises(ValueError, match=r"known are 5\.0, 4\.1"):
        chosen_release()
