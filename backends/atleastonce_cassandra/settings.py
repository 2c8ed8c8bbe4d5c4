"""What all processes on one set of tables must agree on; kept there by `setup`, checked on connecting."""

from __future__ import annotations

from collections.abc import Iterable

import attrs
from cassandra import ConsistencyLevel

from atleastonce.exceptions import ConfigurationError, SchemaMissing

from .errors import schema_missing
from .options import CONSISTENCIES, Options

SCHEMA_VERSION = 1
SHARDS = 64
"""How many partitions the ids of a list's that carry no segment are spread over. Fixed once set: it locates tasks."""

STRENGTH = {ConsistencyLevel.name_to_value[name]: rank for rank, name in enumerate(CONSISTENCIES)}
"""Consistency levels from the weakest to the strongest."""


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
    def may_sweep(self) -> bool:
        """Whether a read of all replicas sees every acknowledged write for sure."""
        return STRENGTH[self.consistency] >= STRENGTH[ConsistencyLevel.LOCAL_QUORUM]


def initial(options: Options) -> dict[str, str]:
    """Name to value, as `setup` writes them where they are not there."""
    return {
        "schema_version": str(SCHEMA_VERSION),
        "shards": str(SHARDS),
        "lowest_write_consistency": ConsistencyLevel.value_to_name[options.consistency],
    }


def read(rows: Iterable[tuple[str, str]], options: Options, where: str) -> Settings:
    """The settings from their table's rows.

    Raises `SchemaMissing` where they are incomplete, `ConfigurationError` where this process must not go on with them.
    """
    values = dict(rows)
    if initial(options).keys() - values.keys():
        raise _incomplete(where)
    try:
        settings = Settings(
            int(values["schema_version"]),
            int(values["shards"]),
            ConsistencyLevel.name_to_value[values["lowest_write_consistency"]],
        )
    except (ValueError, KeyError):
        raise ConfigurationError(f"the settings of {where} are not ours: is it another program's table?") from None
    if settings.schema_version > SCHEMA_VERSION or settings.shards < 1:
        raise ConfigurationError(
            f"{where} has version {settings.schema_version} of the tables, this release of atleastonce knows {SCHEMA_VERSION}: upgrade it"
        )
    if STRENGTH[options.consistency] < STRENGTH[settings.consistency]:
        raise ConfigurationError(
            f"{where} was set up for writes at {values['lowest_write_consistency']} or above; this URL says "
            f"{ConsistencyLevel.value_to_name[options.consistency]}: weaker writes could be swept away"
        )
    return settings


def _incomplete(where: str) -> SchemaMissing:
    return schema_missing(where)
