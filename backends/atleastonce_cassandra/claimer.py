"""`claim` and what its holder does then; single calls of many threads together, large ones in parts side by side."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from itertools import chain, islice
from typing import Any, TypeVar

from atleastonce.claims import ClaimPage, Failure, Held
from atleastonce.exceptions import AtLeastOnceError, StoreError
from atleastonce.record import Claim, TaskKey, TaskRecord
from atleastonce.turns import Request, Turns

from .errors import own, partly_applied
from .link import Link
from .links import Links
from .passing import WHOLE, Pass, Position, Sizes, Spans
from .player import Player
from .protocol.claim import Terms, claim_saved
from .protocol.client import Client
from .protocol.complete import complete
from .protocol.fail import failed, report
from .protocol.hold import Holding, change, released, renewed, show
from .protocol.places import Place, segment_of
from .protocol.save import prepare
from .protocol.state import State
from .protocol.steps import Found, ReadRows, Steps
from .protocol.swap import Decide
from .protocol.sweep import is_sweepable
from .registry import places
from .rows import record_of
from .text import encode
from .waiting import Deadline
from .writer import ROWS_PER_TIMEOUT, STRIPES

SHARE_OF_TIMEOUT = 0.5
"""A call that has looked for so long gives what it has: its cursor says where the next one goes on."""

TIDY_SHARE_OF_TIMEOUT = 0.1
"""So long a call may sweep, once it has what it claims."""

MAX_SWEEPS = 1_000
"""Of one call: some tenths of a second. There may be more only where nobody read the list for long; the next calls do the rest."""

TIDY_AGAIN_S = 60.0
"""When something could not be swept, a server is away perhaps, and not every claim of a page is to wait for it again."""

log: logging.Logger = logging.getLogger("atleastonce.cassandra")

T = TypeVar("T")

Tidy = Callable[[Sequence[tuple[Place, int]], Sequence[tuple[Place, bytes]], float], bool]
"""`Reader.tidy`."""

_Done = tuple[Place, tuple[bytes, "int | None"]]
"""Where a task is that is to be deleted, its id and version."""


class _Single(Request):
    """One thread's change of one claim, and what it completes beside that."""

    def __init__(self, link: Link, place: Place, id: bytes, decide: Decide, done: _Done | None = None) -> None:
        self.link = link
        self.place = place
        self.id = id
        self.decide = decide
        self.done = done
        self.state: State | None = None


