"""Each rule of the protocol is needed: without it, something is lost, comes back, or gets stuck."""

from __future__ import annotations

import pytest

from .simulation.mutants import MUTANTS
from .simulation.rules import Rules
from .simulation.world import run


@pytest.mark.parametrize("name", MUTANTS)
def test_without_the_rule_it_shows(name, monkeypatch):
    mutant = MUTANTS[name]
    mutant.change(monkeypatch)
    scenario = mutant.scenario
    for seed in range(mutant.within):
        if any(finding.startswith(mutant.shows) for finding in run(scenario, seed, Rules()).history.findings):
            return
    pytest.fail(f"none of {mutant.shows} within {mutant.within} runs of {mutant.scenario_name!r}")


CONTROLLED = [name for name, mutant in MUTANTS.items() if mutant.setting]


@pytest.mark.parametrize("name", CONTROLLED)
def test_with_the_rule_the_same_circumstances_show_nothing(name):
    scenario = MUTANTS[name].control
    for seed in range(500):
        assert not run(scenario, seed, Rules()).history.findings, seed
