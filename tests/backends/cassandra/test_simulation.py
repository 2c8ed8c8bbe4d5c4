"""The protocol, with all its rules, loses nothing and brings nothing back, whatever happens within the promise.

``SIMULATION_SEEDS`` sets how many runs of each scenario there are; `nox -s simulate` plays 100,000 in all.
"""

from __future__ import annotations

import os

import pytest

from .simulation.rules import Rules
from .simulation.scenarios import SCENARIOS
from .simulation.world import run

SEEDS = int(os.environ.get("SIMULATION_SEEDS", "500"))


@pytest.mark.parametrize("name", SCENARIOS)
def test_nothing_is_lost_or_comes_back(name):
    acked = completed = 0
    for seed in range(SEEDS):
        world = run(SCENARIOS[name], seed, Rules())
        assert not world.history.findings, (name, seed)
        acked += sum(saved.acked <= world.step for saved in world.history.saves)
        completed += len(world.history.acked_completes)
    assert acked > SEEDS  # else nothing was judged
    assert completed > 0 or "complete" not in SCENARIOS[name].menu


def test_a_seed_decides_a_run():
    first, second = (run(SCENARIOS["everything, for days"], 7, Rules()) for _ in range(2))
    assert [vars_of(saved) for saved in first.history.saves] == [vars_of(saved) for saved in second.history.saves]
    assert first.now == second.now


def vars_of(saved):
    return saved.key, saved.cell, saved.versions, saved.began, saved.acked
