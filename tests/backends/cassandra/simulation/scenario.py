"""What a run is about: how many take part, what they do, and what goes wrong."""

from __future__ import annotations

from typing import Any

from attrs import frozen

from .replicas import GC_GRACE_US, QUORUM

MS = 1_000
SECOND = 1_000 * MS
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE


@frozen(kw_only=True)
class Scenario:
    """Times are in microseconds, likelihoods in percent a step. What is not said in a scenario is harmless."""

    menu: tuple[str, ...]
    """The operations; one named twice is twice as likely."""
    jumps: tuple[int, ...]
    """How much time passes at once."""
    last_jumps: tuple[tuple[int, ...], ...] = ((0, 5 * MINUTE, 3 * HOUR), (10 * MINUTE, 2 * HOUR, 25 * HOUR))
    passing: float = 35
    operations: int = 7
    crowding: float = 5
    """How likely another begins while two are under way."""
    processes: int = 3
    dcs: int = 1
    server_skew_us: int = 60 * SECOND
    """How far the servers' clocks are apart; more is a typed error."""
    wall_error_us: int = 6 * HOUR
    """How wrong some machines' own clocks are, either way."""
    drawn_ago: tuple[int, ...] = (0,)
    """How long before its save an id was drawn."""
    batches: tuple[int, ...] = (1, 1, 3)
    """How many drawn ids are saved at once."""
    user_ids: tuple[bytes, ...] = (b"u",)
    same_cell: float = 0
    """How likely a holder saves the same content anew."""
    deadly: float = 30
    """How likely a failure is the last one that its task may have."""
    landing: float = 15
    """How likely something that was on its way arrives next."""
    timeouts: float = 0
    faults: float = 0
    fault_menu: tuple[str, ...] = ()
    freezes: tuple[int, ...] = (10 * SECOND, 20 * MINUTE, 40 * MINUTE)
    last_of_freeze_us: int = 0
    """All of a freeze but this passes at once, so that the others go on before its end; 0: time passes as ever."""
    gc_grace_us: int = GC_GRACE_US
    read_repair: bool = True
    write_level: int = QUORUM
    read_each: Any = None
    sweep_level: str = ""
    tail: bool = False
    """At the end a replica loses its tail, and is repaired."""
    repaired_late: bool = False
    """It is read and swept before the repair."""
    reindexed: bool = False

    def __attrs_post_init__(self) -> None:
        if self.read_each is None:
            object.__setattr__(self, "read_each", self.dcs > 1)
