"""Where a task is: its partition, which its list and id alone decide, so that nothing is looked up and a task never moves."""

from __future__ import annotations

from typing import NamedTuple
from zlib import crc32

from atleastonce.ids import SLOT_MS, segment

SHARD_SLOT = -1
"""The slot of a shard: ids that carry no segment are spread over shards, which belong to no time."""

SLOT_US = SLOT_MS * 1_000
"""How long a slot is, in microseconds."""


class Place(NamedTuple):
    """One partition.

    Attributes:
        task_list: the list's name in UTF-8.
        slot: the five minutes since 1970 in which the ids were drawn; `SHARD_SLOT`: a shard.
        token: the random part of a segment, or the number of a shard.
    """

    task_list: bytes
    slot: int
    token: int


def segment_of(id: str, id_bytes: bytes, shards: int) -> tuple[int, int]:
    """(slot, token) of the segment or shard that has this id."""
    return segment(id) or (SHARD_SLOT, crc32(id_bytes) % shards)


def slot_at(now_us: int) -> int:
    """The slot of that moment (microseconds since 1970)."""
    return now_us // SLOT_US


def closed_for_us(place: Place, now_us: int) -> int:
    """How long ago the place's slot ended, in microseconds; negative before that. Shards have no end: always negative."""
    return -1 if place.slot == SHARD_SLOT else now_us - (place.slot + 1) * SLOT_US
