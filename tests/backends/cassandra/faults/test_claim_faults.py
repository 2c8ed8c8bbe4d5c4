"""One fault at a time, during claim, heartbeat, complete and fail: nothing is lost, nobody shares a task, dead letters are exact."""

from __future__ import annotations

import time

import pytest

from .claim_trial import ClaimTrial
from .judge import TIMEOUT_S

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]  # nodes start, on a machine that may be busy

PAUSE_S = 8.0  # more than a call's timeout, and than a lease


def test_a_node_is_killed(claim_trial: ClaimTrial) -> None:
    def bring() -> None:
        claim_trial.cluster.kill(1)
        time.sleep(2)
        claim_trial.cluster.start(1)

    claim_trial.run("kill -9 of a node, restart", bring)


def test_a_node_stands_still(claim_trial: ClaimTrial) -> None:
    def bring() -> None:
        claim_trial.cluster.pause(2)
        time.sleep(PAUSE_S)
        claim_trial.cluster.resume(2)

    claim_trial.run(f"a node paused for {PAUSE_S:.0f} s (SIGSTOP)", bring)


def test_answers_of_a_node_are_lost(claim_trial: ClaimTrial) -> None:
    def bring() -> None:
        proxy = claim_trial.cluster.proxies[0]
        proxy.blackhole(requests=False)
        time.sleep(TIMEOUT_S + 1)
        proxy.cut()
        proxy.heal()

    claim_trial.run("a node: requests arrive, answers don't", bring)
