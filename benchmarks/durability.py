"""What a database file's connection is set to, as it says itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

PRAGMAS = ("PRAGMA journal_mode", "PRAGMA synchronous")
_SYNC = {0: "OFF", 1: "NORMAL", 2: "FULL", 3: "EXTRA"}


def durability(ask: Callable[[str], Any]) -> str:
    """``WAL, synchronous=FULL``, as two PRAGMAs answer; `ask` runs one and gives its single value."""
    journal, sync = (ask(pragma) for pragma in PRAGMAS)
    return f"{journal.upper()}, synchronous={_SYNC[sync]}"


OURS = "WAL, synchronous=FULL"
