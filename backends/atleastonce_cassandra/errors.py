"""The driver's errors as ours."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from cassandra import (
    AuthenticationFailed,
    OperationTimedOut,
    ReadFailure,
    ReadTimeout,
    RequestValidationException,
    Unauthorized,
    Unavailable,
    UnresolvableContactPoints,
    WriteFailure,
    WriteTimeout,
)
from cassandra.cluster import NoHostAvailable
from cassandra.connection import ConnectionException
from cassandra.pool import NoConnectionsAvailable
from cassandra.protocol import IsBootstrappingErrorMessage, OverloadedErrorMessage
from cassandra.protocol import RequestValidationException as RefusedMessage

from atleastonce.exceptions import AtLeastOnceError, ConfigurationError, SchemaMissing, StoreError, StoreUnavailable

_REFUSED = (RequestValidationException, RefusedMessage)
"""What a server raises before it does anything. The driver turns some of its messages into exceptions, and raises others."""

_NEVER_SENT = (
    *_REFUSED,
    AuthenticationFailed,
    Unavailable,
    NoConnectionsAvailable,
    OverloadedErrorMessage,
    IsBootstrappingErrorMessage,
    ConnectionRefusedError,
)
"""Of these the request was not applied on any replica. A lightweight transaction may have been: `Once` marks it as `doubtful`."""

_SET_UP = (
    "run store.setup() once, as a user who may create tables: "
    """ATLEASTONCE_URL=cassandra://... python -c "from atleastonce import TaskStore; TaskStore().setup()\""""
)

_NO_SCHEMA = ("unconfigured table", "does not exist", "unconfigured columnfamily")


def translate(error: Exception, where: str, *, writing: bool) -> AtLeastOnceError:
    """Our error for one that the driver raised.

    Args:
        error: the driver's. `Sent` marks one as `doubtful` when an earlier attempt may have been applied, whatever became of the
            last one.
        where: names the keyspace and table, for the message.
        writing: whether the request would have changed anything.
    """
    if isinstance(error, AtLeastOnceError):
        return error
    doubtful = getattr(error, "doubtful", False) or not _was_never_sent(error)
    outcome: Any = "unknown" if writing and doubtful else "not_applied"
    if isinstance(error, Unauthorized):
        return StoreError(
            f"the user may not do this on {where}: {_first_line(error)}; grant SELECT and MODIFY on its tables",
            outcome=outcome,
        )
    if isinstance(error, _REFUSED):
        text = _first_line(error)
        if any(mark in text.lower() for mark in _NO_SCHEMA):
            return schema_missing(where)
        return StoreError(f"Cassandra refused a request on {where}: {text}", outcome=outcome)
    if isinstance(error, AuthenticationFailed):
        return _not_authenticated(where)
    if isinstance(error, NoHostAvailable):
        inner = list(error.errors.values()) if isinstance(error.errors, dict) else []
        for one in inner:
            if isinstance(one, AuthenticationFailed):
                return _not_authenticated(where)
        shown = {
            f"{host}: {describe(one)}" for host, one in (error.errors.items() if isinstance(error.errors, dict) else ())
        }
        return StoreUnavailable(
            f"no Cassandra server took the request on {where} ({'; '.join(sorted(shown)) or 'none is connected'})",
            outcome=outcome,
        )
    if isinstance(error, UnresolvableContactPoints):
        return StoreUnavailable(f"none of the host names for {where} can be resolved", outcome="not_applied")
    if isinstance(error, OperationTimedOut):
        return StoreUnavailable(f"Cassandra did not answer in time on {where}", outcome=outcome)
    if isinstance(error, (ReadFailure, ReadTimeout, WriteFailure, WriteTimeout, Unavailable)):
        return StoreUnavailable(f"Cassandra could not serve a request on {where}: {describe(error)}", outcome=outcome)
    return StoreUnavailable(f"a request to Cassandra on {where} failed: {describe(error)}", outcome=outcome)


def _not_authenticated(where: str) -> ConfigurationError:
    return ConfigurationError(f"Cassandra refused the user name or password for {where}")


def schema_missing(where: str) -> SchemaMissing:
    """For a keyspace or table that is not there."""
    return SchemaMissing(f"{where} is not set up: {_SET_UP}", outcome="not_applied")


def tables_outdated(where: str, version: int) -> SchemaMissing:
    """For tables of an older release, which have none for what is wanted."""
    return SchemaMissing(
        f"{where} has version {version} of the tables, without those for claims: {_SET_UP}",
        outcome="not_applied",
    )


@contextmanager
def partly_applied() -> Iterator[None]:
    """For the further steps of a call that has written something: whatever fails in them, the whole call's outcome is unknown."""
    try:
        yield
    except StoreError as error:
        error.outcome = "unknown"
        raise


def own(error: AtLeastOnceError) -> AtLeastOnceError:
    """A copy, for one of several threads to raise."""
    mine = copy.copy(error)
    mine.__cause__ = error.__cause__
    return mine


def describe(error: object) -> str:
    """A driver's error in a few words, without what it was about."""
    if isinstance(error, (Unavailable,)):
        return f"{error.alive_replicas} of {error.required_replicas} replicas needed are alive"
    if isinstance(error, (ReadTimeout, WriteTimeout)):
        return f"{error.received_responses} of {error.required_responses} replicas answered in time"
    if isinstance(error, (ReadFailure, WriteFailure)):
        return f"{error.failures} replicas failed ({type(error).__name__}; too many deleted rows, perhaps)"
    if isinstance(error, OperationTimedOut):
        return "no answer in time"
    if isinstance(error, (ConnectionException, OSError)):
        return f"connection: {_first_line(error)}"
    return f"{type(error).__name__}: {_first_line(error)}"


def _was_never_sent(error: Exception) -> bool:
    if isinstance(error, NoHostAvailable):
        inner = error.errors.values() if isinstance(error.errors, dict) else ()
        return all(
            isinstance(one, _NEVER_SENT) or type(one) is ConnectionException for one in inner
        )  # of no connection
    return isinstance(error, _NEVER_SENT)


def _first_line(error: object) -> str:
    return (str(error).splitlines() or [""])[0][:300]
