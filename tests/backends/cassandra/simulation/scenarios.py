"""The scenarios, each with all rules in: none may lose or resurrect anything."""

from __future__ import annotations

from typing import Any

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

ONE_ID = (
    *("save user", "save user", "complete", "complete", "complete", "complete blind"),
    *("save again", "report", "all"),
)
"""What those do who share an id."""

STOPPED_FOR_HOURS: dict[str, Any] = {
    "crowding": 25,
    "menu": ("save drawn", "save drawn", "complete", "all", "all", "all"),
    "jumps": (MS, MS, MS, MS, MS, 3 * SECOND, 30 * SECOND, 70 * SECOND),
    "passing": 10,
    "operations": 12,
    "wall_error_us": 0,
    "processes": 2,
    "drawn_ago": (0, 0, 0, 0, 2 * HOUR),
    "batches": (1,),
    "faults": 5,
    "freezes": (50 * MINUTE, 2 * HOUR, 3 * HOUR),
    "last_of_freeze_us": SECOND,
}
"""A machine that does not see how long it stood still must find out within a minute."""

SCENARIOS = {
    "user ids": Scenario(
        menu=tuple(what for what in ONE_ID if what != "report"),
        jumps=QUICK,
    ),
    "user ids, faults": Scenario(
        menu=ONE_ID,
        jumps=QUICK,
        user_ids=(b"u", b"w"),
        same_cell=30,
        timeouts=6,
        faults=3,
        fault_menu=("crash", "freeze", "down", "step"),
        freezes=(10 * MS, SECOND, 30 * SECOND),
    ),
    "user ids, two centres": Scenario(
        menu=ONE_ID,
        jumps=QUICK,
        dcs=2,
        timeouts=4,
        faults=2,
        fault_menu=("crash", "down"),
    ),
    "drawn ids, slots end": Scenario(
        crowding=25,
        menu=("save drawn", "save drawn", "complete", "all", "all"),
        jumps=SLOW,
        drawn_ago=(0, 0, 10 * MINUTE, 3 * HOUR),
    ),
    "drawn ids, stopped for hours": Scenario(
        crowding=25,
        menu=("save drawn", "save drawn", "complete", "all", "all", "all"),
        jumps=(1, MS, 30 * SECOND, 3 * MINUTE, 7 * MINUTE, HOUR, 3 * HOUR, 5 * HOUR),
        drawn_ago=(0, 0, 3 * HOUR),
        passing=20,
    ),
    "saves race sweeps": Scenario(
        menu=("save drawn", "save drawn", "all", "all", "all"),
        jumps=(MS, SECOND, 30 * SECOND, 66 * MINUTE, 2 * HOUR),
        passing=10,
        crowding=30,
        processes=2,
        operations=6,
        wall_error_us=0,
        drawn_ago=(2 * HOUR,),
        batches=(1,),
    ),
    "drawn ids, one long stop": Scenario(
        crowding=25,
        menu=("save drawn", "save drawn", "complete", "all", "all"),
        jumps=(MS, 3 * MINUTE, 66 * MINUTE, 2 * HOUR),
        passing=12,
        processes=2,
        drawn_ago=(0, 0, 3 * HOUR),
    ),
    "ids drawn ahead": Scenario(
        crowding=25,
        menu=("save drawn", "save drawn", "complete", "complete", "complete", "all"),
        jumps=(MS, MS, 10 * SECOND, 20 * SECOND, 2 * HOUR),
        passing=15,
        processes=2,
        operations=9,
        wall_error_us=0,
        drawn_ago=(0, -2 * HOUR),
        batches=(1,),
    ),
    "drawn ids, faults": Scenario(
        menu=("save drawn", "save drawn", "complete", "save again", "report", "all", "all"),
        jumps=SLOW,
        drawn_ago=(0, 0, 10 * MINUTE, 3 * HOUR),
        timeouts=5,
        faults=4,
        fault_menu=("crash", "freeze", "freeze", "down", "step"),
    ),
    "drawn ids, frozen for hours": Scenario(
        **STOPPED_FOR_HOURS,
        fault_menu=("freeze",),
    ),
    "drawn ids, asleep for hours": Scenario(
        **STOPPED_FOR_HOURS,
        fault_menu=("sleep",),
    ),
    "drawn ids, two centres": Scenario(
        menu=("save drawn", "save drawn", "complete", "save again", "all", "all"),
        jumps=(1, MS, 2 * SECOND, 3 * MINUTE, 66 * MINUTE, 2 * HOUR),
        passing=20,
        drawn_ago=(0, 0, 3 * HOUR),
        landing=4,
        dcs=2,
        timeouts=3,
        faults=3,
        fault_menu=("crash", "freeze", "down"),
    ),
    "re-saves": Scenario(
        menu=("save drawn", "save again", "save again", "complete", "complete", "report"),
        jumps=QUICK,
        processes=4,
        operations=9,
        wall_error_us=0,
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
