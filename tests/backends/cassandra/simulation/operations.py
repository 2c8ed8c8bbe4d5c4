"""What processes do: each a generator that somebody else may interrupt at every `yield`."""

from __future__ import annotations

from collections.abc import Generator

from atleastonce.claiming import CAS_TRIES
from atleastonce.exceptions import StoreUnavailable
from atleastonce_cassandra.protocol.hold import Holding
from atleastonce_cassandra.protocol.places import SHARD_SLOT, SLOT_US, Place
from atleastonce_cassandra.protocol.steps import Bury, Register, Row

from . import failing, judge
from .altering import altered
from .cells import has_task, is_row
from .clients import Process
from .driver import play
from .history import Completed, Held, Saved, Told
from .replicas import Refused

LIST = b"list"
SHARD = Place(LIST, SHARD_SLOT, 0)
GRACE_US = 3_600_000_000
MAX_ATTEMPTS = 3
SKEW_US = 120_000_000  # what the clocks may be apart besides a freeze: the grace covers both together


def save(
    world, process: Process, place: Place, rows: list[tuple[bytes, bytes, int | None]], *, verify: bool
) -> Generator:
    """Save (id, cell, version that the task has) in one place. Whether it was acknowledged."""
    history, rules = world.history, world.rules
    saves = [Saved((place, id), cell, process.dc, world.step) for id, cell, _ in rows]
    history.saves.extend(saves)
    frozen, steps = process.frozen_us, set()

    def note(step):
        steps.add(type(step))
        return step

    floors = [floor for _, _, floor in rows if floor is not None]
    try:
        yield from play(world, process, rules.prepare(process.client))
        first = rules.give(process, len(rows), max(floors, default=None), verify)
        writes = [Row(id, cell, first + 4 * n, verify) for n, (id, cell, _) in enumerate(rows)]
        world.saved_of.update(zip(writes, saves, strict=True))
        yield from play(world, process, altered(rules.save(process.client, place, writes), note))
    except Refused:
        return False
    except StoreUnavailable as error:
        history.refused += "invisible" in str(error)
        return False
    for saved, row in zip(saves, writes, strict=True):
        saved.acked = world.step
        # A registration measures the clock, so only what came after it is out of sight.
        unnoticed = process.promise.unnoticed_us()
        if Register in steps:
            unnoticed = min(unnoticed, process.frozen_us - frozen)
        saved.excused = unnoticed > GRACE_US - SKEW_US
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
    """A holder who has no claim reports that it failed: as the next attempt, for the last one perhaps, until it is counted."""
    held = _any_held(world)
    if held is None:
        return
    place, id = held.key
    most = 1 if world.chance.percent(world.scenario.deadly) else MAX_ATTEMPTS
    began = world.step
    try:
        yield from play(world, process, world.rules.prepare(process.client))
        for _ in range(CAS_TRIES):
            found = yield from play(world, process, failing.find(place, id))
            if found is None or found.version != held.version:
                return
            failure = failing.told(failing.attempts_of(found) + 1, most, f"E {world.new_cell()!r}")
            steps = failing.tell(process.client, place, id, Holding(held.version, None), failure)
            if (yield from _burying(world, process, steps, place, began)) is not None:
                world.history.told.append(Told(held.key, held.version, failure.attempts))
                return
    except StoreUnavailable:
        return


def read_and_sweep(world, process: Process) -> Generator:
    """`all` of the list: the registry, then each place; those that are over and empty are swept."""
    history, cluster, rules, began = world.history, world.cluster, world.rules, world.step
    seen: dict = {}
    try:
        yield from play(world, process, rules.prepare(process.client))
        places = [key[0] for key, entry in cluster.read_all(process.dc, _is_registration).items() if is_row(entry)]
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


def _is_registration(key: tuple) -> bool:
    return key[1] is None and key[0].task_list == LIST


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

    def note(_step, answer):
        if isinstance(answer, dict) and id in answer:
            stored = answer[id]
            noted.append(Held((place, id), stored.version, stored.cell, world.step))
            world.history.completed.append(Completed(noted[-1], world.step))
        return answer

    sent = world.step
    try:
        yield from play(world, process, altered(steps, answer_of=note))
    except Refused:
        return
    for held in noted:
        world.history.acked_completes.append((held.key, held.version, sent, world.step, process.dc))


def _burying(world, process: Process, steps: Generator, place: Place, began: int) -> Generator:
    """Play a failure report; whoever moves a task to the dead letters has what it moves."""
    history = world.history
    sent: list[int] = []

    def note(step):
        if type(step) is Bury and not step.only_copy:
            key, version = (place, step.found.id), step.found.version
            if any(
                done[:2] == (key, version) and done[3] < began and done[4] == process.dc
                for done in history.acked_completes
            ):
                history.findings.append(f"RESURRECTED: {key} {version} is dead, and was completed")
            sent.append(world.step)
            history.buried.append(Completed(Held(key, version, step.found.task[1], world.step), world.step))
        return step

    def note_answer(step, answer):
        if type(step) is Bury and not step.only_copy:
            done = (place, step.found.id), step.found.version
            history.acked_completes.append((*done, sent[-1], world.step, process.dc))
        return answer

    return (yield from play(world, process, altered(steps, note, note_answer)))


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
