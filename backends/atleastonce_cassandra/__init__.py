"""The Cassandra backend of atleastonce: ``cassandra://host1,host2/keyspace?local_dc=dc1``."""

from __future__ import annotations
