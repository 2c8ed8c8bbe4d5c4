"""The servers that a session is connected with."""

from __future__ import annotations

import time
from typing import Any

from cassandra.cluster import EXEC_PROFILE_DEFAULT
from cassandra.policies import HostDistance

REST_SECONDS = 2.0
"""For the other servers, once the first one is connected. One that stands still is done without."""

POLL_SECONDS = 0.005


def connected(session: Any) -> list[Any]:
    """The servers of the local data centre that requests can go to.

    The driver's `connect` returns when the first one is; this waits a moment for the others.
    """
    policy = session.execution_profile_clone_update(EXEC_PROFILE_DEFAULT).load_balancing_policy
    deadline = time.monotonic() + REST_SECONDS
    while True:
        up = [
            host
            for host in session.cluster.metadata.all_hosts()
            if host.is_up is not False and policy.distance(host) == HostDistance.LOCAL
        ]
        there = session.get_pool_state()
        usable = [host for host in up if host in there and not there[host]["shutdown"]]
        if len(usable) == len(up) or time.monotonic() > deadline:
            return usable
        time.sleep(POLL_SECONDS)
