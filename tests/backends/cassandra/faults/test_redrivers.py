"""Eight redrivers on one list, killed at random for a minute: as on SQLite, on a real server."""

from __future__ import annotations

import os
from datetime import timedelta

import pytest

from atleastonce import TaskStore
from tests.lifecycle.test_chaos import DRAINING_S, KILLING_S, share_a_list

LEASE = timedelta(seconds=10)
"""Longer than on SQLite: a process takes seconds to connect on a busy machine, and renews its leases in between."""

pytestmark = pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGKILL")


@pytest.mark.slow
@pytest.mark.timeout(KILLING_S + DRAINING_S + 120)
def test_eight_redrivers_with_kills_for_a_minute(cassandra_server, cassandra_keyspace, tmp_path):
    with TaskStore(cassandra_server.url(cassandra_keyspace, replication_factor=1, timeout=60)) as store:
        store.setup()
        share_a_list(store, tmp_path, LEASE)
