"""Traffic is compressed where lz4 is installed, and only there, unless the URL says no."""

from __future__ import annotations

import subprocess
import sys

import pytest

from .helpers import TIMEOUT_S, environment, ids, opened, record

WITHOUT_LZ4 = """
import sys

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {"lz4", "snappy"}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Hidden())
from atleastonce import TaskStore

with TaskStore(sys.argv[1]) as store:
    print(store.count(sys.argv[2]))
    with store._backend._links.use() as link:
        print({pool._connection._compression_type for pool in link.session.get_pools()})
"""


def connections(store):
    with store._links.use() as link:
        return [pool._connection for pool in link.session.get_pools()]


@pytest.fixture
def decompressed(monkeypatch):
    """How long each answer was, and is: the driver's own functions hold on to lz4's."""
    from cassandra import connection

    compress, decompress = connection.locally_supported_compressions["lz4"]
    lengths = []

    def note(data):
        lengths.append((len(data), len(text := decompress(data))))
        return text

    monkeypatch.setitem(connection.locally_supported_compressions, "lz4", (compress, note))
    return lengths


class TestOnAServer:
    def test_with_lz4(self, open_store, task_list, decompressed):
        store = open_store()
        text = b'"' + b"a word and another " * 2_000 + b'"'
        store.store([record(str(number), task_list, data=text) for number in range(20)])
        assert {one.data for one in store.all(task_list)} == {text}
        assert {connection._compression_type for connection in connections(store)} == {"lz4"}
        stored, sent = max(decompressed, key=lambda lengths: lengths[1])
        assert sent > len(text)
        assert stored < sent / 10

    def test_switched_off(self, url, task_list, decompressed):
        store = opened(f"{url}&compression=false")
        store.store([record("1", task_list)])
        assert ids(store, task_list) == ["1"]
        assert {connection._compression_type for connection in connections(store)} == {None}
        assert decompressed == []
        store.close()

    def test_without_lz4(self, store, url, task_list):
        store.store([record("1", task_list)])
        ran = subprocess.run(
            [sys.executable, "-W", "error", "-c", WITHOUT_LZ4, url, task_list],
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            env=environment(),
            check=False,
        )
        assert (ran.returncode, ran.stdout) == (0, "1\n{None}\n"), ran.stderr
