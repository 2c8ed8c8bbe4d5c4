"""Measuring the clock, until an answer can be believed."""

from __future__ import annotations

from atleastonce.exceptions import StoreUnavailable

from .client import Client
from .clock import MAX_ROUND_TRIP_US
from .steps import Measure, Steps

MAX_TRIES = 5
"""Each takes over ten seconds when it fails; a client has given up by then."""


def measure(client: Client) -> Steps[None]:
    """Measure the clock now. `StoreUnavailable` when every answer came too late to be believed."""
    for _ in range(MAX_TRIES):
        yield Measure()
        if not client.clock.is_due():
            return
    raise StoreUnavailable(
        f"the servers' clock can't be read: each of {MAX_TRIES} answers took over {MAX_ROUND_TRIP_US // 1_000_000} seconds; "
        "try again when the servers and this machine are less busy"
    )


def measure_if_due(client: Client) -> Steps[None]:
    """Before the clock is relied on."""
    if client.clock.is_due():
        yield from measure(client)
