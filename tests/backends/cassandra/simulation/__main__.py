"""Run the scenarios: ``python -m tests.backends.cassandra.simulation [--seeds N] [--first N] [SCENARIO ...]``. `claims` is one of them."""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter

from .claiming import run_claims
from .rules import Rules
from .scenarios import SCENARIOS
from .world import run

VERDICTS = ("LOST", "RESURRECTED", "LEFTOVER", "MIXED", "MISCOUNTED", "REFUSED", "STUCK")

CLAIMS = "claims"
SEEDS = 100_000


def main() -> int:
    """A table, a line a scenario; 1 where anything was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.backends.cassandra.simulation", description=__doc__)
    parser.add_argument("scenarios", nargs="*", default=[*SCENARIOS, CLAIMS], help="default: all")
    parser.add_argument(
        "--seeds", type=int, help="of each; default: 100,000 of claims, and 100,000 of all others together"
    )
    parser.add_argument("--first", type=int, default=0, help="the first seed")
    options = parser.parse_args()
    failed = False
    print(
        f"{'scenario':28} {'seeds':>7} {'acked':>8} {'done':>8} "
        + " ".join(v.lower() for v in VERDICTS)
        + " runs-again seeds/cpu-s"
    )
    for name in options.scenarios:
        if name == CLAIMS:
            failed = claims(options.first, options.seeds or SEEDS) or failed
            continue
        seeds = options.seeds or SEEDS // len(SCENARIOS) + 1
        counts, again, acked, completed, shown, began = Counter(), 0, 0, 0, 0, time.process_time()
        for seed in range(options.first, options.first + seeds):
            world = run(SCENARIOS[name], seed, Rules())
            again += world.runs_again
            acked += sum(saved.acked <= world.step for saved in world.history.saves)
            completed += len(world.history.acked_completes)
            for verdict in {finding.split(":")[0] for finding in world.history.findings}:
                counts[verdict] += 1
            if world.history.findings and shown < 3:
                shown += 1
                print(f"    seed {seed}: {world.history.findings}", file=sys.stderr)
        failed = failed or bool(counts)
        row = " ".join(f"{counts[verdict]:>{len(verdict)}}" for verdict in VERDICTS)
        rate = seeds / (time.process_time() - began)
        print(f"{name:28} {seeds:>7} {acked:>8} {completed:>8} {row} {again:>10} {rate:>7.0f}", flush=True)
    return int(failed)


def claims(first: int, seeds: int) -> bool:
    """A line with all of claims; whether anything was found."""
    counts, claimed, dead, shown, began = Counter(), 0, 0, 0, time.process_time()
    for seed in range(first, first + seeds):
        world = run_claims(seed)
        claimed += len(world.holds)
        dead += len(world.tasks.dead)
        counts.update({finding.split(":")[0] for finding in world.findings})
        if world.findings and shown < 3:
            shown += 1
            print(f"    seed {seed}: {world.findings}", file=sys.stderr)
    rate = seeds / (time.process_time() - began)
    found = ", ".join(f"{verdict.lower()}: {count}" for verdict, count in counts.items()) or "nothing found"
    print(f"{CLAIMS:28} {seeds:>7} seeds, {claimed} claims, {dead} dead; {found}; {rate:.0f} seeds/cpu-s", flush=True)
    return bool(counts)


if __name__ == "__main__":
    sys.exit(main())
