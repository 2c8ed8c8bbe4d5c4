"""`Journal`: what one thread or process did to the store, and what became of it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from typing import Any, Self

import attrs

from atleastonce import AtLeastOnceError, StoreError


@attrs.define
class Failure:
    """One call that failed. Times in seconds: when it ended by the monotonic clock, which all processes share; how long it took."""

    verb: str
    error: str
    outcome: str | None
    ended: float
    seconds: float


@attrs.define
class Journal:
    """Ids by what happened to them.

    Attributes:
        saved: the save was acknowledged.
        completing: a complete was begun, whatever became of it.
        completed: it was acknowledged.
        missed: was there all the while that an `all` took, and was not in it.
        acks: how many calls succeeded; ack_times: when saves did.
        failures: in order.
        repeated: saves of unknown outcome that succeeded when they were repeated.
        slowest: of the saves and completes that succeeded, seconds.
    """

    saved: set[str] = attrs.field(factory=set, converter=set)
    completing: set[str] = attrs.field(factory=set, converter=set)
    completed: set[str] = attrs.field(factory=set, converter=set)
    missed: set[str] = attrs.field(factory=set, converter=set)
    acks: int = 0
    ack_times: list[float] = attrs.field(factory=list)
    failures: list[Failure] = attrs.field(factory=list)
    repeated: int = 0
    slowest: float = 0.0

    def attempt(self, verb: str, call: Callable[[], Any]) -> bool:
        """Whether the call was acknowledged. Anything that is no error of ours is noted too, with no outcome."""
        began = time.monotonic()
        try:
            call()
        except Exception as error:
            ended = time.monotonic()
            name = type(error).__name__ + ("" if isinstance(error, AtLeastOnceError) else f": {error}")
            outcome = error.outcome if isinstance(error, StoreError) else None
            self.failures.append(Failure(verb, name, outcome, ended, ended - began))
            return False
        ended = time.monotonic()
        self.acks += 1
        if verb != "all":  # which takes the longer the more it reads
            self.slowest = max(self.slowest, ended - began)
        if verb == "save":
            self.ack_times.append(ended)
        return True

    def dump(self) -> str:
        """As JSON, for another process."""
        return json.dumps(attrs.asdict(self, value_serializer=lambda _, __, v: sorted(v) if isinstance(v, set) else v))

    @classmethod
    def load(cls, text: str) -> Self:
        """What `dump` gave."""
        fields = json.loads(text)
        return cls(**{**fields, "failures": [Failure(**one) for one in fields["failures"]]})

    @classmethod
    def together(cls, journals: Iterable[Journal]) -> Self:
        """All in one."""
        whole = cls()
        for journal in journals:
            for name in ("saved", "completing", "completed", "missed"):
                getattr(whole, name).update(getattr(journal, name))
            whole.acks += journal.acks
            whole.ack_times += journal.ack_times
            whole.failures += journal.failures
            whole.repeated += journal.repeated
            whole.slowest = max(whole.slowest, journal.slowest)
        return whole
