"""What processes do: each a generator that somebody else may interrupt at every `yield`."""

from __future__ import annotations

from collections.abc import Generator

from atleastonce.exceptions import StoreUnavailable
from atleastonce_cassandra.protocol.places import SHARD_SLOT, SLOT_US, Place
from atleastonce_cassandra.protocol.steps import Row

from . import judge
from .cells import has_task, is_row
from .clients import Process
from .driver import Report, play
from .history import Completed, Held, Saved
from .replicas import Refused

LIST = b"list"
SHARD = Place(LIST, SHARD_SLOT, 0)
GRACE_US = 3_600_000_000
SKEW_US = 120_000_000  # what the clocks may be apart besides a freeze: the grace covers both together


def save(
    world, process: Process, place: Place, rows: list[tuple[bytes, bytes, int | None]], *, verify: bool
) -> Generator:
    """Save (id, cell, version that the task has) in one place. Whether it was acknowledged."""
    history, rules = world.history, world.rules
    saves = [Saved((place, id), cell, process.dc, world.step) for id, cell, _ in rows]
    history.saves.extend(saves)
    frozen, was_known = process.frozen_us, place in process.client.registered
    floors = [floor for _, _, floor in rows if floor is not None]
    try:
        yield from play(world, process, rules.prepare(process.client))
        first = rules.give(process, len(rows), max(floors, default=None), verify)
        writes = [Row(id, cell, first + 4 * n, verify) for n, (id, cell, _) in enumerate(rows)]
        world.saved_of.update(zip(writes, saves, strict=True))
        yield from play(world, process, rules.save(process.client, place, writes))
    except Refused:
        return False
    except StoreUnavailable as error:
        history.refused += "invisible" in str(error)
        return False
    for saved, row in zip(saves, writes, strict=True):
        saved.acked = world.step
        # A registration measures the clock, so only what came after it is out of sight.
        unseen = process.unmeasured_us if was_known else process.frozen_us - frozen
        saved.excused = unseen > GRACE_US - SKEW_US
        history.held.append(Held(saved.key, row.version, row.cell, world.step))
    return True


def save_drawn(world, process: Process) -> Generator:
    """The first save of ids that this object drew, a while ago perhaps; saved again when that failed."""
    drawn_at = process.wall() - world.chance.choose(world.scenario.drawn_ago)
    place = Place(LIST, drawn_at // SLOT_US, process.number * 100 + process.life)
    rows = [(world.new_id(), world.new_cell(), None) for _ in range(world.chance.choose(world.scenario.batches))]
    if not (yield from save(world, process, place, rows, verify=False)) and world.chance.percent(50):
        yield from save(world, process, place, rows, verify=True)


def save_user(world, process: Process) -> Generator:
    """A save of ids that users chose, and that others save too."""
    ids = world.scenario.user_ids
    chosen = ids if world.chance.percent(20) else (world.chance.choose(ids),)
    cell = b"same" if world.chance.percent(world.scenario.same_cell) else None
    yield from save(world, process, SHARD, [(id, cell or world.new_cell(), None) for id in chosen], verify=True)


def save_again(world, process: Process) -> Generator:
    """A holder saves what it has anew."""
    held = _any_held(world)
    if held is not None:
        place, id = held.key
        cell = held.cell if world.chance.percent(world.scenario.same_cell) else world.new_cell()
        yield from save(world, process, place, [(id, cell, held.version)], verify=True)


def complete(world, process: Process) -> Generator:
    """A holder completes the version that it has."""
    held = _any_held(world)
    if held is not None:
        yield from _complete(world, process, held, held.version)


def complete_blind(world, process: Process) -> Generator:
    """Somebody who never saw the task completes what is there."""
    saves = world.history.saves
    if saves:
        place, id = world.chance.choose(saves).key
        steps = world.rules.complete(place, [(id, None)])
        yield from _noting(world, process, steps, place, id)


def report(world, process: Process) -> Generator:
    """A holder reports that it failed."""
    held = _any_held(world)
    if held is not None:
        place, id = held.key
        step = Report(place, id, held.version, 1 + world.chance.below(3))

        def steps():
            yield step

        try:
            yield from play(world, process, steps())
        except Refused:
            return


def read_and_sweep(world, process: Process) -> Generator:
    """`all` of the list: the registry, then each place; those that are over and empty are swept."""
    history, cluster, rules, began = world.history, world.cluster, world.rules, world.step
    seen: dict = {}
    try:
        yield from play(world, process, rules.prepare(process.client))
        places = [
            key[0] for key, entry in cluster.read_all(process.dc, lambda key: key[1] is None).items() if is_row(entry)
        ]
        for place in sorted(places):
            yield
            first_read_began = process.clock.now()
            if world.chance.percent(30):
                yield
            found = cluster.read_all(process.dc, lambda key, place=place: key[0] == place and key[1] is not None)
            for key, entry in found.items():
                if has_task(entry):
                    seen[key] = entry.task
                    history.held.append(Held(key, *entry.task, world.step))
            is_empty = not any(is_row(entry) for entry in found.values())
            if is_empty and rules.is_sweepable(place, first_read_began):
                yield
                yield from play(world, process, rules.sweep(process.client, place, first_read_began))
    except StoreUnavailable:
        return
    judge.judge_reading(world, process, began, seen)


def _any_held(world) -> Held | None:
    held = world.history.held
    return world.chance.choose(held) if held else None


def _complete(world, process: Process, held: Held, version: int) -> Generator:
    place, id = held.key
    history = world.history
    sent = world.step
    history.completed.append(Completed(held, sent))
    try:
        yield from play(world, process, world.rules.complete(place, [(id, version)]))
    except Refused:
        return
    history.acked_completes.append((held.key, held.version, sent, world.step, process.dc))


def _noting(world, process: Process, steps: Generator, place: Place, id: bytes) -> Generator:
    """Play a complete that reads first; whoever reads a version has it."""
    noted: list[Held] = []

    def watched():
        answer = None
        while True:
            try:
                step = steps.send(answer)
            except StopIteration as stop:
                return stop.value
            answer = yield step
            if isinstance(answer, dict) and id in answer:
                stored = answer[id]
                noted.append(Held((place, id), stored.version, stored.cell, world.step))
                world.history.completed.append(Completed(noted[-1], world.step))

    sent = world.step
    try:
        yield from play(world, process, watched())
    except Refused:
        return
    for held in noted:
        world.history.acked_completes.append((held.key, held.version, sent, world.step, process.dc))


OPERATIONS = {
    "save drawn": save_drawn,
    "save user": save_user,
    "save again": save_again,
    "complete": complete,
    "complete blind": complete_blind,
    "report": report,
    "all": read_and_sweep,
}

NEED_HELD = frozenset({"save again", "complete", "report"})
"""Those that need somebody who has a version."""
