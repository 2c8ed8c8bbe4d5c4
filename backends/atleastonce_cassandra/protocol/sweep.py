"""Sweep: take a place out of the registry once it is over and empty, so that reading and claiming stay fast for ever."""

from __future__ import annotations

from .client import Client
from .measure import measure_if_due
from .places import Place, closed_for_us
from .steps import ReadEmpty, Steps, Unregister

GRACE_US = 3_600 * 1_000_000
"""A place is swept when its slot is over for an hour: far longer than a save takes and than clocks are apart."""

SETTLED_US = 24 * 3_600 * 1_000_000
"""After a day a quorum in every data centre is asked, not every replica: hints were delivered, or a repair was due."""


def is_sweepable(place: Place, now_us: int) -> bool:
    """Whether a place that reads empty may be swept at that time."""
    return closed_for_us(place, now_us) > GRACE_US


def sweep(client: Client, place: Place, first_read_began: int) -> Steps[bool]:
    """Take the place out of the registry, if it is empty still. Whether it was.

    Args:
        client: the process.
        place: one that read empty: no row of any kind, on any page.
        first_read_began: when that reading began, by the client's clock; microseconds.

    The registry is deleted as of the grace before the first read began. A registration that a save makes later than that,
    for a row that the reading did not see, is newer and stays.
    """
    yield from measure_if_due(client)
    now = client.clock.now()
    if not is_sweepable(place, min(now, first_read_began)):
        return False
    if not (yield ReadEmpty(place, closed_for_us(place, now) > SETTLED_US)):
        return False
    yield Unregister(place, first_read_began - GRACE_US)
    return True
