"""The script of docs/moving.md loses nothing, wherever it is stopped."""

from __future__ import annotations

import re
from contextlib import nullcontext
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest

from atleastonce.urls import parse_url
from atleastonce_cassandra import TaskRbTable
from atleastonce_memory import MemoryStore
from atleastonce_sqlite import SqliteStore

from .helpers import TIMEOUT_S, ids, record

PAGE = Path(__file__).parents[3] / "docs" / "moving.md"


class Stopped(BaseException):
    """As Ctrl-C."""


@pytest.fixture(scope="module")
def script():
    (source,) = re.findall(r"```python\n# move.py\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    module = ModuleType("move")
    exec(compile(source, str(PAGE), "exec"), vars(module))
    module.BATCH = 7
    return module


class TestMoving:
    @pytest.fixture
    def ruby(self, cassandra_server, cassandra_keyspace, url):
        text = cassandra_server.url(cassandra_keyspace, table="ruby", timeout=TIMEOUT_S)
        table = TaskRbTable.from_url(parse_url(text))
        table.setup()
        yield table
        table.close()

    def test_from_task_rb(self, script, ruby, store, session, task_list):
        ruby.store([record(str(n), task_list, data=b'{"n":%d}' % n) for n in range(30)])
        ruby.store([record("5", task_list, type="Other")])
        session.execute("INSERT INTO ruby (task_list, id, type) VALUES (%s, 'broken', 'T')", (task_list,))
        assert script.move(ruby, store, task_list) == (31, 1)
        assert ids(ruby, task_list) == ["broken"]
        moved = {(it.id, it.type): it.data for it in store.all(task_list)}
        assert moved.pop(("5", "Other")) == b"{}"
        assert moved.pop(("5 T", "T")) == b'{"n":5}'  # an id has one type here
        assert moved == {(str(n), "T"): b'{"n":%d}' % n for n in range(30) if n != 5}
        assert script.move(ruby, store, task_list) == (0, 1)

    def test_from_sqlite(self, script, store, tmp_path, task_list):
        old = SqliteStore(tmp_path / "tasks.db")
        old.store([record(str(n), task_list, meta={"k": "v"}, run_at=n) for n in range(30)])
        old.store([record("garbled", task_list, type="\udced", data=b"\xff")])
        assert script.move(old, store, task_list) == (31, 0)
        assert ids(old, task_list) == []
        assert store.find(task_list, "3").run_at == 3
        assert store.find(task_list, "3").meta == {"k": "v"}
        assert store.find(task_list, "garbled").data == b"\xff"
        old.close()

    def test_stopped_anywhere(self, script, ruby, store, session, task_list):
        """After each step of it; then run again."""
        for steps in range(7):
            name = f"{task_list}-{steps}"
            ruby.store([record(str(n), name, type=type) for n in range(8) for type in ("A", "B")])
            left = steps

            def step(verb):
                def run(*arguments):
                    nonlocal left
                    left -= 1
                    if left < 0:
                        raise Stopped
                    return verb(*arguments)

                return run

            old = SimpleNamespace(all=ruby.all, delete=step(ruby.delete))
            new = SimpleNamespace(find=store.find, store=step(store.store))
            with pytest.raises(Stopped) if steps < 6 else nullcontext():
                script.move(old, new, name)
            script.move(ruby, store, name)
            assert ids(ruby, name) == []
            found = sorted((it.id[0], it.type) for it in store.all(name))
            assert found == sorted((str(n), type) for n in range(8) for type in ("A", "B"))

    def test_what_was_saved_anew_is_not_overwritten(self, script):
        """Nor lost: whose clock is right, the script cannot know."""
        old, new = MemoryStore(), MemoryStore()
        old.store([record("1", data=b"[1]"), record("2")])
        new.store([record("1", data=b"[2]"), record("2")])
        for _ in range(2):
            assert script.move(old, new, "list") == (2, 0)
            assert {it.id: it.data for it in new.all("list")} == {"1": b"[2]", "1 T": b"[1]", "2": b"{}"}
            old.store([record("1", data=b"[1]"), record("2")])  # as if it had been stopped before the last step

    def test_what_is_saved_in_the_old_meanwhile_stays_there(self, script, ruby, store, task_list):
        ruby.store([record("1", task_list)])

        def slow(records):
            store.store(records)
            ruby.store([record("1", task_list, data=b"[2]")])

        script.move(ruby, SimpleNamespace(find=store.find, store=slow), task_list)
        assert ids(ruby, task_list) == ["1"]
        script.move(ruby, store, task_list)
        assert {it.id: it.data for it in store.all(task_list)} == {"1": b"{}", "1 T": b"[2]"}
        assert ids(ruby, task_list) == []
