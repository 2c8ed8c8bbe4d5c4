"""A real Cassandra for tests: ``pytest_plugins = ["atleastonce.testing.cassandra.fixtures"]`` gives `cassandra_server`.

Needs pytest and ``atleastonce[cassandra]``; testcontainers where the server is to run in Docker.
"""

from __future__ import annotations

from importlib.util import find_spec

try:
    from .server import CassandraServer
except ModuleNotFoundError:
    if find_spec("cassandra") is not None:  # something else is missing
        raise
    raise ImportError("atleastonce.testing.cassandra needs the driver: pip install 'atleastonce[cassandra]'") from None

__all__ = ["CassandraServer"]
