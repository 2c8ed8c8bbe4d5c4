"""`TaskRbTable`: the table of task_rb, the Ruby library, so that Python can do its tasks, or move them."""

from __future__ import annotations

import time
import weakref
from collections import deque
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any, cast

from atleastonce.clock import Clock, system_clock
from atleastonce.exceptions import InvalidTask, StoreError
from atleastonce.record import TaskKey, TaskRecord
from atleastonce.urls import StoreURL
from atleastonce.versions import VERSION_LIMIT

from .base import Base
from .errors import translate
from .forks import forget_in_child
from .link import open_link
from .links import Links
from .options import Options, options_of
from .player import IN_FLIGHT, Player
from .protocol.client import Client
from .protocol.places import Place
from .protocol.save import prepare, verify
from .protocol.steps import Read, Row, Steps, Stored, Wait
from .reader import FIRST_ROW_BYTES, MAX_PAGE_ROWS, MIN_PAGE_ROWS, PAGES_BYTES
from .rows import record_of
from .statements import Encoded, bigint_bytes
from .task_rb_link import TaskRbLink, TaskRbSchema
from .text import decode, encode
from .waiting import Deadline, Sent
from .writer import ROWS_PER_TIMEOUT

Key = tuple[bytes, bytes, bytes]  # list, id, type
_NOWHERE = Place(b"", 0, 0)  # rows have no place here but their key


class TaskRbTable(Base):
    """Keeps records in task_rb's own table, ``((task_list), id, type) data``, as task_rb does.

    It is there to empty that table, or to share it with Ruby for a while. It has that table's weakness: a list with over 100,000
    completions within gc_grace cannot be read. What differs from other backends:

    - An id may have a row of each type, and each is a task of its own, in `all` too; `find` gives the newest. A save leaves the rows
      of other types alone. A delete with a version removes the row that was written at exactly that time; without one, like
      task_rb, all rows of the id.
    - There is no place for ``run_at``, ``meta`` and attempts: `store` refuses a record that has one of the first two.
    - The order of `all` is that of id, then type.

    Args:
        options: as of `CassandraStore`.
        session: an open driver session to use instead of one of our own. It is never closed here.
        clock: gives microseconds since 1970, and is believed; by default the servers' own clock is followed.
        url: by which other processes reach the same tasks.
    """

    def __init__(
        self, options: Options, *, session: Any = None, clock: Clock = system_clock, url: StoreURL | None = None
    ) -> None:
        super().__init__(options, session, clock, url)
        self._links = Links(partial(open_link, options, session, TaskRbLink))
        weakref.finalize(self, self._links.close)
        forget_in_child(self)

    @classmethod
    def from_url(cls, url: StoreURL, *, clock: Clock = system_clock) -> TaskRbTable:
        """The table for ``cassandra://host1,host2/keyspace?table=tasks``, with the parameters of `CassandraStore`."""
        return cls(options_of(url), clock=clock, url=url)

    def __repr__(self) -> str:
        return f"TaskRbTable({self._options.keyspace!r}, table={self._options.table!r})"

    def store(self, records: Sequence[TaskRecord]) -> Sequence[int]:
        """See `DataInterface.store`. Each record by itself: a failure may leave some stored.

        Raises `InvalidTask` for a record that has ``run_at`` or ``meta``.
        """
        for record in records:
            if record.run_at is not None or record.meta:
                raise InvalidTask("task_rb's table has no place for run_at and meta: save this task elsewhere")
        with self._links.use() as link:
            call = _Call(link, self._client, self._options.timeout, len(records))
            call.measure()
            keys = [(encode(it.task_list), encode(it.id), encode(it.type)) for it in records]
            seen = call.rows([key[:2] for key in keys])
            rows: dict[Key, Row] = {}  # of one key twice the last stays
            given: list[Row] = []
            for key, record in zip(keys, records, strict=True):
                stored = [version for type, _, version in seen[key[:2]] if type == key[2] and version is not None]
                floor = max((*stored, *(() if record.saved_at is None else (record.saved_at,))), default=None)
                version = self._client.versions.give(1, floor, shared=True)
                rows[key] = row = Row(b"%d" % len(given), record.data, version, True)
                given.append(row)
            if rows:
                call.save(rows)
            return [row.version for row in given]

    def find(self, task_list: str, id: str) -> TaskRecord | None:
        """See `DataInterface.find`. Of several rows of that id the newest."""
        key = encode(task_list), encode(id)
        with self._links.use() as link:
            rows = _Call(link, self._client, self._options.timeout).rows([key])[key]
        newest = max(rows, key=lambda row: -1 if row[2] is None else row[2], default=None)
        return None if newest is None else _record(task_list, key[1], newest)

    def all(self, task_list: str, *, saved_before: int | None = None) -> Iterator[TaskRecord]:
        """See `DataInterface.all`. By id, then type; every row is a record."""
        key, state, more = encode(task_list), None, True
        row_bytes = float(FIRST_ROW_BYTES)
        while more:
            size = max(MIN_PAGE_ROWS, min(MAX_PAGE_ROWS, int(PAGES_BYTES / IN_FLIGHT / row_bytes)))
            with self._links.use() as link:
                call = _Call(link, self._client, self._options.timeout)
                answer = call.page(call.statements.page, (key,), size, state)
            rows, state = answer.current_rows, answer.paging_state
            more = state is not None
            if rows:
                row_bytes = max(1.0, sum(len(data or b"") + 100 for _, _, data, _ in rows) / len(rows))
            for id, *row in rows:
                version = row[2]
                if saved_before is None or version is None or version < saved_before or version >= VERSION_LIMIT:
                    yield _record(task_list, id, cast(_Row, tuple(row)))

    def delete(self, keys: Sequence[TaskKey]) -> None:
        """See `DataInterface.delete`, and the class: the row of exactly that version; without one, all rows of the id."""
        if not keys:
            return
        with self._links.use() as link:
            call = _Call(link, self._client, self._options.timeout, len(keys))
            call.measure()
            rows = call.rows([(encode(key.task_list), encode(key.id)) for key in keys])
            doomed: dict[Key, int] = {}
            for key in keys:
                place = encode(key.task_list), encode(key.id)
                for type, _, version in rows[place]:
                    if key.saved_at is None or key.saved_at == version:
                        doomed[(*place, type)] = self._client.clock.now() if version is None else version
            call.delete(doomed)

    def count(self, task_list: str) -> int:
        """See `DataInterface.count`."""
        with self._links.use() as link:
            call = _Call(link, self._client, self._options.timeout)
            (answer,) = call.ask(call.statements.count, [(encode(task_list),)])
            return int(answer.one()[0])

    def task_lists(self) -> Iterator[str]:
        """See `DataInterface.task_lists`. Reads the whole table, one row a list."""
        state, more = None, True
        while more:
            with self._links.use() as link:
                call = _Call(link, self._client, self._options.timeout)
                answer = call.page(call.statements.lists, (), 100, state)
            state = answer.paging_state
            more = state is not None
            yield from (decode(name) for (name,) in answer.current_rows)

    def setup(self, *, dry_run: bool = False) -> list[str]:
        """See `DataInterface.setup`. Makes the table as task_rb has it; one that is there stays as it is."""
        with self._session_for_setup() as session:
            return TaskRbSchema(session, self._options).setup(dry_run=dry_run)

    def close(self) -> None:
        """See `DataInterface.close`."""
        self._links.close()

    def forget(self) -> None:
        """Start afresh in a child."""
        self._links.forget()
        self._client.forget()


