"""A protocol between whom it is played by and itself, where its steps and their answers can be seen and altered."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import Any


def altered(
    steps: Generator,
    step_of: Callable[[Any], Any] = lambda step: step,
    answer_of: Callable[[Any, Any], Any] = lambda step, answer: answer,
) -> Generator:
    """The same protocol, with other steps (None: that is not asked) or other answers, each of a step and what was answered."""
    answer, error = None, None
    while True:
        try:
            step = steps.send(answer) if error is None else steps.throw(error)
        except StopIteration as stop:
            return stop.value
        error = None
        asked = step_of(step)
        try:
            answer = answer_of(step, None if asked is None else (yield asked))
        except Exception as thrown:  # of the servers, for the protocol itself
            error = thrown
