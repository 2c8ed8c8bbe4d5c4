"""A real Cassandra for tests: ``pytest_plugins = ["atleastonce.testing.cassandra.fixtures"]`` gives `cassandra_server`.

Needs pytest and ``atleastonce[cassandra]``; testcontainers where the server is to run in Docker.
"""

from __future__ import annotations

try:
    from .server import CassandraServer
except ModuleNotFoundError as error:
    if error.name != "cassandra":
        raise
    raise ImportError("atleastonce.testing.cassandra needs the driver: pip install 'atleastonce[cassandra]'") from None

__all__ = ["CassandraServer"]
