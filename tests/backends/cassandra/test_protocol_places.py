"""Where a task is, by its list and id alone."""

from __future__ import annotations

from zlib import crc32

from hypothesis import given
from hypothesis import strategies as st

from atleastonce.ids import new_id, segment
from atleastonce_cassandra.protocol.client import Registered
from atleastonce_cassandra.protocol.places import SHARD_SLOT, SLOT_US, Place, closed_for_us, segment_of, slot_at


def test_a_drawn_id_carries_its_segment():
    id = new_id("places")
    assert segment_of(id, id.encode(), 64) == segment(id)


@given(id=st.text(min_size=1, max_size=40), shards=st.integers(1, 1_000))
def test_any_other_id_goes_to_a_shard(id, shards):
    data = id.encode("utf-8", "surrogatepass")
    if segment(id) is None:
        assert segment_of(id, data, shards) == (SHARD_SLOT, crc32(data) % shards)


@given(now=st.integers(0, 2**53))
def test_a_slot_is_closed_from_its_end_on(now):
    place = Place(b"list", slot_at(now), 1)
    assert -SLOT_US <= closed_for_us(place, now) < 0
    assert closed_for_us(place, (place.slot + 1) * SLOT_US) == 0


@given(now=st.integers(0, 2**53))
def test_a_shard_never_closes(now):
    assert closed_for_us(Place(b"list", SHARD_SLOT, 3), now) < 0


def test_registered_places_are_remembered_up_to_a_limit():
    registered = Registered(limit=2)
    places = [Place(b"list", slot, 0) for slot in range(3)]
    for place in places:
        registered.add(place)
    assert [place in registered for place in places] == [False, True, True]
    registered.forget()
    assert not any(place in registered for place in places)
