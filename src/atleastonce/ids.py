"""Drawn ids: UUIDs of version 8 (RFC 9562) that sort by time within a process and carry their segment.

From the most significant bit::

    48 bits  Unix milliseconds
     4 bits  version, 8
    12 bits  counter, high part      the 34-bit counter goes on within a millisecond,
     2 bits  variant, 0b10           and while the clock stands behind the last id
    22 bits  counter, low part
    40 bits  token, random           redrawn per process, fork, task list and every 1,000 ids

The segment of an id, (milliseconds // 300,000, token), is a pure function of it and fixed for ever: stored rows
are located by it.
"""

from __future__ import annotations

import os
import re
import threading
from collections import OrderedDict
from collections.abc import Callable

from .clock import Clock, system_clock

SLOT_MS = 300_000
"""A slot, the time part of a segment, is five minutes long, in milliseconds."""

IDS_PER_TOKEN = 1_000
"""A segment (one Cassandra partition) holds at most this many ids of one process and list."""

MAX_LISTS = 1_024
"""How many task lists keep a token; the one unused for longest draws anew. Bounds memory, nothing else."""

_COUNTER_LIMIT = 1 << 34
_LOW_BITS = 22
_LOW_MASK = (1 << _LOW_BITS) - 1
_TOKEN_BYTES = 5
_TAIL_BITS = 8  # of the counter; all above them is written once for 256 ids
_TAIL_MASK = (1 << _TAIL_BITS) - 1
_TAILS = [f"{tail:02x}" for tail in range(1 << _TAIL_BITS)]
_DRAWN = r"[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"


class _Token:
    """What the ids of one list end in, for a while."""

    def __init__(self) -> None:
        self.text = ""
        self.left = 0  # ids that may still be drawn with it


class IdSource:
    """Draws ids. Thread-safe; one per process is enough."""

    def __init__(self, clock: Clock = system_clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._ms = 0
        self._counter = 0
        self._head = ""  # the text of all ids of this millisecond whose counters differ in the tail only
        self._headed = -1  # that counter, without its tail; -1: a new head is due
        self._tokens: OrderedDict[str, _Token] = OrderedDict()
        self._newest: str | None = None  # the list at the end of it

    def new(self, task_list: str) -> str:
        """An id for that list: greater, as text, than every id that this object gave before."""
        with self._lock:
            ms = self._clock() // 1000
            if ms > self._ms:
                self._ms, self._counter, self._headed = ms, 0, -1
            else:  # the same millisecond, or the clock stepped back
                self._counter += 1
                if self._counter == _COUNTER_LIMIT:
                    self._ms, self._counter, self._headed = self._ms + 1, 0, -1
            counter = self._counter
            if counter >> _TAIL_BITS != self._headed:
                self._headed = counter >> _TAIL_BITS
                self._head = _head(self._ms, counter)
            token = self._tokens[task_list] if task_list == self._newest else self._move_to_end(task_list)
            if not token.left:
                token.text, token.left = os.urandom(_TOKEN_BYTES).hex(), IDS_PER_TOKEN
            token.left -= 1
            return self._head + _TAILS[counter & _TAIL_MASK] + token.text

    def _move_to_end(self, task_list: str) -> _Token:
        """The list's token, from now on the most recently used one."""
        token = self._tokens.setdefault(task_list, _Token())
        self._tokens.move_to_end(task_list)
        self._newest = task_list
        if len(self._tokens) > MAX_LISTS:
            self._tokens.popitem(last=False)
        return token

    def after_fork(self) -> None:
        """In a forked child: new tokens, and a lock that nobody holds."""
        self._lock = threading.Lock()
        self._tokens.clear()
        self._newest = None


def _head(ms: int, counter: int) -> str:
    """An id's text up to the tail of the counter."""
    high = f"{ms:012x}"
    low = f"{0b10 << _LOW_BITS | counter & _LOW_MASK:x}"  # six digits, as the variant is in the first
    return f"{high[:8]}-{high[8:]}-8{counter >> _LOW_BITS:03x}-{low[:4]}-"


def segment(id: str) -> tuple[int, int] | None:
    """The (slot, token) that a drawn id carries; None for an id of any other form."""
    if len(id) != 36 or re.fullmatch(_DRAWN, id) is None:
        return None
    return int(id[:8] + id[9:13], 16) // SLOT_MS, int(id[26:], 16)


_source = IdSource()
new_id: Callable[[str], str] = _source.new
"""Draw an id for a task list, in this process's order."""
if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_source.after_fork)
