"""Replicas of one partition range: two data centres of three, whose writes land one by one, late, twice, or by hint.

A key is (place, id) for a task's row and (place, None) for its row in the registry.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from atleastonce.exceptions import StoreUnavailable

from .cells import Entry, merge, purged
from .chance import Chance

QUORUM = 2
REPLICAS = 3  # in a data centre
HINT_WINDOW_US = 3 * 3_600_000_000
GC_GRACE_US = 6 * 3_600_000_000

Mutation = Sequence[tuple[tuple, Entry]]


class Refused(StoreUnavailable):
    """An error of the servers, not of the protocol: too few replicas, or no answer in time."""


class Cluster:
    """All replicas, and what is on its way to them.

    Args:
        chance: the source of all that is left to chance.
        dcs: how many data centres.
        gc_grace_us: how long a tombstone is kept, by the server's clock.
        read_repair: BLOCKING where true, NONE otherwise.
    """

    def __init__(self, chance: Chance, dcs: int, gc_grace_us: int = GC_GRACE_US, *, read_repair: bool = True) -> None:
        self.chance = chance
        self.members = [list(range(dc * REPLICAS, (dc + 1) * REPLICAS)) for dc in range(dcs)]
        self.everyone = [replica for dc in self.members for replica in dc]
        self.held: list[dict] = [{} for _ in self.everyone]
        self.synced: list[dict] = [{} for _ in self.everyone]  # what would survive a power cut
        self.pending: list[tuple[int, int, Mutation]] = []  # (until when, replica, mutation)
        self.now = 0
        self.down: int | None = None
        self.write_level = QUORUM
        self._gc_grace_us = gc_grace_us
        self._read_repair = read_repair

    def write(self, dc: int, mutation: Mutation) -> Iterator[None]:
        """Write at LOCAL_QUORUM; all rows of one mutation land on a replica at once. Ends with the acknowledgement."""
        order = self._local(dc, self.write_level)
        others = [replica for replica in self.everyone if replica not in order]
        until, is_hinted = self.now + HINT_WINDOW_US, False
        for count, replica in enumerate(order, 1):
            if self.now < until:
                self._land(replica, mutation)
            if self.chance.percent(20):
                if not is_hinted:  # the servers go on, however long this client is stopped
                    is_hinted = True
                    for other in (*order[count:], *others):
                        self.hint(other, mutation)
                yield
        if is_hinted:
            return
        lags = self.chance.percent(50)  # the way to the other data centres
        for replica in others:
            far = replica // REPLICAS != dc
            if replica != self.down and not (far and lags) and self.chance.percent(50):
                self._land(replica, mutation)
            else:
                self.hint(replica, mutation)

    def straggle(self, mutation: Mutation) -> None:
        """A write that nobody waits for any more: it lands here and there, or nowhere, now or later."""
        for replica in self.everyone:
            if self.chance.percent(50):
                if replica != self.down and self.chance.percent(40):
                    self._land(replica, mutation)
                else:
                    self.hint(replica, mutation)

    def hint(self, replica: int, mutation: Mutation) -> None:
        """It lands on that replica within the hint window."""
        self.pending.append((self.now + HINT_WINDOW_US, replica, mutation))

    def read(self, dc: int, ids: Sequence[tuple], *, each: bool = False) -> dict:
        """The rows with those keys, merged from a local quorum, or `each`: from a quorum in every data centre."""
        contacted = self._contacted(dc, each=each)
        held = [self.held[replica] for replica in contacted]
        found = {}
        for key in ids:
            merged = None
            for replica in held:
                entry = replica.get(key)
                if entry is not None:
                    merged = entry if merged is None else merge(merged, entry)
            if merged is not None:
                found[key] = merged
                if self._read_repair:
                    for replica in held:
                        replica[key] = merged
        return found

    def read_all(self, dc: int, wanted, *, each: bool = False) -> dict:
        """The same of all keys that `wanted` accepts."""
        keys = {}
        contacted = self.held if each else [self.held[replica] for replica in self.members[dc]]
        for held in contacted:
            for key in held:
                if key not in keys and wanted(key):
                    keys[key] = None
        return self.read(dc, list(keys), each=each)

    def read_everyone(self, wanted) -> dict | None:
        """The same at ALL; None while a replica is away."""
        if self.down is not None:
            return None
        return self.merged(wanted)

    def merged(self, wanted) -> dict:
        """What all replicas have together."""
        found: dict = {}
        for held in self.held:
            for key, entry in held.items():
                if wanted(key):
                    found[key] = merge(found[key], entry) if key in found else entry
        return found

    def advance(self, now: int) -> None:
        """Time has passed; what was to have landed by then has."""
        self.now = now
        if self.pending:
            due = [item for item in self.pending if item[0] <= now]
            if due:
                self.down = None  # nobody is away longer than the hint window
                self.pending = [item for item in self.pending if item[0] > now]
                for _, replica, mutation in due:
                    self._land(replica, mutation)

    def land_one(self) -> None:
        """Something that was on its way arrives, in any order."""
        _, replica, mutation = self.pending.pop(self.chance.below(len(self.pending)))
        if replica == self.down:
            self.hint(replica, mutation)
        else:
            self._land(replica, mutation)

    def settle(self) -> None:
        """All hints are delivered."""
        self.down = None
        pending, self.pending = self.pending, []
        for _, replica, mutation in pending:
            self._land(replica, mutation)

    def compact(self, replica: int, server_now: int) -> None:
        """Purge on one replica the tombstones that are older than gc_grace."""
        held = self.held[replica]
        for key in list(held):
            left = purged(held[key], server_now - self._gc_grace_us)
            if left is None:
                del held[key]
            else:
                held[key] = left

    def sync(self, replica: int) -> None:
        """The commit log of one replica reaches the disk."""
        self.synced[replica] = dict(self.held[replica])

    def lose_tail(self, replica: int) -> None:
        """A power cut takes from one replica what its commit log had not synced."""
        self.held[replica] = dict(self.synced[replica])

    def repair(self) -> None:
        """Every replica gets what any replica has."""
        whole = self.merged(lambda _: True)
        for held in self.held:
            held.update(whole)

    def _land(self, replica: int, mutation: Mutation) -> None:
        held = self.held[replica]
        for key, entry in mutation:
            old = held.get(key)
            held[key] = entry if old is None else merge(old, entry)

    def _local(self, dc: int, count: int) -> list[int]:
        members = [replica for replica in self.members[dc] if replica != self.down]
        self.chance.shuffle(members)
        return members[:count]

    def _contacted(self, dc: int, *, each: bool) -> list[int]:
        if not each:
            return self._local(dc, QUORUM)
        return [replica for other in range(len(self.members)) for replica in self._local(other, QUORUM)]
