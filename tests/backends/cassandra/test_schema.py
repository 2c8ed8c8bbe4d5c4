"""`setup`, and what is refused to start on."""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest

from atleastonce.claims import Held
from atleastonce.exceptions import ConfigurationError, SchemaMissing
from atleastonce.record import TaskKey
from atleastonce_cassandra.schema import GC_GRACE_SECONDS
from atleastonce_cassandra.settings import SCHEMA_VERSION
from atleastonce_cassandra.tables import Tables

from .helpers import TIMEOUT_S, environment, ids, opened, record

OF_VERSION_1 = ("tasks", "tasks_segments", "tasks_lists", "tasks_settings")
SINCE_VERSION_2 = ("tasks_claims", "tasks_dead", "tasks_dead_segs")
TABLES = {*OF_VERSION_1, *SINCE_VERSION_2}

SET_UP = """
import sys
from concurrent.futures import ThreadPoolExecutor
from atleastonce_cassandra import CassandraStore
from atleastonce.urls import parse_url
stores = [CassandraStore.from_url(parse_url(sys.argv[1])) for _ in range(4)]
print("ready", flush=True)
sys.stdin.readline()
with ThreadPoolExecutor(4) as pool:
    list(pool.map(lambda store: store.setup(), stores))
"""


def tables(server, keyspace):
    """The tables of the keyspace, with their ids."""
    with server.session() as session:
        rows = session.execute("SELECT table_name, id FROM system_schema.tables WHERE keyspace_name = %s", (keyspace,))
        return {row.table_name: row.id for row in rows}


def set_settings(session, assignments):
    """As `setup` writes them: plain writes and LWT on one row don't go together."""
    session.execute(f"UPDATE tasks_settings SET {assignments} WHERE one = 1 IF EXISTS")


def set_up_by_eight(url):
    """Threads of two processes."""
    command = [sys.executable, "-c", SET_UP, url]
    children = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment())
        for _ in range(2)
    ]
    for child in children:
        assert child.stdout.readline() == "ready\n"
    for child in children:
        child.stdin.write("go\n")
        child.stdin.flush()
    for child in children:
        child.communicate(timeout=200)
        assert child.returncode == 0


@pytest.fixture(scope="class")
def plain(cassandra_server, cassandra_keyspace):
    """A URL that does not say how to replicate; nothing is set up."""
    return cassandra_server.url(cassandra_keyspace, timeout=TIMEOUT_S)


class TestFromNothing:
    """In their order: the keyspace, then the tables, then use."""

    @pytest.mark.parametrize("dry_run", [True, False])
    def test_replication_is_not_guessed(self, cassandra_server, cassandra_keyspace, plain, dry_run):
        with pytest.raises(ConfigurationError, match="replication is not for us to guess") as caught:
            opened(plain).setup(dry_run=dry_run)
        assert cassandra_keyspace in str(caught.value)
        assert tables(cassandra_server, cassandra_keyspace) == {}

    def test_a_missing_keyspace_names_setup(self, plain):
        store = opened(plain)
        for use in (lambda: store.store([record()]), lambda: list(store.all("list")), store.reindex):
            with pytest.raises(SchemaMissing, match=r"run store\.setup\(\) once") as caught:
                use()
            assert caught.value.outcome == "not_applied"
        store.close()

    def test_a_dry_run_makes_nothing(self, cassandra_server, cassandra_keyspace, plain):
        store = opened(f"{plain}&replication_factor=1")
        statements = store.setup(dry_run=True)
        assert [statement.split(" (")[0].split(" WITH ")[0] for statement in statements] == [
            f'CREATE KEYSPACE IF NOT EXISTS "{cassandra_keyspace}"',
            f'CREATE TABLE IF NOT EXISTS "{cassandra_keyspace}".tasks',
            f'CREATE TABLE IF NOT EXISTS "{cassandra_keyspace}".tasks_segments',
            f'CREATE TABLE IF NOT EXISTS "{cassandra_keyspace}".tasks_lists',
            *(f'CREATE TABLE IF NOT EXISTS "{cassandra_keyspace}".{name}' for name in SINCE_VERSION_2),
            f'CREATE TABLE IF NOT EXISTS "{cassandra_keyspace}".tasks_settings',
            f'INSERT INTO "{cassandra_keyspace}".tasks_settings',
        ]
        assert tables(cassandra_server, cassandra_keyspace) == {}
        store.close()

    def test_eight_in_two_processes_at_once(self, cassandra_server, cassandra_keyspace, plain):
        set_up_by_eight(f"{plain}&replication_factor=1")
        names = Tables(cassandra_keyspace, "tasks")
        assert tables(cassandra_server, cassandra_keyspace) == {name: names.id_of(name) for name in TABLES}
        store = opened(plain)
        store.store([record()])
        assert ids(store) == ["1"]
        store.close()

    def test_again_there_is_nothing_to_do(self, plain):
        store = opened(plain)
        assert store.setup() == store.setup(dry_run=True) == []
        store.close()

    def test_what_matters_is_as_stated(self, cassandra_server, cassandra_keyspace):
        with cassandra_server.session() as session:
            rows = list(
                session.execute(
                    "SELECT gc_grace_seconds, read_repair, compaction FROM system_schema.tables WHERE keyspace_name = %s",
                    (cassandra_keyspace,),
                )
            )
        assert {(row.gc_grace_seconds, row.read_repair) for row in rows} == {(GC_GRACE_SECONDS, "BLOCKING")}
        assert {row.compaction["class"].rpartition(".")[2] for row in rows} <= {
            "UnifiedCompactionStrategy",
            "LeveledCompactionStrategy",
        }

    def test_a_table_that_was_dropped_is_made_again(self, cassandra_server, cassandra_keyspace, plain):
        with cassandra_server.session() as session:
            session.execute(f"DROP TABLE {cassandra_keyspace}.tasks_lists")
        store = opened(plain)
        with pytest.raises(SchemaMissing):
            store.count("list")
        (statement,) = store.setup()
        assert "tasks_lists" in statement
        assert store.count("list") == 1
        store.close()


