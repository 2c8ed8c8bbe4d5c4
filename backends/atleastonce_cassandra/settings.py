"""What all processes on one set of tables must agree on; kept there by `setup`, checked on connecting."""

from __future__ import annotations

from typing import Any

import attrs
from cassandra import ConsistencyLevel

from atleastonce.exceptions import ConfigurationError

from .errors import schema_missing
from .options import CONSISTENCIES, Options
from .text import decode

SCHEMA_VERSION = 2
"""1: without claims and dead letters; everything else works on it as on 2."""

FIRST_WITH_CLAIMS = 2
"""The first version that has the tables for claims and dead letters."""

SHARDS = 64
"""How many partitions the ids of a list's that carry no segment are spread over. Fixed once set: it locates tasks."""

STRENGTH = {level: rank for rank, level in enumerate(CONSISTENCIES.values())}
"""How strong each consistency level is."""

_NAMES = {level: name for name, level in CONSISTENCIES.items()}


@attrs.frozen
class Settings:
    """See the module.

    Attributes:
        schema_version: of the tables.
        shards: how many.
        consistency: the lowest with which anybody writes.
    """

    schema_version: int
    shards: int
    consistency: int

    @property
    def has_claims(self) -> bool:
        """Whether there are tables for claims and dead letters."""
        return self.schema_version >= FIRST_WITH_CLAIMS

    @property
    def may_sweep(self) -> bool:
        """Whether a read of all replicas sees every acknowledged write for sure."""
        return STRENGTH[self.consistency] >= STRENGTH[ConsistencyLevel.LOCAL_QUORUM]


COLUMNS = "schema_version, shards, write_consistency"
SELECTED = "schema_version, shards, textAsBlob(write_consistency)"  # text that is none would end the connection


def initial(options: Options) -> str:
    """The values of `COLUMNS` that `setup` writes where there are none, as CQL."""
    return f"{SCHEMA_VERSION}, {SHARDS}, '{_NAMES[options.consistency]}'"


def check(row: tuple[Any, ...] | None, options: Options, where: str) -> Settings:
    """The settings from their row, as `SELECTED` gives it.

    Raises `SchemaMissing` where there is none, `ConfigurationError` where this process must not go on with them.
    """
    if row is None:
        raise schema_missing(where)
    version, shards, stored = row
    consistency = decode(stored or b"")
    if version is not None and version > SCHEMA_VERSION:
        raise ConfigurationError(
            f"{where} has version {version} of the tables, this release of atleastonce knows {SCHEMA_VERSION}: upgrade it"
        )
    if version is None or version < 1 or shards is None or shards < 1 or consistency not in CONSISTENCIES:
        raise ConfigurationError(
            f"the settings of {where} were changed by hand, to what no release wrote: set them back ({SHARDS} shards unless "
            "you know better, since tasks are found by it), in the row of the table whose name ends in _settings"
        )
    settings = Settings(version, shards, CONSISTENCIES[consistency])
    if STRENGTH[options.consistency] < STRENGTH[settings.consistency]:
        raise ConfigurationError(
            f"{where} was set up for writes at {consistency} or above; this URL says "
            f"{_NAMES[options.consistency]}: what it writes could be swept away"
        )
    return settings
