"""Every error of the driver becomes one of ours, with an outcome that is true and nothing secret."""

from __future__ import annotations

import traceback

import cassandra
import pytest
from cassandra import cluster, connection, pool, protocol

from atleastonce.exceptions import (
    AtLeastOnceError,
    ConfigurationError,
    InvalidTask,
    SchemaMissing,
    StoreError,
    StoreUnavailable,
)
from atleastonce_cassandra.errors import translate

WHERE = "keyspace.tasks"
DEAD = connection.ConnectionShutdown("cut while it was under way")
NO_POOL = connection.ConnectionException("Host has been marked down or removed")
UNAVAILABLE = cassandra.Unavailable("u", required_replicas=2, alive_replicas=1)


def message(kind, code=0, text="text", info=None):
    return kind(code, text, info)


def no_host(*errors):
    return cluster.NoHostAvailable("none", {f"host{n}": error for n, error in enumerate(errors)})


MAPPED = [
    # Nothing was done.
    (UNAVAILABLE, StoreUnavailable, "not_applied"),
    (pool.NoConnectionsAvailable("busy"), StoreUnavailable, "not_applied"),
    (ConnectionRefusedError(111, "refused"), StoreUnavailable, "not_applied"),
    (message(protocol.OverloadedErrorMessage), StoreUnavailable, "not_applied"),
    (message(protocol.IsBootstrappingErrorMessage), StoreUnavailable, "not_applied"),
    (cassandra.UnresolvableContactPoints({}), StoreUnavailable, "not_applied"),
    (no_host(), StoreUnavailable, "not_applied"),
    (no_host(UNAVAILABLE, NO_POOL, ConnectionRefusedError(111, "refused")), StoreUnavailable, "not_applied"),
    (cluster.NoHostAvailable("none at all", ["host1"]), StoreUnavailable, "not_applied"),
    (cassandra.InvalidRequest("unconfigured table tasks"), SchemaMissing, "not_applied"),
    (cassandra.InvalidRequest("Keyspace 'k' does not exist"), SchemaMissing, "not_applied"),
    (cassandra.InvalidRequest("Guardrail timestamp violated"), StoreError, "not_applied"),
    (cassandra.Unauthorized("no MODIFY permission"), StoreError, "not_applied"),
    (cassandra.AlreadyExists("k", "t"), StoreError, "not_applied"),
    (message(protocol.SyntaxException), StoreError, "not_applied"),
    (message(protocol.ConfigurationException), StoreError, "not_applied"),
    # Who knows.
    (
        cassandra.WriteTimeout("t", write_type=0, required_responses=2, received_responses=1),
        StoreUnavailable,
        "unknown",
    ),
    (cassandra.WriteFailure("f", write_type=0, failures=1, required_responses=2), StoreUnavailable, "unknown"),
    (cassandra.ReadTimeout("t", required_responses=2, received_responses=1), StoreUnavailable, "unknown"),
    (cassandra.ReadFailure("f", failures=1, required_responses=2), StoreUnavailable, "unknown"),
    (cassandra.CDCWriteFailure("c"), StoreUnavailable, "unknown"),
    (cassandra.FunctionFailure("f", "k", "name", ["int"]), StoreUnavailable, "unknown"),
    (cassandra.OperationTimedOut({}), StoreUnavailable, "unknown"),
    (cassandra.UnsupportedOperation("no"), StoreUnavailable, "unknown"),
    (message(protocol.ServerError), StoreUnavailable, "unknown"),
    (message(protocol.TruncateError), StoreUnavailable, "unknown"),
    (message(protocol.ProtocolException), StoreUnavailable, "unknown"),
    (message(protocol.ClientWriteError), StoreUnavailable, "unknown"),
    (DEAD, StoreUnavailable, "unknown"),
    (connection.ProtocolError("garbled"), StoreUnavailable, "unknown"),
    (no_host(DEAD, NO_POOL), StoreUnavailable, "unknown"),
    (ConnectionResetError(104, "reset"), StoreUnavailable, "unknown"),
    (RuntimeError("cannot schedule new futures after shutdown"), StoreUnavailable, "unknown"),
]


@pytest.mark.parametrize(("error", "kind", "outcome"), MAPPED, ids=lambda value: getattr(value, "__name__", None))
def test_each_error_is_one_of_ours(error, kind, outcome):
    ours = translate(error, WHERE, writing=True)
    assert type(ours) is kind
    assert ours.outcome == outcome
    assert WHERE in str(ours)
    assert "\n" not in str(ours)
    assert translate(error, WHERE, writing=False).outcome == "not_applied"


@pytest.mark.parametrize(("error", "kind", "outcome"), MAPPED, ids=lambda value: getattr(value, "__name__", None))
def test_what_an_earlier_attempt_may_have_done_counts(error, kind, outcome, monkeypatch):
    monkeypatch.setattr(error, "doubtful", True, raising=False)  # as `Sent` does
    ours = translate(error, WHERE, writing=True)
    if kind is not SchemaMissing:  # there is no table in which anything could be
        assert ours.outcome == "unknown" or isinstance(error, cassandra.UnresolvableContactPoints)
    assert translate(error, WHERE, writing=False).outcome == "not_applied"


@pytest.mark.parametrize("wrap", [lambda error: error, lambda error: no_host(DEAD, error)])
def test_a_wrong_password_is_the_configuration(wrap):
    ours = translate(wrap(cassandra.AuthenticationFailed("Bad credentials")), WHERE, writing=True)
    assert type(ours) is ConfigurationError
    assert "user name or password" in str(ours)


@pytest.mark.parametrize("error", [InvalidTask("x"), StoreUnavailable("x", outcome="unknown")])
def test_our_own_stay_as_they_are(error):
    assert translate(error, WHERE, writing=False) is error


def test_what_to_do_about_missing_tables():
    ours = translate(cassandra.InvalidRequest("table tasks does not exist"), WHERE, writing=False)
    assert "store.setup()" in str(ours)


def test_messages_are_short():
    ours = translate(cassandra.InvalidRequest("x" * 100_000), WHERE, writing=True)
    assert len(str(ours)) < 500


def test_every_exception_of_the_driver_is_looked_at():
    """One that a newer driver brings must be put into the list above."""
    seen = {type(error) for error, _, _ in MAPPED} | {cassandra.AuthenticationFailed}
    there = {
        kind
        for kind in vars(cassandra).values()
        if isinstance(kind, type) and issubclass(kind, cassandra.DriverException)
    }
    bases = {base for kind in there for base in kind.__mro__[1:]}
    assert there - bases <= seen


def test_a_traceback_shows_our_message():
    try:
        try:
            raise UNAVAILABLE
        except cassandra.Unavailable as error:
            raise translate(error, WHERE, writing=True) from error
    except AtLeastOnceError as error:
        text = "".join(traceback.format_exception(error))
    assert "1 of 2 replicas needed are alive" in text
