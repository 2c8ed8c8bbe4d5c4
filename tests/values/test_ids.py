"""Drawn ids: UUIDs of version 8 that sort by time in a process and carry their segment."""

from __future__ import annotations

import os
import sys
import threading
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atleastonce import ids
from atleastonce.ids import IDS_PER_TOKEN, MAX_LISTS, SLOT_MS, IdSource, new_id, segment

from .kit import task_class

MS = 1_700_000_000_000


class Hands:
    """A clock whose hands a test sets, in milliseconds."""

    def __init__(self, ms: int = MS) -> None:
        self.ms = ms

    def __call__(self) -> int:
        return self.ms * 1000 + 999


def fields(id: str) -> tuple[int, int, int]:
    """The (milliseconds, counter, token) of an id, by RFC 9562's own layout rather than the library's code."""
    number = uuid.UUID(id).int
    counter = (number >> 64 & 0xFFF) << 22 | number >> 40 & 0x3FFFFF
    return number >> 80, counter, number & 0xFFFFFFFFFF


def token_of(id: str) -> int:
    return fields(id)[2]


def test_the_numbers_that_are_fixed_for_ever() -> None:
    assert SLOT_MS == 300_000
    assert IDS_PER_TOKEN == 1_000


@pytest.mark.parametrize("task_list", ["l", "é", "x" * 1_024])
def test_the_form(task_list: str) -> None:
    for _ in range(50):
        id = new_id(task_list)
        parsed = uuid.UUID(id)
        assert str(parsed) == id
        assert len(id) == 36
        assert parsed.version == 8
        assert parsed.variant == uuid.RFC_4122


def test_the_layout() -> None:
    source = IdSource(Hands())
    ms, counter, token = fields(source.new("l"))
    assert (ms, counter) == (MS, 0)
    assert [fields(source.new("l")) for _ in range(3)] == [(MS, n, token) for n in (1, 2, 3)]


@pytest.mark.parametrize(
    ("counter", "middle"),
    [
        (0, "8000-8000-00"),
        (1, "8000-8000-01"),
        (2**22 - 1, "8000-bfff-ff"),
        (2**22, "8001-8000-00"),
        (2**34 - 1, "8fff-bfff-ff"),
        (0x2_A5A5_5A5A, "8a96-a55a-5a"),
    ],
)
def test_the_counter_lies_around_the_variant(counter: int, middle: str) -> None:
    source = IdSource(Hands())
    source.new("l")
    source._counter = counter - 1
    id = source.new("l")
    assert id[14:26] == middle
    assert id.startswith("018bcfe5-6800-")
    assert fields(id)[1] == counter
    parsed = uuid.UUID(id)
    assert (parsed.version, parsed.variant) == (8, uuid.RFC_4122)


def test_a_new_millisecond_starts_the_counter_anew() -> None:
    clock = Hands()
    source = IdSource(clock)
    source.new("l")
    source.new("l")
    clock.ms += 1
    assert fields(source.new("l"))[:2] == (MS + 1, 0)


@pytest.mark.parametrize("step", [1, 1_000, MS, MS + 5])
def test_a_clock_that_steps_back_is_waited_for(step: int) -> None:
    clock = Hands()
    source = IdSource(clock)
    drawn = [source.new("l")]
    clock.ms -= step
    drawn += [source.new("l") for _ in range(3)]
    clock.ms = MS
    drawn.append(source.new("l"))
    assert [fields(id)[:2] for id in drawn] == [(MS, n) for n in range(5)]
    clock.ms = MS + 1
    assert fields(source.new("l"))[:2] == (MS + 1, 0)


@pytest.mark.parametrize("ms", [0, -1, -MS])
def test_a_clock_that_is_not_past_1970_gives_ids_of_then(ms: int) -> None:
    source = IdSource(Hands(ms))
    assert [fields(source.new("l"))[:2] for _ in range(3)] == [(0, 1), (0, 2), (0, 3)]


