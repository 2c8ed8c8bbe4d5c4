"""What a session decides about its servers: whose clock is wrong, where saves are read back, who else is asked for a read."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import Any

import attrs
import pytest
from cassandra import ConsistencyLevel, InvalidRequest, OperationTimedOut, Unavailable
from cassandra.metadata import NetworkTopologyStrategy, SimpleStrategy

from atleastonce import ConfigurationError
from atleastonce_cassandra import link
from atleastonce_cassandra.options import Options
from atleastonce_cassandra.tables import Tables

OPTIONS = Options(hosts=(("h", 9042),), keyspace="k", consistency=ConsistencyLevel.LOCAL_QUORUM)


class Clocks:
    """A link to servers whose clocks show so many milliseconds; an exception is what a server answers instead."""

    profile = None
    statements = SimpleNamespace(clock=SimpleNamespace(consistency_level=1, is_idempotent=True, column_metadata=()))

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **shown: Any) -> None:
        self.session = self
        self._shown = shown
        monkeypatch.setattr(link, "connected", lambda session: [SimpleNamespace(address=name) for name in shown])

    def execute_async(self, statement, *, execution_profile, timeout, host):
        answer = self._shown[host.address]

        def result():
            if isinstance(answer, Exception):
                raise answer
            return SimpleNamespace(one=lambda: (answer,))

        return SimpleNamespace(result=result)


def test_clocks_a_minute_apart_are_borne(monkeypatch):
    link.check_clocks(Clocks(monkeypatch, a=1_000, b=61_000, c=30_000))


def test_clocks_further_apart_are_refused_by_name(monkeypatch):
    with pytest.raises(ConfigurationError, match=r"a and b are 60 s apart.*NTP"):
        link.check_clocks(Clocks(monkeypatch, a=1_000, b=61_001, c=30_000))


def test_a_server_that_does_not_show_its_clock_is_told(monkeypatch, caplog):
    caplog.set_level(logging.INFO, "atleastonce.cassandra")
    link.check_clocks(Clocks(monkeypatch, a=1_000, b=OperationTimedOut({}), c=2_000))
    assert "the clock of b could not be read" in caplog.text


class Settled(link.Link):
    """A link to a keyspace of this strategy, whose servers answer a read at EACH_QUORUM with this exception."""

    def __init__(self, strategy: Any, options: Options = OPTIONS, *, answer: Exception | None = None) -> None:
        keyspaces = {"k": SimpleNamespace(replication_strategy=strategy)}
        self.session = SimpleNamespace(cluster=SimpleNamespace(metadata=SimpleNamespace(keyspaces=keyspaces)))
        self.tables = Tables("k", "tasks")
        self._options = options
        self._answer = answer

    def _read(self, cql, level, seconds):
        assert level == ConsistencyLevel.EACH_QUORUM
        if self._answer is not None:
            raise self._answer


TWO_CENTRES = NetworkTopologyStrategy({"dc1": "3", "dc2": "3"})


@pytest.mark.parametrize(
    ("strategy", "options", "level"),
    [
        (TWO_CENTRES, {}, ConsistencyLevel.EACH_QUORUM),
        (TWO_CENTRES, {"single_dc_user_ids": True}, ConsistencyLevel.LOCAL_QUORUM),
        (NetworkTopologyStrategy({"dc1": "3"}), {}, ConsistencyLevel.LOCAL_QUORUM),
        (SimpleStrategy({"replication_factor": "1"}), {}, ConsistencyLevel.LOCAL_QUORUM),
    ],
    ids=["two data centres", "two, one of which saves", "one", "simple"],
)
def test_a_save_is_read_back_where_others_may_have_written(strategy, options, level):
    assert Settled(strategy, attrs.evolve(OPTIONS, **options))._verification_level() == level


@pytest.mark.parametrize(
    ("answer", "level"),
    [
        (InvalidRequest("EACH_QUORUM ConsistencyLevel is only supported for writes"), ConsistencyLevel.ALL),
        (Unavailable("a data centre is away"), ConsistencyLevel.EACH_QUORUM),
        (OperationTimedOut({}), ConsistencyLevel.EACH_QUORUM),
    ],
    ids=["refused", "away", "slow"],
)
def test_servers_that_refuse_that_level_are_all_read(answer, level):
    assert Settled(TWO_CENTRES, answer=answer)._verification_level() == level


def test_only_reads_are_speculative(monkeypatch):
    """A read goes to a second server after that time; a write only after its own patience."""
    patience: list[float] = []
    monkeypatch.setattr(link, "Sent", lambda session, statement, profile, seconds, **how: patience.append(seconds))
    one = object.__new__(link.Link)
    one.session = one.profile = None
    one.patience, one.reading_patience = 1.0, 0.05
    one.send("SELECT", reading=True)
    one.send("INSERT")
    assert patience == [0.05, 1.0]
