"""All interleavings of a few operations, one after the other: no chance, no gaps."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator

from . import judge
from .chance import NoChance
from .clients import Process
from .rules import Rules
from .scenario import Scenario
from .world import World


class SmallWorld(World):
    """One data centre whose third replica lags, and processes whose clocks are measured, and wrong by a fixed time each.

    Args:
        errors: of each process's clock, in microseconds.
        late_acks: also interleave between what a step did and what its answer leads to.
    """

    def __init__(self, errors: tuple[int, ...], *, late_acks: bool = True) -> None:
        super().__init__(Scenario(menu=(), jumps=(), processes=len(errors), server_skew_us=0), NoChance(), Rules())
        self.always_yields = late_acks
        self._errors = errors
        for process in self.processes:
            process.clock.measured(self.server_now(process), process.elapsed())

    def server_now(self, process: Process) -> int:
        """By the server that this process asks."""
        return self.now + self._errors[process.number]

    def finish(self, operation: Generator) -> None:
        """Run it alone, before the others."""
        for _ in operation:
            self.step += 1

    def passing(self, *jumps: int) -> Generator[None]:
        """Time, as one more operation."""
        for jump in jumps:
            yield
            self.advance(jump)


def interleavings(make: Callable[[], tuple[World, list[Generator]]], depth: int) -> Iterator[World]:
    """The judged worlds that all orders of the operations' first `depth` steps lead to; then each runs to its end in turn.

    Without that bound there is no end: two who save one key may overwrite each other for as long as the order is bad enough.
    """
    prefix: list[int] = []
    while True:
        world, operations = make()
        taken: list[tuple[int, int]] = []
        while operations:
            choice = prefix[len(taken)] if len(taken) < len(prefix) else 0
            if len(taken) < depth:
                taken.append((choice, len(operations)))
            world.step += 1
            try:
                next(operations[choice])
            except StopIteration:
                operations.pop(choice)
        world.cluster.settle()
        judge.judge(world)
        yield world
        while taken and taken[-1][0] + 1 == taken[-1][1]:
            taken.pop()
        if not taken:
            return
        prefix = [choice for choice, _ in taken[:-1]] + [taken[-1][0] + 1]