_Row = tuple[bytes, bytes | None, int | None]  # type, data, write time


class _Call:
    """One call: its session, its deadline, and whether it wrote."""

    def __init__(self, link: Any, client: Client, timeout: float, rows: int = 1) -> None:
        self._link = link
        self._client = client
        self._deadline = Deadline(timeout * (1 + rows // ROWS_PER_TIMEOUT))
        self._wrote = False
        self.statements = link.task_rb

    def measure(self) -> None:
        """The clock must be right before versions are given."""
        Player(self._link, self._client, self._deadline).play(prepare(self._client))

    def rows(self, places: Sequence[tuple[bytes, bytes]]) -> dict[tuple[bytes, bytes], list[_Row]]:
        """The rows of each list and id."""
        unique = list(dict.fromkeys(places))
        answers = self.ask(self.statements.find, unique, self._link.verify_at)
        return {place: list(answer.current_rows) for place, answer in zip(unique, answers, strict=True)}

    def save(self, rows: dict[Key, Row]) -> None:
        """Write the rows, and make sure that what was written is what is there."""
        keys = {row.id: key for key, row in rows.items()}
        self._write(keys, list(rows.values()))
        steps: Steps[None] = verify(self._client, _NOWHERE, list(rows.values()))
        answer: Any = None
        while True:
            try:
                step = steps.send(answer)
            except StopIteration:
                return
            except StoreError as error:
                error.outcome = "unknown"
                raise
            answer = None
            if isinstance(step, Wait):
                time.sleep(min(step.duration / 1e6, self._deadline.left()))
            elif isinstance(step, Read):
                there = self.rows([keys[id][:2] for id in step.ids])
                answer = {
                    id: Stored(version, data or b"")
                    for id in step.ids
                    for type, data, version in there[keys[id][:2]]
                    if type == keys[id][2] and version is not None
                }
            else:
                self._write(keys, cast(Any, step).rows)

    def _write(self, keys: dict[bytes, Key], rows: Sequence[Row]) -> None:
        values = [(*keys[row.id], row.cell, bigint_bytes(row.version)) for row in rows]
        self.ask(self.statements.insert, values, writing=True)

    def delete(self, doomed: dict[Key, int]) -> None:
        """Delete each row as of its time."""
        values = [(bigint_bytes(timestamp), *key) for key, timestamp in doomed.items()]
        self.ask(self.statements.delete, values, writing=True)

    def page(self, statement: Any, values: Sequence[bytes], size: int, state: bytes | None) -> Any:
        """One page."""
        bound = Encoded(statement, values)
        bound.fetch_size = size
        try:
            return self._link.send(bound, reading=True, state=state).result(self._deadline.left())
        except Exception as error:
            raise translate(error, self._link.where, writing=False) from error

    def ask(
        self, statement: Any, many: Sequence[Sequence[bytes]], level: int | None = None, *, writing: bool = False
    ) -> list[Any]:
        """The answers to the statement with each of the values, some of them under way at once."""
        link, waiting, answers = self._link, deque[Sent](), list[Any]()
        try:
            for values in many:
                if len(waiting) == IN_FLIGHT:
                    answers.append(waiting.popleft().result(self._deadline.left()))
                waiting.append(link.send(Encoded(statement, values, level), reading=not writing))
            while waiting:
                answers.append(waiting.popleft().result(self._deadline.left()))
        except Exception as error:
            ours = translate(error, link.where, writing=writing)
            if isinstance(ours, StoreError) and (self._wrote or (writing and (answers or waiting))):
                ours.outcome = "unknown"
            raise ours from error
        self._wrote = self._wrote or writing
        return answers


def _record(task_list: str, id: bytes, row: _Row) -> TaskRecord:
    type, data, version = row
    return record_of(task_list, id, (type, data, b""), None, cast(int, version))  # None: a problem of the record's
