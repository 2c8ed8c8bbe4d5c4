"""One fault at a time, during save, complete and all: nothing acknowledged is lost, and nothing completed returns."""

from __future__ import annotations

import time

import pytest

from atleastonce import StoreUnavailable

from ..cluster.three import COUNT
from .actor import Work
from .judge import TIMEOUT_S, Trial
from .load import Load

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]  # nodes start, on a machine that may be busy

PAUSE_S = 8.0  # more than a call's timeout


def test_a_node_is_killed(trial: Trial) -> None:
    def bring(load: Load) -> None:
        trial.cluster.kill(1)
        time.sleep(2)
        trial.cluster.start(1)

    trial.run("kill -9 of a node, restart", bring)


def test_a_node_stands_still(trial: Trial) -> None:
    def bring(load: Load) -> None:
        trial.cluster.pause(2)
        time.sleep(PAUSE_S)
        trial.cluster.resume(2)

    journal = trial.run(f"a node paused for {PAUSE_S:.0f} s (SIGSTOP)", bring)
    # The other two serve all; only what would take three servers to notice may fail.
    assert not [failure for failure in journal.failures if failure.verb != "all"]


def test_a_node_swallows_all(trial: Trial) -> None:
    def bring(load: Load) -> None:
        trial.cluster.proxies[0].blackhole()
        time.sleep(PAUSE_S)
        trial.cluster.proxies[0].heal()

    journal = trial.run(f"a node's connections swallow all for {PAUSE_S:.0f} s", bring)
    assert not [failure for failure in journal.failures if failure.verb != "all"]


def test_answers_are_lost(trial: Trial) -> None:
    def bring(load: Load) -> None:
        for proxy in trial.cluster.proxies:
            proxy.blackhole(requests=False)
        time.sleep(TIMEOUT_S + 1)
        for proxy in trial.cluster.proxies:
            proxy.cut()
            proxy.heal()

    journal = trial.run("all nodes: requests arrive, answers don't", bring)
    assert any(failure.outcome == "unknown" for failure in journal.failures if failure.verb == "save")
    assert journal.repeated


def test_a_node_is_cut_off_again_and_again(trial: Trial) -> None:
    def bring(load: Load) -> None:
        for _ in range(5):
            trial.cluster.proxies[1].cut()
            time.sleep(0.5)

    trial.run("a node's connections reset 5 times", bring)


def test_a_node_is_slow(trial: Trial) -> None:
    def bring(load: Load) -> None:
        trial.cluster.proxies[2].delay(0.3)
        time.sleep(4)
        trial.cluster.proxies[2].heal()

    trial.run("a node's connections delayed by 0.3 s each way", bring)


def test_all_nodes_are_cut_off(trial: Trial) -> None:
    def bring(load: Load) -> None:
        for proxy in trial.cluster.proxies:
            proxy.refuse()
        time.sleep(2)
        for proxy in trial.cluster.proxies:
            proxy.heal()

    trial.run("all nodes' connections reset, none taken for 2 s", bring)


def test_nodes_are_restarted_in_turn(trial: Trial) -> None:
    def bring(load: Load) -> None:
        for n in range(COUNT):
            trial.cluster.nodes[n].stop()
            trial.cluster.start(n)

    trial.run("rolling restart (SIGTERM)", bring)


def test_two_nodes_are_down(trial: Trial) -> None:
    def bring(load: Load) -> None:
        trial.cluster.kill(0)
        trial.cluster.kill(1)
        for n in (0, 1):
            trial.cluster.wait_until_down(n)
        time.sleep(TIMEOUT_S)  # what was under way when the last server noticed has ended
        before = load.acknowledged()
        began = time.monotonic()
        with pytest.raises(StoreUnavailable, match="1 of 2 replicas") as caught:
            load.store.save(Work(task_list="others", id="mine", number=1))
        assert (
            time.monotonic() - began < TIMEOUT_S / 2
        )  # it is said, not waited for: in milliseconds, on an idle machine
        assert caught.value.outcome == "not_applied"
        time.sleep(1)
        assert load.acknowledged() == before  # no quorum, so nothing is promised
        trial.cluster.start(0, 1)

    journal = trial.run("two nodes down (kill -9), until they are back", bring)
    assert {failure.error for failure in journal.failures} == {"StoreUnavailable"}
