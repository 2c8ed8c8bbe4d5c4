"""The scenarios, each with all rules in: none may lose or resurrect anything."""

from __future__ import annotations

from .scenario import HOUR, MINUTE, MS, SECOND, Scenario

QUICK = (0, 0, 1, 4, 100, 3 * MS, 70 * MS, 2 * SECOND)
"""Time for those who save one id at once."""
SLOW = (1, MS, 2 * SECOND, 30 * SECOND, 3 * MINUTE, 6 * MINUTE, 30 * MINUTE, 62 * MINUTE, 2 * HOUR)
"""Time for slots to end and sweeps to come. Within the hint window."""
DAYS = (*SLOW, 7 * HOUR, 26 * HOUR)
EVERYTHING = (
    "save drawn",
    "save user",
    "save user",
    "save again",
    "complete",
    "complete",
    "complete blind",
    "report",
    "all",
)

SCENARIOS = {
    "user ids": Scenario(
        menu=("save user", "save user", "complete", "complete", "complete blind", "save again", "all"), jumps=QUICK
    ),
    "user ids, faults": Scenario(
        menu=("save user", "save user", "complete", "complete", "complete blind", "save again", "report", "all"),
        jumps=QUICK,
        user_ids=(b"u", b"w"),
        same_cell=30,
        timeouts=6,
        faults=3,
        fault_menu=("crash", "freeze", "down", "step"),
        freezes=(10 * MS, SECOND, 30 * SECOND),
    ),
    "user ids, two centres": Scenario(
        menu=("save user", "save user", "complete", "complete", "complete blind", "save again", "report", "all"),
        jumps=QUICK,
        dcs=2,
        timeouts=4,
        faults=2,
        fault_menu=("crash", "down"),
    ),
    "drawn ids, slots end": Scenario(
        menu=("save drawn", "save drawn", "complete", "all", "all"), jumps=SLOW, drawn_ago=(0, 0, 10 * MINUTE, 3 * HOUR)
    ),
    "drawn ids, stopped for hours": Scenario(
        menu=("save drawn", "save drawn", "complete", "all", "all", "all"),
        jumps=(1, MS, 30 * SECOND, 3 * MINUTE, 7 * MINUTE, HOUR, 3 * HOUR, 5 * HOUR),
        drawn_ago=(0, 0, 3 * HOUR),
        passing=20,
    ),
    "drawn ids, faults": Scenario(
        menu=("save drawn", "save drawn", "complete", "save again", "report", "all", "all"),
        jumps=SLOW,
        drawn_ago=(0, 0, 10 * MINUTE, 3 * HOUR),
        timeouts=5,
        faults=4,
        fault_menu=("crash", "freeze", "freeze", "down", "step"),
    ),
    "drawn ids, two centres": Scenario(
        menu=("save drawn", "save drawn", "complete", "save again", "all", "all"),
        jumps=SLOW,
        dcs=2,
        timeouts=3,
        faults=3,
        fault_menu=("crash", "freeze", "down"),
    ),
    "re-saves": Scenario(
        menu=("save drawn", "save again", "save again", "save again", "complete", "complete", "report", "all"),
        jumps=QUICK,
        processes=4,
        same_cell=20,
        timeouts=2,
    ),
    "everything, for days": Scenario(
        menu=EVERYTHING,
        jumps=DAYS,
        dcs=2,
        operations=9,
        timeouts=3,
        faults=6,
        fault_menu=("crash", "freeze", "down", "step", "compact", "compact", "compact"),
    ),
    "a replica loses its tail": Scenario(
        menu=("save drawn", "save drawn", "complete", "all"),
        jumps=SLOW,
        faults=8,
        fault_menu=("sync", "sync", "down"),
        tail=True,
        repaired_late=True,
        reindexed=True,
    ),
}