class TestFromVersion1:
    """Tables as the release before claims left them."""

    @pytest.fixture
    def old(self, session, url):
        for name in SINCE_VERSION_2:
            session.execute(f"DROP TABLE IF EXISTS {name}")
        session.execute("ALTER TABLE tasks DROP IF EXISTS due")
        set_settings(session, "schema_version = 1")
        return url

    def test_what_there_was_works_without_a_migration(self, old, store, task_list):
        store.store([record("1", task_list)])
        assert ids(store, task_list) == ["1"]
        assert store.reindex() > 0
        store.delete([TaskKey(task_list, "1")])
        assert ids(store, task_list) == []

    def test_claims_ask_for_it(self, old, store, task_list):
        for use in (
            lambda: store.claim(task_list, lease=1_000_000, limit=1),
            lambda: store.claim_saved([TaskKey(task_list, "1", 4)], lease=1_000_000),
            lambda: store.heartbeat([Held(task_list, "1", 4, "token")]),
            lambda: list(store.dead(task_list)),
            lambda: store.discard([TaskKey(task_list, "1", 4)]),
        ):
            with pytest.raises(SchemaMissing, match=r"version 1 of the tables.*run store\.setup\(\) once") as caught:
                use()
            assert caught.value.outcome == "not_applied"

    def test_a_dry_run_changes_nothing(self, cassandra_server, cassandra_keyspace, old, store):
        alter, *creates, update = store.setup(dry_run=True)
        assert (
            alter == f'ALTER TABLE "{cassandra_keyspace}".tasks ADD IF NOT EXISTS (due frozen<tuple<bigint, bigint>>)'
        )
        assert [statement.partition(" (")[0].rpartition(".")[2] for statement in creates] == list(SINCE_VERSION_2)
        assert update == (
            f'UPDATE "{cassandra_keyspace}".tasks_settings SET schema_version = 2 WHERE one = 1 IF schema_version = 1'
        )
        assert set(tables(cassandra_server, cassandra_keyspace)) == set(OF_VERSION_1)

    def test_tasks_of_before_are_claimed_after_it_also_by_who_was_connected(self, old, store, open_store, task_list):
        store.store([record("1", task_list)])
        other = open_store()
        assert len(other.setup()) == 5
        assert other.setup() == []
        (claimed,) = store.claim(task_list, lease=1_000_000, limit=9).records
        assert claimed.id == "1"
        due_at = claimed.claim.until + 3_600_000_000
        assert store.release([Held(task_list, "1", claimed.saved_at, claimed.claim.token)], due_at=due_at) == [True]
        assert store.find(task_list, "1").due_at == due_at
        assert [it.due_at for it in store.all(task_list)] == [due_at]

    def test_eight_in_two_processes_at_once(self, cassandra_server, cassandra_keyspace, old):
        set_up_by_eight(old)
        names = Tables(cassandra_keyspace, "tasks")
        assert tables(cassandra_server, cassandra_keyspace) == {name: names.id_of(name) for name in TABLES}
        store = opened(old)
        assert store.setup() == []
        store.close()


