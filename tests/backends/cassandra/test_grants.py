"""One role makes the tables, another works with them: each has what docs/cassandra-operations.md grants it, and no more."""

from __future__ import annotations

import logging
import re
import traceback
from pathlib import Path

import attrs
import pytest

from atleastonce import ConfigurationError, StoreError, Task, TaskStore
from atleastonce.claims import Failure, Held
from atleastonce.ids import new_id
from atleastonce.record import TaskKey

from .helpers import TIMEOUT_S, ids, opened, record

pytestmark = pytest.mark.slow  # a server starts

PAGE = Path(__file__).parents[3] / "docs" / "cassandra-operations.md"


class Photo(Task, tag="granted-photo"):
    path: str


def granted(after, keyspace):
    """The statements of the page's first block after that heading, for the keyspace."""
    block = re.search(r"```sql\n(.*?)```", PAGE.read_text("utf-8").partition(f"\n{after}\n")[2], re.DOTALL)[1]
    text = block.replace("photos.", f"{keyspace}.").replace("KEYSPACE photos", f"KEYSPACE {keyspace}")
    text = text.replace("CREATE ROLE", "CREATE ROLE IF NOT EXISTS")
    return [statement.strip() for statement in text.split(";") if statement.strip()]


@pytest.fixture(scope="class")
def roles(strict_server, strict_keyspace):
    """URLs: of the role for the schema, of that for the data, of one that may only read."""
    with strict_server.session() as session:
        session.execute(
            f"CREATE KEYSPACE {strict_keyspace} WITH replication = {{'class': 'NetworkTopologyStrategy', 'datacenter1': 1}}"
        )
        for statement in granted("### The role for the schema", strict_keyspace):
            session.execute(statement)
        session.execute("CREATE ROLE IF NOT EXISTS photos_data WITH PASSWORD = 'change me too' AND LOGIN = true")
        session.execute("CREATE ROLE IF NOT EXISTS photos_reader WITH PASSWORD = 'only look' AND LOGIN = true")
        session.execute(f"GRANT SELECT ON KEYSPACE {strict_keyspace} TO photos_reader")

    def url(username, password):
        return attrs.evolve(strict_server, username=username, password=password).url(strict_keyspace, timeout=TIMEOUT_S)

    return {
        "schema": url("photos_schema", "change me"),
        "data": url("photos_data", "change me too"),
        "reader": url("photos_reader", "only look"),
        "wrong": url("photos_data", "wrong/secret"),
        "nobody": url("nobody", "wrong/secret"),
    }


class TestGrants:
    """In their order."""

    def test_the_role_for_the_data_cannot_set_up(self, roles):
        store = opened(roles["data"])
        assert len(store.setup(dry_run=True)) == 8
        with pytest.raises(
            StoreError, match=r"may not set up .* run store.setup\(\) as a role that has CREATE"
        ) as caught:
            store.setup()
        assert "change me too" not in str(caught.value)
        store.close()

    def test_the_role_for_the_schema_can(self, roles, strict_server, strict_keyspace):
        store = opened(roles["schema"])
        assert len(store.setup()) == 8
        assert store.setup() == []
        store.close()
        with strict_server.session() as session:
            for statement in granted("### The role for the data", strict_keyspace):
                session.execute(statement)

    def test_all_else_is_for_the_role_for_the_data(self, roles, task_list):
        backend = opened(roles["data"])
        tasks = TaskStore(backend)
        photos = [Photo(task_list=task_list, id=id, path="p") for id in ("mine", new_id(task_list))]
        tasks.save_all(photos)
        tasks.save(photos[0])
        assert sorted(task.id for task in tasks.all(task_list)) == sorted(task.id for task in photos)
        assert tasks.find(task_list, "mine") == photos[0]
        assert tasks.count(task_list) == 2
        assert task_list in tasks.task_lists()
        tasks.complete(photos[0])
        assert backend.reindex() == 1
        for dead in (False, True):
            (it,) = backend.claim(task_list, lease=60_000_000, limit=9).records
            held = Held(task_list, it.id, it.saved_at, it.claim.token)
            assert backend.heartbeat([held]) != [None]
            assert backend.fail(Failure(held=held, attempts=1 + dead, last_error="E", dead=dead))
        assert backend.reindex() == 0
        (dead,) = backend.dead(task_list)
        backend.discard([TaskKey(task_list, dead.id, dead.saved_at)])
        tasks.complete_all(photos)
        assert tasks.count(task_list) == 0
        assert tasks.setup() == []  # there is nothing to do
        tasks.close()

    def test_who_may_only_read(self, roles, task_list):
        store = opened(roles["reader"])
        assert ids(store, task_list) == []
        for save in (lambda: store.store([record("1", task_list)]), lambda: store.store([record("1"), record("2")])):
            with pytest.raises(StoreError, match="grant SELECT and MODIFY") as caught:
                save()
            assert caught.value.outcome == "not_applied"
        store.close()

    @pytest.mark.parametrize("role", ["wrong", "nobody"])
    def test_a_wrong_password(self, roles, role, caplog):
        caplog.set_level(logging.DEBUG)
        store = TaskStore(roles[role])
        for use in (lambda: store.count("list"), store.setup):
            with pytest.raises(ConfigurationError, match="refused the user name or password") as caught:
                use()
            assert "secret" not in "".join(traceback.format_exception(caught.value))
        assert "secret" not in caplog.text
        store.close()

    def test_no_password_where_one_is_asked_for(self, strict_server, strict_keyspace):
        anonymous = attrs.evolve(strict_server, username=None, password=None)
        store = opened(anonymous.url(strict_keyspace, timeout=TIMEOUT_S))
        with pytest.raises(ConfigurationError, match="user name or password"):
            store.count("list")
        store.close()
