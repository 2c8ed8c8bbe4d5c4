"""`store` and `delete`: single ones of many threads together, large ones in parts side by side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from atleastonce.exceptions import AtLeastOnceError, StoreUnavailable
from atleastonce.record import TaskKey, TaskRecord
from atleastonce.turns import Request, Turns

from .errors import own, partly_applied
from .link import Link
from .links import Links
from .player import Player
from .protocol.client import Client
from .protocol.complete import complete
from .protocol.places import Place, segment_of
from .protocol.save import prepare, save
from .protocol.steps import Row, Steps
from .protocol.versions import STEP
from .requests import chunks
from .rows import cell_of
from .text import encode
from .waiting import Deadline

STRIPES = 256
"""Partitions are spread over so many turns. Within one, a request waits for the one before, and then shares the next."""

ROWS_PER_TIMEOUT = 10_000
"""A call with more rows than this may take the timeout once more for each further so many."""

Key = tuple[bytes, int | None]  # an id and a version


class _Single(Request):
    """One thread's write of one task: a row to save, or else a key to complete; and the session that this thread has borrowed."""

    def __init__(self, link: Link, place: Place, row: Row | None, key: Key | None) -> None:
        self.link = link
        self.place = place
        self.row = row
        self.key = key


class Writer:
    """See the module.

    Args:
        links: lends the session.
        client: what this process knows.
        timeout: of one call, seconds.
    """

    def __init__(self, links: Links, client: Client, timeout: float) -> None:
        self._links = links
        self._client = client
        self._timeout = timeout
        self._turns = [Turns(self._serve) for _ in range(STRIPES)]

    def forget(self) -> None:
        """In a forked child."""
        for turns in self._turns:
            turns.forget()

    def store(self, records: Sequence[TaskRecord]) -> list[int]:
        """Save the records; their versions, in order."""
        with self._links.use() as link:
            if self._client.clock.is_due():
                self._player(link).play(prepare(self._client))
            if len(records) == 1:
                return [self._store_one(link, records[0])]
            rows, waves = self._rows(link, records)
            player = self._player(link, len(records))
            self._store_wave(player, waves[0])
            with partly_applied():
                for wave in waves[1:]:
                    self._store_wave(player, wave)
        return [row.version for row in rows]

    def _store_wave(self, player: Player, wave: dict[Place, dict[bytes, Row]]) -> None:
        player.play_all(
            save(self._client, place, part) for place, group in wave.items() for part in _parts(list(group.values()))
        )

    def delete(self, keys: Sequence[TaskKey]) -> None:
        """Delete what the keys name."""
        with self._links.use() as link:
            shards = link.settings.shards
            by_place: dict[Place, list[Key]] = {}
            for key in keys:
                id = encode(key.id)
                place = Place(encode(key.task_list), *segment_of(key.id, id, shards))
                by_place.setdefault(place, []).append((id, key.saved_at))
            if len(keys) == 1:
                ((place, (one,)),) = by_place.items()
                self._take(_Single(link, place, None, one))
            else:
                self._player(link, len(keys)).play_all(complete(place, group) for place, group in by_place.items())

    def _store_one(self, link: Link, record: TaskRecord) -> int:
        """Save it, together with what other threads save there meanwhile; its version."""
        fresh = record.drawn and record.saved_at is None
        version = self._client.versions.give(1, record.saved_at, shared=not fresh)
        id = encode(record.id)
        row = Row(id, cell_of(record), version, not fresh)
        place = Place(encode(record.task_list), *segment_of(record.id, id, link.settings.shards))
        self._take(_Single(link, place, row, None))
        return row.version

    def _rows(self, link: Link, records: Sequence[TaskRecord]) -> tuple[list[Row], list[dict[Place, dict[bytes, Row]]]]:
        """A row for each record; and the rows by place and id, in waves in which each key is there once."""
        shards = link.settings.shards
        fresh = [record.drawn and record.saved_at is None for record in records]
        floor = max((record.saved_at for record in records if record.saved_at is not None), default=None)
        version = self._client.versions.give(len(records), floor, shared=not all(fresh))
        rows: list[Row] = []
        waves: list[dict[Place, dict[bytes, Row]]] = [{}]
        name, name_bytes = "", b""
        for record, is_fresh in zip(records, fresh, strict=True):
            if record.task_list != name:
                name, name_bytes = record.task_list, encode(record.task_list)
            id = encode(record.id)
            row = Row(id, cell_of(record), version, not is_fresh)
            version += STEP
            rows.append(row)
            place = Place(name_bytes, *segment_of(record.id, id, shards))
            for wave in waves:
                group = wave.setdefault(place, {})
                if group.setdefault(id, row) is row:
                    break
            else:
                waves.append({place: {id: row}})
        return rows, waves

    def _take(self, request: _Single) -> None:
        self._turns[hash(request.place) % STRIPES].take(request)

    def _serve(self, requests: Sequence[Any]) -> None:
        """Do what these threads want, in as few requests as it takes. The first one is this thread's own."""
        link = requests[0].link
        if len(requests) == 1:
            self._serve_one(link, requests[0])
            return
        player = self._player(link)  # one deadline for all waves
        try:
            for wave in _waves(requests):
                player.play_all(self._steps(wave))
                for request in wave:
                    request.finished = True
        except AtLeastOnceError as error:
            left = [request for request in requests if not request.finished]
            if isinstance(error, StoreUnavailable):
                for request in left:
                    request.error = own(error)
                    request.finished = True
            else:  # one of them was refused, and that must not fail its neighbours
                for request in left:
                    self._serve_one(link, request)

    def _serve_one(self, link: Link, request: _Single) -> None:
        row, key = request.row, request.key
        try:
            if row is not None:
                self._player(link).play(save(self._client, request.place, (row,)))
            elif key is not None:
                self._player(link).play(complete(request.place, (key,)))
        except AtLeastOnceError as error:
            request.error = error
        request.finished = True

    def _steps(self, requests: Sequence[_Single]) -> Iterator[Steps[None]]:
        rows: dict[Place, list[Row]] = {}
        keys: dict[Place, list[Key]] = {}
        for request in requests:
            if request.row is not None:
                rows.setdefault(request.place, []).append(request.row)
            elif request.key is not None:
                keys.setdefault(request.place, []).append(request.key)
        for place, group in rows.items():
            yield save(self._client, place, group)
        for place, ids in keys.items():
            yield complete(place, ids)

    def _player(self, link: Link, rows: int = 1) -> Player:
        return Player(link, self._client, Deadline(self._timeout * (1 + rows // ROWS_PER_TIMEOUT)))


def _parts(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    return (rows[part] for part in chunks(rows))


def _waves(requests: Sequence[_Single]) -> Iterator[list[_Single]]:
    """The requests in groups in which each key is saved once: two saves of one key never share a batch."""
    rest = list(requests)
    while rest:
        seen: set[tuple[Place, bytes]] = set()
        wave, later = [], []
        for request in rest:
            key = (request.place, request.row.id) if request.row is not None else None
            if key is not None and key in seen:
                later.append(request)
            else:
                wave.append(request)
                if key is not None:
                    seen.add(key)
        yield wave
        rest = later
