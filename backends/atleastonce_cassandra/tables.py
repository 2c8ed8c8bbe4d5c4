"""The names of the tables in a keyspace."""

from __future__ import annotations

import uuid

import attrs

_NAMESPACE = uuid.UUID("6f1c3f0e-6a54-4b0c-9d4e-2f6d7f3f5a10")
"""Of the tables' own ids: any constant."""

LIST_BUCKETS = 16
"""The names of the task lists are spread over so many partitions."""

_BESIDE = ("segments", "lists", "claims", "dead", "dead_segs", "settings")
"""What is put after the name of the tasks' table; at most ten letters with the line before, so that a name of 38 may have it."""


@attrs.frozen
class Tables:
    """Names, quoted as CQL needs them.

    Attributes:
        keyspace: the keyspace.
        table: the table of the tasks; the other names begin with it.
    """

    keyspace: str
    table: str

    @property
    def names(self) -> dict[str, str]:
        """Of every table, without the keyspace, by what it is for; in the order in which they are made."""
        return {"tasks": self.table, **{kind: f"{self.table}_{kind}" for kind in _BESIDE}}

    @property
    def tasks(self) -> str:
        """One row a task."""
        return self._full(self.table)

    @property
    def segments(self) -> str:
        """The registry: which segments and shards of a list `all` reads."""
        return self._full(f"{self.table}_segments")

    @property
    def lists(self) -> str:
        """The names of the lists."""
        return self._full(f"{self.table}_lists")

    @property
    def claims(self) -> str:
        """Who holds a task, how often it failed, when it is due again. Only lightweight transactions write there."""
        return self._full(f"{self.table}_claims")

    @property
    def dead(self) -> str:
        """The dead letters, each in the same partition as its task was."""
        return self._full(f"{self.table}_dead")

    @property
    def dead_segs(self) -> str:
        """The registry of the dead letters: which segments and shards of a list had some."""
        return self._full(f"{self.table}_dead_segs")

    @property
    def settings(self) -> str:
        """What all processes must agree on."""
        return self._full(f"{self.table}_settings")

    def id_of(self, name: str) -> uuid.UUID:
        """The table id: given, so that two who create a table at once create the same one."""
        return uuid.uuid5(_NAMESPACE, f"{self.keyspace}.{name}")

    def _full(self, name: str) -> str:
        return f'"{self.keyspace}".{name}'

    def __str__(self) -> str:
        return f"{self.keyspace}.{self.table}"
