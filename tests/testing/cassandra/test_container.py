"""The way by Docker, where there is none; with Docker the smoke test takes it."""

from __future__ import annotations

import socket
import sys

import pytest

from atleastonce.testing.cassandra.container import container_server, reachable
from atleastonce.testing.cassandra.release import DEFAULT
from atleastonce.testing.cassandra.unavailable import Unavailable


def test_without_testcontainers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "testcontainers.community.cassandra", None)
    with pytest.raises(Unavailable, match="no testcontainers"), container_server(DEFAULT):
        pass  # pragma: no cover - not reached


@pytest.mark.parametrize("host", ["tcp://127.0.0.1:1", "unix:///nowhere/docker.sock"])
def test_without_docker(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("DOCKER_HOST", host)
    with pytest.raises(Unavailable, match="no Docker"), container_server(DEFAULT):
        pass  # pragma: no cover - not reached


def test_the_host_that_answers_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        assert reachable("localhost", port) == "127.0.0.1"
        assert reachable("127.9.9.9", port) == "127.0.0.1"
    assert reachable("127.9.9.9", port) == "127.9.9.9"
