"""What a server says of itself, and one that the environment names."""

from __future__ import annotations

import pytest

from atleastonce.testing.cassandra import CassandraServer
from atleastonce.testing.cassandra.environment import named_server, server_from_environment
from atleastonce.testing.cassandra.release import DEFAULT
from atleastonce.testing.cassandra.unavailable import Unavailable
from atleastonce.urls import parse_url


def test_its_url() -> None:
    server = CassandraServer(hosts=("h1", "h2"), local_dc="dc1")
    assert server.url("ks") == "cassandra://h1:9042,h2:9042/ks?local_dc=dc1"
    url = parse_url(server.url("ks", replication_factor=1, tls=True))
    assert url.params == {"local_dc": "dc1", "replication_factor": "1", "tls": "true"}


def test_its_credentials() -> None:
    server = CassandraServer(hosts=("::1",), port=9, local_dc="dc1", username="u@x", password="p/w:?")
    url = parse_url(server.url("ks"))
    assert (url.username, url.password) == ("u@x", "p/w:?")
    assert url.hosts == (("::1", 9),)
    assert "p/w" not in repr(server)


def test_none_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATLEASTONCE_TEST_CASSANDRA", "")
    with pytest.raises(Unavailable, match="not set"), server_from_environment(DEFAULT):
        pass  # pragma: no cover - not reached


def test_one_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ATLEASTONCE_TEST_CASSANDRA", "u:p%40@h1,h2:9043?local_dc=dc7")
    with server_from_environment(DEFAULT) as server:
        assert (server.hosts, server.port, server.local_dc) == (("h1", "h2"), 9043, "dc7")
        assert (server.username, server.password) == ("u", "p@")


def test_the_default_port() -> None:
    assert named_server("h?local_dc=x").port == 9042


@pytest.mark.parametrize("text", ["h/keyspace?local_dc=x", "h1:1,h2:2?local_dc=x", "h?dc=x", "?local_dc=x"])
def test_a_name_that_makes_no_sense(text: str) -> None:
    with pytest.raises(ValueError, match="looks like host1,host2"):
        named_server(text)


@pytest.mark.slow
def test_it_is_asked_for_its_data_centre(cassandra_server: CassandraServer) -> None:
    credentials = f"{cassandra_server.username}:{cassandra_server.password}@" if cassandra_server.username else ""
    server = named_server(f"{credentials}{cassandra_server.hosts[0]}:{cassandra_server.port}")
    assert server.local_dc == cassandra_server.local_dc