def test_a_counter_that_overflows_borrows_the_next_millisecond() -> None:
    clock = Hands()
    source = IdSource(clock)
    source.new("l")
    source._counter = 2**34 - 2
    last, over, next_one = (source.new("l") for _ in range(3))
    assert fields(last)[:2] == (MS, 2**34 - 1)
    assert fields(over)[:2] == (MS + 1, 0)
    assert fields(next_one)[:2] == (MS + 1, 1)
    clock.ms += 1
    assert fields(source.new("l"))[:2] == (MS + 1, 2)  # the clock has only now come to where the ids are
    clock.ms += 1
    assert fields(source.new("l"))[:2] == (MS + 2, 0)


@given(st.lists(st.tuples(st.integers(-10, 10) | st.integers(-(10**9), 10**9), st.sampled_from("abc")), max_size=60))
def test_ids_of_a_process_sort_in_the_order_drawn(steps: list[tuple[int, str]]) -> None:
    clock = Hands()
    source = IdSource(clock)
    drawn = []
    for step, task_list in steps:
        clock.ms = max(0, clock.ms + step)
        drawn.append(source.new(task_list))
    assert drawn == sorted(set(drawn))
    assert [uuid.UUID(id) for id in drawn] == sorted(uuid.UUID(id) for id in drawn)
    assert [id.encode() for id in drawn] == sorted(id.encode() for id in drawn)


def test_each_list_has_a_token_of_its_own() -> None:
    source = IdSource(Hands())
    tokens = {task_list: token_of(source.new(task_list)) for task_list in ("a", "b", "c")}
    assert len(set(tokens.values())) == 3
    assert {task_list: token_of(source.new(task_list)) for task_list in tokens} == tokens


def test_each_process_has_tokens_of_its_own() -> None:
    assert token_of(IdSource(Hands()).new("l")) != token_of(IdSource(Hands()).new("l"))


def test_a_token_is_good_for_a_thousand_ids_of_its_list() -> None:
    source = IdSource(Hands())
    tokens = [token_of(source.new("l")) for _ in range(2_001)]
    assert len(set(tokens)) == 3
    assert len(set(tokens[:1_000])) == len(set(tokens[1_000:2_000])) == 1
    other = IdSource(Hands())
    first = token_of(other.new("l"))
    for _ in range(1_500):
        other.new("busy")
    assert token_of(other.new("l")) == first


def test_tokens_use_all_their_bits() -> None:
    source = IdSource(Hands())
    tokens = [token_of(source.new(str(n))) for n in range(200)]
    everywhere = 0
    for token in tokens:
        everywhere |= token
    assert everywhere == 2**40 - 1
    assert len(set(tokens)) == 200


def test_the_lists_remembered_are_bounded_and_the_one_unused_for_longest_goes() -> None:
    source = IdSource(Hands())
    tokens = [token_of(source.new(str(n))) for n in range(MAX_LISTS)]
    assert len(source._tokens) == MAX_LISTS
    assert token_of(source.new("0")) == tokens[0]  # used again: "1" is now the one unused for longest
    source.new("one more")
    assert len(source._tokens) == MAX_LISTS
    assert token_of(source.new("0")) == tokens[0]
    assert token_of(source.new("2")) == tokens[2]
    assert token_of(source.new("1")) != tokens[1]


def test_threads_draw_no_id_twice_and_each_in_order() -> None:
    source = IdSource(Hands())
    drawn: list[list[str]] = [[] for _ in range(8)]
    start = threading.Barrier(len(drawn))
    interval = sys.getswitchinterval()

    def draw(own: list[str]) -> None:
        start.wait()
        own += [source.new("l") for _ in range(2_000)]

    threads = [threading.Thread(target=draw, args=(own,)) for own in drawn]
    sys.setswitchinterval(1e-6)
    try:
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert all(own == sorted(own) for own in drawn)
    together = [id for own in drawn for id in own]
    assert len(set(together)) == 16_000
    counted = sorted(fields(id)[1] for id in together)
    assert counted == list(range(16_000))


