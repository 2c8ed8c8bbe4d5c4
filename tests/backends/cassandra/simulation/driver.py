"""Plays a protocol, step by step, on the simulated servers: what the backend does over the real driver.

All are generators; each `yield` is a moment at which anything else may happen.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from atleastonce.exceptions import StoreUnavailable
from atleastonce_cassandra.protocol.clock import MAX_PAUSE_US
from atleastonce_cassandra.protocol.places import Place
from atleastonce_cassandra.protocol.steps import (
    Bury,
    Delete,
    Found,
    Measure,
    Read,
    ReadClaims,
    ReadEmpty,
    ReadRows,
    ReadVersions,
    Register,
    RegisterDead,
    Report,
    Stored,
    Swap,
    Unregister,
    Wait,
    Write,
)
from atleastonce_cassandra.protocol.versions import deletion_timestamp, failure_timestamp

from .cells import deleted, has_task, inserted, is_row, registered, updated
from .clients import Process
from .replicas import Mutation, Refused

DEADLINE_US = 60_000_000
"""Of all tries of one request together."""


def dead_of(place: Place) -> Place:
    """Where the dead letters of a place are: in tables of their own, which here are a list of its own."""
    return place._replace(task_list=b"dead")


def play(world, process: Process, steps: Generator) -> Generator[None, None, Any]:
    """Run the protocol to its end; its result."""
    chance = world.chance
    send, argument = steps.send, None
    while True:
        try:
            step = send(argument)
        except StopIteration as stop:
            return stop.value
        yield
        began = process.elapsed()
        try:
            argument = yield from PERFORM[type(step)](world, process, step)
            send = steps.send
            if world.always_yields or chance.percent(60):
                yield
        except StoreUnavailable as error:
            argument = error
            send = steps.throw
        if type(step) is not Measure:  # which judges its own duration
            duration = process.elapsed() - began
            process.promise.asked(duration)
            if duration > MAX_PAUSE_US:
                process.clock.suspect()


def _write(world, process: Process, mutation: Mutation) -> Generator:
    """Write with retries: a write timeout is retried, and what timed out may land all the same, then or later.

    Not after the deadline: a write that comes back after gc_grace would bring back what was completed and purged meanwhile.
    """
    cluster, chance, began = world.cluster, world.chance, process.elapsed()
    while chance.percent(world.scenario.timeouts):
        cluster.straggle(mutation)
        yield
        if chance.percent(40) or process.elapsed() - began > DEADLINE_US:
            raise Refused("no answer in time")
    yield from cluster.write(process.dc, mutation)


def _measure(world, process: Process, step: Measure) -> Generator:
    began, frozen = process.elapsed(), process.frozen_us
    if world.chance.percent(30):
        yield
    shown = world.server_now(process)
    if world.chance.percent(30):
        yield
    process.clock.measured(shown, began)
    process.promise.measured(began, process.frozen_us - frozen)


def _register(world, process: Process, step: Register) -> Generator:
    yield from _write(world, process, [((step.place, None), registered(step.timestamp))])


def _write_rows(world, process: Process, step: Write) -> Generator:
    for row in step.rows:
        saved = world.saved_of[row]
        saved.versions.append(row.version)
    yield from _write(world, process, [((step.place, row.id), inserted(row.version, row.cell)) for row in step.rows])


def _read(world, process: Process, step: Read) -> Generator:
    found = world.cluster.read(process.dc, [(step.place, id) for id in step.ids], each=world.scenario.read_each)
    return {key[1]: Stored(*entry.task) for key, entry in found.items() if has_task(entry)}
    yield


def _delete(world, process: Process, step: Delete) -> Generator:
    at = world.now
    yield from _write(world, process, [((step.place, id), deleted(timestamp, at)) for id, timestamp in step.keys])


def _read_empty(world, process: Process, step: ReadEmpty) -> Generator:
    place, cluster = step.place, world.cluster

    def wanted(key):
        return key[0] == place and key[1] is not None

    level = world.scenario.sweep_level or ("each" if step.settled else "all")
    if level == "all":
        found = cluster.read_everyone(wanted)
    else:
        found = cluster.read_all(process.dc, wanted, each=level == "each")
    if found is None or world.chance.percent(world.scenario.timeouts):
        return None
    return not any(is_row(entry) for entry in found.values())
    yield


def _unregister(world, process: Process, step: Unregister) -> Generator:
    yield from _write(world, process, [((step.place, None), deleted(step.timestamp, world.now))])


def _read_rows(world, process: Process, step: ReadRows) -> Generator:
    found = world.cluster.read(process.dc, [(step.place, id) for id in step.ids])
    return {
        key[1]: Found(key[1], (b"T", entry.task[1], b""), entry.failure[1][:2] or None, entry.task[0])
        for key, entry in found.items()
        if has_task(entry)
    }
    yield


def _read_versions(world, process: Process, step: ReadVersions) -> Generator:
    each = step.everywhere and world.scenario.read_each
    found = world.cluster.read(process.dc, [(step.place, id) for id in step.ids], each=each)
    return {key[1]: entry.task[0] for key, entry in found.items() if has_task(entry)}
    yield


def _read_claims(world, process: Process, step: ReadClaims) -> Generator:
    return world.claims.read(step)
    yield


def _swap(world, process: Process, step: Swap) -> Generator:
    return world.claims.send(step)
    yield


def _report(world, process: Process, step: Report) -> Generator:
    mutation = [
        (
            (step.place, one.id),
            updated(failure_timestamp(one.version), (one.attempts, one.error.decode(), one.version)),
        )
        for one in step.failures
    ]
    yield from _write(world, process, mutation)


def _register_dead(world, process: Process, step: RegisterDead) -> Generator:
    yield from _write(world, process, [((dead_of(step.place), None), registered(step.timestamp))])


def _bury(world, process: Process, step: Bury) -> Generator:
    yield from _write(world, process, buried(world, step))


def buried(world, step: Bury) -> Mutation:
    """Of both tables, at once, or only a copy."""
    id, task, _, version = step.found
    copy = (dead_of(step.place), id), inserted(version, task[1])
    return [copy] if step.only_copy else [copy, ((step.place, id), deleted(deletion_timestamp(version), world.now))]


def _wait(world, process: Process, step: Wait) -> Generator:
    until = world.now + step.duration
    yield
    if world.now < until:
        world.advance(until - world.now)


PERFORM = {
    Measure: _measure,
    Register: _register,
    Write: _write_rows,
    Read: _read,
    Delete: _delete,
    ReadEmpty: _read_empty,
    Unregister: _unregister,
    ReadRows: _read_rows,
    ReadVersions: _read_versions,
    ReadClaims: _read_claims,
    Swap: _swap,
    Report: _report,
    RegisterDead: _register_dead,
    Bury: _bury,
    Wait: _wait,
}
