"""No two hold a task at once, no attempt is forgotten, and nothing is lost, whatever becomes of requests and answers."""

from __future__ import annotations

import os

import pytest

from .simulation.claim_mutants import MUTANTS
from .simulation.claiming import run_claims
from .simulation.scenario import HOUR

SEEDS = int(os.environ.get("SIMULATION_SEEDS", "500"))


def test_whatever_happens():
    claimed = dead = 0
    for seed in range(SEEDS):
        world = run_claims(seed)
        assert not world.findings, seed
        claimed += len(world.holds)
        dead += len(world.tasks.dead)
    assert claimed > SEEDS  # else nothing was judged
    assert dead > 0


def test_servers_an_hour_apart_let_claims_overlap_and_nothing_else():
    """That is refused on connecting. Nothing is lost, comes back or is miscounted by it."""
    early = ("TAKEN THOUGH HELD", "TAKEN BEFORE DUE", "TWO HOLD", "RENEWED THOUGH TAKEN", "OVERWRITTEN", "SHORT")
    found = [finding for seed in range(200) for finding in run_claims(seed, skew_us=HOUR).findings]
    assert any(finding.startswith("TAKEN THOUGH HELD") for finding in found)
    assert not [finding for finding in found if not finding.startswith(early)]


@pytest.mark.parametrize("name", MUTANTS)
def test_without_the_rule_it_shows(name, monkeypatch):
    shows, changes = MUTANTS[name]
    for target, attribute, value in changes:
        monkeypatch.setattr(target, attribute, value)
    for seed in range(5_000):
        if any(finding.startswith(shows) for finding in run_claims(seed).findings):
            return
    pytest.fail(f"none of {shows}")
