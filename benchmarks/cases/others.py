"""Other libraries: one save of ours against the same work kept by each of them."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

from ..durability import OURS
from ..pairs import compare
from ..payloads import MAKERS, typical
from ..result import Result, summarise
from ..settings import Settings
from .single import Ours

SECTION = 200
TARGETS = {"huey": 1.0, "persist_queue": 1.0, "dbos": 6.0, "apscheduler": 13.0}
"""Module in `peers` -> ratio."""


class Peer(Protocol):
    """What a module of `peers` has. `durability` is set by `open`."""

    name: str
    distribution: str
    durability: str

    def open(self, folder: Path) -> None:
        """Begin, in an empty folder."""
        ...

    def save(self, datas: list[dict[str, Any]]) -> None:
        """Keep one unit of work for each, one at a time."""
        ...

    def close(self) -> None:
        """End."""
        ...


class Theirs:
    """A peer, given the data of typical tasks, read off beforehand."""

    def __init__(self, peer: Peer, number: int) -> None:
        self.open, self._save, self.close = peer.open, peer.save, peer.close
        self._number = number

    def prepare(self) -> None:
        self._datas = [typical(i).data for i in range(self._number)]

    def run(self) -> int:
        self._save(self._datas)
        return self._number


def results(settings: Settings) -> Iterator[Result]:
    """A line per library that is installed."""
    number = settings.size(SECTION, 20)
    for module, target in TARGETS.items():
        try:
            make: Any = import_module(f"..peers.{module}", __package__).Peer
        except ImportError:
            print(f"{module}: not installed, left out", flush=True)
            continue
        peers: list[Peer] = []

        def theirs(make: Any = make, peers: list[Peer] = peers) -> Theirs:
            peers.append(make())
            return Theirs(peers[-1], number)

        timing = compare(lambda: Ours(MAKERS["typical"], number, complete=False), theirs, settings)
        found = {peer.durability for peer in peers}
        yield Result(
            name=f"peer-{module.replace('_', '-')}",
            what=f"SQLite save / {make.name} {version(make.distribution)}, typical",
            target=target,
            figures={"ours_per_s": timing.first, "theirs_per_s": timing.second},
            note=f"theirs: {', '.join(sorted(found))}" + ("" if found == {OURS} else f"; ours: {OURS}"),
            **summarise(timing.ratios),
        )
