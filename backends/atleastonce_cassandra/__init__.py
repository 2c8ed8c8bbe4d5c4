"""The Cassandra backend of atleastonce: ``cassandra://host1,host2/keyspace?local_dc=dc1``."""

from __future__ import annotations

from .options import Options
from .store import CassandraStore
from .task_rb import TaskRbTable

__all__ = ["CassandraStore", "Options", "TaskRbTable"]
