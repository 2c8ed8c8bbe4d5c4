"""How much one page may hold, before anybody knows how large rows are."""

from __future__ import annotations

import pytest

from atleastonce_cassandra import graveyard, passing
from atleastonce_cassandra.graveyard import Graveyard
from atleastonce_cassandra.options import MAX_DATA_BYTES
from atleastonce_cassandra.passing import Sizes
from atleastonce_cassandra.protocol.claim import FIRST_PAGE_ROWS, Looked

LARGEST = 1024 * 1024
"""The most that `max_data_bytes` may be."""


@pytest.mark.parametrize("max_data_bytes", [MAX_DATA_BYTES, LARGEST])
def test_a_first_page_of_the_largest_tasks_is_no_burden(max_data_bytes):
    assert Sizes(max_data_bytes).page_rows() * max_data_bytes <= passing.FIRST_PAGE_BYTES
    assert Graveyard(None, None, 10, max_data_bytes)._page_rows * max_data_bytes <= graveyard.PAGE_BYTES


def test_as_usual_it_is_as_large_as_it_was():
    assert Sizes(MAX_DATA_BYTES).page_rows() >= FIRST_PAGE_ROWS
    assert Graveyard(None, None, 10, MAX_DATA_BYTES)._page_rows == graveyard.PAGE_ROWS


@pytest.mark.parametrize(("row_bytes", "rows"), [(200, passing.MAX_PAGE_ROWS), (LARGEST, passing.MIN_PAGE_ROWS)])
def test_rows_that_were_seen_count(row_bytes, rows):
    sizes = Sizes(MAX_DATA_BYTES)
    for _ in range(5):
        sizes.learn(Looked([], None, 100, 100 * row_bytes))
    assert sizes.page_rows() == rows