class Claimer:
    """See the module.

    Args:
        links: lends the session.
        client: what this process knows.
        timeout: of one call, seconds.
        max_data_bytes: the longest data of a task.
        tidy: sweeps what was found empty.
    """

    def __init__(self, links: Links, client: Client, timeout: float, max_data_bytes: int, tidy: Tidy) -> None:
        self._links = links
        self._client = client
        self._timeout = timeout
        self._tidy = tidy
        self._untidy = Deadline(0)
        self._sizes = Sizes(max_data_bytes)
        self._turns = [Turns(self._serve) for _ in range(STRIPES)]

    def forget(self) -> None:
        """In a forked child."""
        for turns in self._turns:
            turns.forget()

    def claim(
        self, task_list: str, lease: int, limit: int, due_by: int | None, saved_before: int | None, cursor: Spans | None
    ) -> ClaimPage:
        """See `ClaimsInterface.claim`."""
        deadline = Deadline(self._timeout * SHARE_OF_TIMEOUT)
        with self._links.use() as link:
            link.claim_statements()
            player = self._player(link, limit)
            player.play(prepare(self._client))
            terms = Terms(
                lease,
                self._client.clock.now() if due_by is None else due_by,
                saved_before,
                partial(_record, task_list),
            )
            source = partial(self._places, encode(task_list))
            part = Pass(player, self._client, self._sizes, terms, limit, WHOLE if cursor is None else cursor, source)
            try:
                part.run(deadline)
            except StoreError as error:
                if not part.records:
                    raise
                # They would be held for a whole lease by nobody. If the trouble lasts, the next call says so.
                log.info("a page of claims of %s ended early: %s", task_list, error)
            else:
                self._tidy_up(part)
        return ClaimPage(part.records, tuple(part.left) or None)

    def _tidy_up(self, part: Pass) -> None:
        """As `all` does: who only claims would otherwise read more and more places that are empty."""
        if self._untidy.left():
            return
        sweepable = ((place, began) for place, began in part.empty.items() if is_sweepable(place, began))
        empty = list(islice(sweepable, MAX_SWEEPS))
        reports = list(islice(part.reports, MAX_SWEEPS))
        if (empty or reports) and not self._tidy(empty, reports, self._timeout * TIDY_SHARE_OF_TIMEOUT):
            self._untidy = Deadline(TIDY_AGAIN_S)

    def _places(self, list_bytes: bytes, position: Position | None) -> Iterator[Place]:
        start = None if position is None else (position.slot, position.token)
        return places(self._links, self._client.clock, list_bytes, self._timeout, start=start)

    def claim_saved(self, keys: Sequence[TaskKey], lease: int) -> list[Claim | None]:
        """See `ClaimsInterface.claim_saved`."""
        claims: list[Claim | None] = [None] * len(keys)
        with self._links.use() as link:
            player = self._player(link, len(keys))
            player.play(prepare(self._client))
            groups: dict[Place, dict[bytes, tuple[int, int]]] = {}  # id to version and position
            for position, key in enumerate(keys):
                place, id = _where(link, key)
                if key.saved_at is not None:
                    groups.setdefault(place, {}).setdefault(id, (key.saved_at, position))
            played = player.play_all(
                claim_saved(self._client, place, {id: version for id, (version, _) in group.items()}, lease)
                for place, group in groups.items()
            )
            for group, claimed in zip(groups.values(), played, strict=True):
                for id, claim in claimed.items():
                    claims[group[id][1]] = claim
        return claims

    def start(self, held: Held, done: TaskKey | None) -> Claim | None:
        """See `ClaimsInterface.start`. Both at the same time; neither undoes the other."""
        with self._links.use() as link:
            player = self._player(link)
            player.play(prepare(self._client))
            place, id = _where(link, held)
            ended = None
            if done is not None:
                where, done_id = _where(link, done)
                ended = where, (done_id, done.saved_at)
            request = _Single(link, place, id, renewed(self._client, _holding(held), started=True), ended)
            self._take(request)
            return None if request.state is None else _claim(request.state)

    def heartbeat(self, held: Sequence[Held]) -> list[Claim | None]:
        """See `ClaimsInterface.heartbeat`."""
        decides = [renewed(self._client, _holding(one)) for one in held]
        return [None if state is None else _claim(state) for state in self._change(held, decides)]

    def release(self, held: Sequence[Held], due_at: int | None, *, unstarted: bool) -> list[bool]:
        """See `ClaimsInterface.release`."""
        decides = [released(_holding(one), due_at, unstarted=unstarted) for one in held]
        states = self._change(held, decides)
        if due_at is not None:
            with partly_applied():
                self._show(held, states)
        return [state is not None for state in states]

    def fail(self, failure: Failure) -> bool:
        """See `ClaimsInterface.fail`."""
        held = failure.held
        if held.saved_at is None and held.token is None:  # nothing is meant
            return False
        with self._links.use() as link:
            player = self._player(link)
            player.play(prepare(self._client))
            place, id = _where(link, held)
            found: Found | None = player.play(_read(place, id))
            if found is None or held.saved_at not in {None, found.version}:
                return False
            holding = Holding(found.version, _token(held))
            copied = (found.failure or (0,))[0] or 0
            request = _Single(link, place, id, failed(holding, failure, copied))
            self._take(request)
            if request.state is None:
                return False
            with partly_applied():  # with the whole timeout again, however long the others in this turn took
                self._player(link).play(report(self._client, place, found, failure, request.state))
        return True

    def discard(self, keys: Sequence[TaskKey]) -> None:
        """See `ClaimsInterface.discard`."""
        with self._links.use() as link:
            groups: dict[Place, list[tuple[bytes, int | None]]] = {}
            for key in keys:
                place, id = _where(link, key)
                groups.setdefault(place, []).append((id, key.saved_at))
            self._player(link, len(keys)).play_all(complete(place, group, dead=True) for place, group in groups.items())

    def _show(self, held: Sequence[Held], states: Sequence[State | None]) -> None:
        with self._links.use() as link:
            groups: dict[Place, dict[bytes, State]] = {}
            for one, state in zip(held, states, strict=True):
                if state is not None:
                    place, id = _where(link, one)
                    groups.setdefault(place, {})[id] = state
            self._player(link, len(held)).play_all(show(self._client, place, group) for place, group in groups.items())

    def _change(self, held: Sequence[Held], decides: Sequence[Decide]) -> list[State | None]:
        """Change the claims, each by its own; the new state of each that was changed."""
        states: list[State | None] = [None] * len(held)
        with self._links.use() as link:
            player = self._player(link, len(held))
            player.play(prepare(self._client))
            wanted = [
                (*_where(link, one), decide, position)
                for position, (one, decide) in enumerate(zip(held, decides, strict=True))
            ]
            if len(wanted) == 1:
                ((place, id, decide, position),) = wanted
                request = _Single(link, place, id, decide)
                self._take(request)
                states[position] = request.state
                return states
            for number, wave in enumerate(_waves(wanted)):
                with partly_applied() if number else nullcontext():
                    played = player.play_all(self._steps(wave))
                for group, changed in zip(wave.values(), played, strict=True):
                    for id, (_, position) in group.items():
                        states[position] = changed.get(id)
        return states

    def _steps(self, wave: Mapping[Place, Mapping[bytes, tuple[Decide, Any]]]) -> Iterator[Steps[dict[bytes, State]]]:
        for place, group in wave.items():
            yield change(self._client, place, {id: decide for id, (decide, _) in group.items()})

    def _take(self, request: _Single) -> None:
        self._turns[hash(request.place) % STRIPES].take(request)

    def _serve(self, requests: Sequence[Any]) -> None:
        """Do what these threads want, each place in one transaction. The first request is this thread's own."""
        player = self._player(requests[0].link)
        waves = _waves([(one.place, one.id, one.decide, one) for one in requests])
        done: dict[Place, list[tuple[bytes, int | None]]] = {}
        for place, key in [one.done for one in requests if one.done is not None]:
            done.setdefault(place, []).append(key)
        completes = [complete(place, keys) for place, keys in done.items()]
        try:
            for number, wave in enumerate(waves):
                steps = chain(completes if number == 0 else (), self._steps(wave))
                with partly_applied() if number else nullcontext():
                    played = player.play_all(steps)[len(completes) if number == 0 else 0 :]
                for group, changed in zip(wave.values(), played, strict=True):
                    for id, (_, request) in group.items():
                        request.state = changed.get(id)
                        request.finished = True
        except AtLeastOnceError as error:
            for request in requests:
                if not request.finished:
                    request.error = own(error)
                    request.finished = True

    def _player(self, link: Link, rows: int = 1) -> Player:
        return Player(link, self._client, Deadline(self._timeout * (1 + rows // ROWS_PER_TIMEOUT)))


def _record(task_list: str, found: Found) -> TaskRecord:
    return record_of(task_list, *found)


def _read(place: Place, id: bytes) -> Steps[Found | None]:
    rows: dict[bytes, Found] = yield ReadRows(place, [id])
    return rows.get(id)


def _where(link: Link, key: Held | TaskKey) -> tuple[Place, bytes]:
    id = encode(key.id)
    return Place(encode(key.task_list), *segment_of(key.id, id, link.settings.shards)), id


def _token(held: Held) -> bytes | None:
    return None if held.token is None else held.token.encode("utf-8", "surrogatepass")


def _holding(held: Held) -> Holding:
    return Holding(held.saved_at, _token(held))


def _claim(state: State) -> Claim:
    assert state.token is not None  # what is not held is not renewed
    return Claim(state.token.decode(), state.until, state.lease)


def _waves(
    wanted: Sequence[tuple[Place, bytes, Decide, T]],
) -> list[dict[Place, dict[bytes, tuple[Decide, T]]]]:
    """By place and id, in waves in which each id is there once: the second change of a claim comes after the first."""
    waves: list[dict[Place, dict[bytes, tuple[Decide, T]]]] = [{}]
    for place, id, decide, tag in wanted:
        for wave in waves:
            group = wave.setdefault(place, {})
            if id not in group:
                group[id] = decide, tag
                break
        else:
            waves.append({place: {id: (decide, tag)}})
    return waves