def test_after_fork_tokens_are_new_and_the_lock_is_free() -> None:
    source = IdSource(Hands())
    before = source.new("l")
    source._lock.acquire()  # as another thread would have held it at the fork
    source.after_fork()
    after = source.new("l")
    assert token_of(after) != token_of(before)
    assert after > before


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_forked_child_draws_other_tokens() -> None:
    before = new_id("forked")
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, new_id("forked").encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as pipe:
        theirs = pipe.read()
    assert os.waitpid(child, 0)[1] == 0
    ours = new_id("forked")
    assert token_of(ours) == token_of(before)
    assert token_of(theirs) != token_of(before)
    assert theirs > before


# The segment of an id is fixed for ever: these were computed by hand.
SEGMENTS: dict[str, tuple[int, int] | None] = {
    "00000000-0000-8000-8000-000000000000": (0, 0),
    "00000004-93df-8000-8000-000000000001": (0, 1),  # 0x493df = 299_999 ms: the last of the first slot
    "00000004-93e0-8fff-bfff-ff0000000001": (1, 1),  # 0x493e0 = 300_000 ms
    "018bcfe5-6800-8000-8000-000123456789": (5_666_666, 0x0123456789),  # 1_700_000_000_000 // 300_000
    "018bcfe5-6800-8abc-9def-ab0123456789": (5_666_666, 0x0123456789),  # the counter is no part of it
    "018bcfe5-6800-8000-8000-00ffffffffff": (5_666_666, 2**40 - 1),
    "99999999-9999-8999-9999-999999999999": (562_949_953, 0x9999999999),
    "ffffffff-ffff-8fff-bfff-ffffffffffff": (938_249_922, 2**40 - 1),
    "": None,
    "my_id": None,
    "018BCFE5-6800-8000-8000-000123456789": None,
    "018bcfe5-6800-7000-8000-000123456789": None,  # version 7
    "018bcfe5-6800-4000-8000-000123456789": None,
    "018bcfe5-6800-8000-7000-000123456789": None,  # another variant
    "018bcfe5-6800-8000-c000-000123456789": None,
    "018bcfe5-6800-8000-8000-00012345678": None,
    "018bcfe5-6800-8000-8000-0001234567890": None,
    "018bcfe5-6800-8000-8000-000123456789\n": None,
    "\n018bcfe5-6800-8000-8000-00012345678": None,
    "018bcfe5-6800-8000-8000-00012345678\n": None,
    "018bcfe568008000800000012345678900000": None,
    "018bcfe5_6800_8000_8000_000123456789": None,
    "{18bcfe5-6800-8000-8000-000123456789": None,
    "g18bcfe5-6800-8000-8000-000123456789": None,
    "018bcfe5-g800-8000-8000-000123456789": None,
    "018bcfe5-6800-800g-8000-000123456789": None,
    "018bcfe5-6800-8000-800g-000123456789": None,
    "018bcfe5-6800-8000-8000-00012345678g": None,
    "018bcfe5-6800-8000-8000-00012345678\u0661": None,
}


@pytest.mark.parametrize(("id", "expected"), SEGMENTS.items(), ids=ascii)
def test_segments_computed_by_hand(id: str, expected: tuple[int, int] | None) -> None:
    assert segment(id) == expected
    assert segment(id) == expected  # pure


@given(st.integers(0, 2**48 - 1), st.text(max_size=5))
def test_the_segment_of_a_drawn_id(ms: int, task_list: str) -> None:
    id = IdSource(Hands(ms)).new(task_list)
    drawn_ms, _, token = fields(id)
    assert segment(id) == (drawn_ms // 300_000, token)
    assert drawn_ms == max(ms, 0)


@given(st.text() | st.uuids().map(str))
def test_any_text_has_a_segment_or_none(id: str) -> None:
    found = segment(id)
    if found is not None:
        assert uuid.UUID(id).version == 8
        assert str(uuid.UUID(id)) == id


def test_a_task_draws_an_id_for_its_own_list(monkeypatch: Any) -> None:
    cls = task_class(int)
    one, two, other = (cls(task_list=name, x=1).id for name in ("ids-a", "ids-a", "ids-b"))
    assert one < two < other
    assert segment(one)[1] == segment(two)[1] != segment(other)[1]  # type: ignore[index]  # None, of a chosen id, fails here as well
    assert ids.segment(cls(task_list="ids-a", id="mine", x=1).id) is None