class TestChangedByHand:
    """Each puts back what it changed."""

    @pytest.fixture
    def settings(self, session):
        """Changes the row of the settings; it is as it was at the end."""
        yield lambda assignments: set_settings(session, assignments)
        set_settings(session, "schema_version = 1, shards = 64, write_consistency = 'LOCAL_QUORUM'")

    def test_a_newer_schema_is_refused(self, store, settings):
        settings(f"schema_version = {SCHEMA_VERSION + 1}")
        for use in (lambda: store.store([record()]), store.setup, lambda: store.setup(dry_run=True)):
            with pytest.raises(ConfigurationError, match=r"version 3 of the tables, this release .* knows 2: upgrade"):
                use()

    @pytest.mark.parametrize(
        "assignments",
        [
            "shards = null",
            "shards = 0",
            "schema_version = null",
            "schema_version = 0",
            "write_consistency = null",
            "write_consistency = 'ANY'",
            "write_consistency = blobAsText(0xeda080)",
        ],
    )
    def test_settings_that_make_no_sense_are_refused(self, store, settings, assignments):
        settings(assignments)
        for use in (lambda: store.store([record()]), store.setup):
            with pytest.raises(ConfigurationError, match="changed by hand"):
                use()

    def test_a_weaker_consistency_than_the_others_is_refused(self, url, store):
        weaker = opened(f"{url}&consistency=LOCAL_ONE")
        for use in (lambda: weaker.store([record()]), lambda: weaker.find("list", "1"), weaker.setup):
            with pytest.raises(ConfigurationError, match="writes at LOCAL_QUORUM or above; this URL says LOCAL_ONE"):
                use()
        stronger = opened(f"{url}&consistency=ALL")
        stronger.store([record("strong", "strong")])
        assert ids(store, "strong") == ["strong"]
        weaker.close()
        stronger.close()

    def test_truncated_settings_are_written_again_by_setup(self, session, open_store, task_list):
        before = open_store()
        before.store([record("1", task_list)])
        session.execute("TRUNCATE tasks_settings")
        store = open_store()
        with pytest.raises(SchemaMissing, match=r"store\.setup\(\)"):
            store.count(task_list)
        (statement,) = store.setup()
        assert statement.startswith("INSERT INTO ")
        assert ids(store, task_list) == ["1"]

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ("gc_grace_seconds = 60", "gc_grace_seconds = 60, below 21600"),
            ("read_repair = 'NONE'", "'NONE', not 'BLOCKING'"),
        ],
    )
    def test_a_table_that_was_altered_is_warned_of(self, session, store, caplog, options, message):
        session.execute(f"ALTER TABLE tasks WITH {options}")
        with caplog.at_level(logging.WARNING, "atleastonce.cassandra"):
            assert store.setup() == []
        assert message in caplog.text
        session.execute(f"ALTER TABLE tasks WITH gc_grace_seconds = {GC_GRACE_SECONDS} AND read_repair = 'BLOCKING'")
        caplog.clear()
        store.setup()
        assert not caplog.records

    def test_other_tables_beside_ours_do_not_matter(self, url, session):
        other = opened(f"{url}&table=photos")
        with pytest.raises(SchemaMissing):
            other.count("list")
        other.close()


class TestSomebodyElsesTable:
    """Of the name that ours would have."""

    @pytest.mark.parametrize(
        "columns",
        [
            "task_list text, id text, data text, type text, PRIMARY KEY ((task_list), id, type)",  # task_rb's
            # ours, but for the key
            """task_list text, slot int, origin bigint, id text, task frozen<tuple<blob, blob, blob>>,
            failure frozen<tuple<int, blob>>, PRIMARY KEY ((task_list, slot), origin, id)""",
        ],
    )
    def test_it_is_refused_and_left_as_it_is(self, cassandra_server, cassandra_keyspace, session, columns):
        name = f"theirs{len(columns)}"
        session.execute(f"CREATE TABLE {name} ({columns})")
        before = tables(cassandra_server, cassandra_keyspace)
        store = opened(cassandra_server.url(cassandra_keyspace, table=name, timeout=TIMEOUT_S))
        for dry_run in (True, False):
            with pytest.raises(ConfigurationError, match=r"another program's table .* \?table="):
                store.setup(dry_run=dry_run)
        with pytest.raises(SchemaMissing):
            store.count("list")
        assert tables(cassandra_server, cassandra_keyspace) == before
        store.close()
