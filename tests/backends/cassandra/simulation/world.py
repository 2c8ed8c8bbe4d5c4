"""One run: processes, servers and time, and who comes next, all from one seed."""

from __future__ import annotations

from collections.abc import Generator

from . import judge
from .chance import Chance
from .clients import Process
from .history import History
from .operations import NEED_HELD, OPERATIONS, read_and_sweep
from .replicas import Cluster
from .rules import Rules
from .scenario import Scenario
from .transactions import Transactions

EPOCH_US = 1_700_000_100_000_000  # a slot begins
MAX_STEPS = 1_000
ENDED = object()


class World:
    """The state of a run.

    Attributes:
        now: the true time, microseconds.
        step: counts what happened; orders it.
        saved_of: row to the `Saved` that it belongs to.
    """

    always_yields = False

    def __init__(self, scenario: Scenario, chance: Chance, rules: Rules) -> None:
        self.scenario = scenario
        self.chance = chance
        self.rules = rules
        self.history = History()
        self.runs_again = 0
        self.step = 0
        self.saved_of: dict = {}
        self.cluster = Cluster(chance, scenario.dcs, scenario.gc_grace_us, read_repair=scenario.read_repair)
        self.cluster.write_level = scenario.write_level
        self.claims = Transactions(chance, scenario.timeouts)
        self.now = EPOCH_US + chance.below(300_000_000)
        self.cluster.advance(self.now)
        skew = scenario.server_skew_us
        self._skews = [chance.below(skew + 1) - skew // 2 for _ in self.cluster.everyone]
        self.draw = chance.below
        self._ids = self._cells = self._tokens = 0
        self.operations: list[tuple[Process, int, Generator]] = []
        self.processes = [self._process(number) for number in range(scenario.processes)]

    def _process(self, number: int) -> Process:
        wall = self.scenario.wall_error_us
        error = 0 if self.chance.percent(60) else self.chance.below(2 * wall + 1) - wall
        return Process(self, number, number % self.scenario.dcs, error)

    def server_now(self, process: Process) -> int:
        """What the clock of some server of its data centre shows."""
        return self.now + self._skews[self.chance.choose(self.cluster.members[process.dc])]

    def token(self) -> str:
        """Of a claim; like no other."""
        self._tokens += 1
        return f"token {self._tokens}"

    def new_id(self) -> bytes:
        """An id that nobody else draws."""
        self._ids += 1
        return b"i%d" % self._ids

    def new_cell(self) -> bytes:
        """A content like no other; of two, either may be the larger."""
        self._cells += 1
        return b"%d:%d" % (self.chance.below(10), self._cells)

    def advance(self, duration: int) -> None:
        """Time passes."""
        self.now += duration
        self.cluster.advance(self.now)

    def start(self, operation: Generator, process: Process) -> None:
        """From now on it is one of those that may come next."""
        self.operations.append((process, process.life, operation))

    def resume(self, index: int) -> None:
        """Let one operation do its next step."""
        process, life, operation = self.operations[index]
        if life == process.life and process.wakes > self.now:
            return
        self.step += 1
        if life != process.life:
            operation.close()
        elif next(operation, ENDED) is not ENDED:
            return
        self.operations[index] = self.operations[-1]
        self.operations.pop()


def run(scenario: Scenario, seed: int, rules: Rules) -> World:
    """Play it; the world at its end, judged: `world.history.findings`."""
    chance = Chance(seed)
    world = World(scenario, chance, rules)
    operations, cluster, percent = world.operations, world.cluster, chance.percent
    left = 3 + chance.below(scenario.operations)
    while left or operations:
        if left and (not operations or percent(25 if len(operations) < 2 else scenario.crowding)):
            left -= 1
            process = chance.choose(world.processes)
            name = chance.choose(scenario.menu)
            if name in NEED_HELD and not world.history.held:
                name = scenario.menu[0]
            world.start(OPERATIONS[name](world, process), process)
        elif cluster.pending and percent(scenario.landing):
            cluster.land_one()
            world.claims.land_one()
        elif operations:
            world.resume(chance.below(len(operations)))
        if percent(scenario.passing):
            world.advance(chance.choose(scenario.jumps))
        if percent(scenario.faults):
            _fault(world)
        if world.step > MAX_STEPS:
            world.history.findings.append("STUCK")
            return world
    _end(world)
    judge.judge(world)
    return world


def _fault(world: World) -> None:
    """Something goes wrong, within the promise."""
    scenario, chance, cluster = world.scenario, world.chance, world.cluster
    kind = chance.choose(scenario.fault_menu)
    if kind == "crash":
        chance.choose(world.processes).restart()
    elif kind in {"freeze", "sleep"}:
        process = chance.choose(world.processes)
        stop = process.freeze if kind == "freeze" else process.sleep
        if stop(chance.choose(scenario.freezes)) and scenario.last_of_freeze_us:
            world.advance(process.wakes - scenario.last_of_freeze_us - world.now)
    elif kind == "step":
        process = chance.choose(world.processes)
        process.wall_error_us += chance.below(7_200_000_000) - 3_600_000_000
    elif kind == "down":
        cluster.down = chance.choose(cluster.everyone) if cluster.down is None else None
    elif kind == "compact":
        cluster.compact(chance.choose(cluster.everyone), world.now)
    elif kind == "sync":
        cluster.sync(chance.choose(cluster.everyone))


def _end(world: World) -> None:
    """All writes arrive, a replica that lost its tail is repaired, and everything is read and swept."""
    cluster, chance, scenario = world.cluster, world.chance, world.scenario
    if scenario.tail:
        cluster.lose_tail(chance.choose(cluster.everyone))
        if scenario.repaired_late:
            _read_and_sweep(world, chance.choose(world.processes))
    cluster.settle()
    if scenario.tail:
        cluster.repair()
    if scenario.reindexed:
        _reindex(world, chance.choose(world.processes))
    for jump in scenario.last_jumps:
        world.advance(chance.choose(jump))
        _read_and_sweep(world, chance.choose(world.processes))
        cluster.settle()


def _read_and_sweep(world: World, process: Process) -> None:
    _finish(world, process, read_and_sweep(world, process))


def _finish(world: World, process: Process, operation: Generator) -> None:
    ended = False
    while not ended:
        if process.wakes > world.now:
            world.advance(process.wakes - world.now)
        ended = next(operation, ENDED) is ENDED
        world.step += 1


def _reindex(world: World, process: Process) -> None:
    """Register every place that has a row."""
    from .driver import play

    for place in sorted({key[0] for key in world.cluster.merged(lambda key: key[1] is not None)}):
        _finish(world, process, play(world, process, world.rules.register(process.client, place)))
