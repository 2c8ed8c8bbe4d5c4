"""Paths and URLs."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from atleastonce.exceptions import ConfigurationError
from atleastonce.urls import parse_url
from atleastonce_sqlite import SqliteStore

from .helpers import record


def from_url(text):
    return SqliteStore.from_url(parse_url(text), clock=lambda: 1)


@pytest.mark.parametrize("path", ["", ":memory:", "a\0b", "a\udcff"])
def test_a_path_that_names_no_file_is_refused(path):
    with pytest.raises(ConfigurationError):
        SqliteStore(path)


def test_memory_is_pointed_to_its_own_backend():
    with pytest.raises(ConfigurationError, match="memory://"):
        SqliteStore(":memory:")


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite://relative.db",
        "sqlite://host/path.db",
        "sqlite://user@/path.db",
        "sqlite:///x.db?unknown=1",
        "sqlite:///x.db?timeout=0",
        "sqlite:///x.db?timeout=-1",
        "sqlite:///x.db?timeout=nan",
        "sqlite:///x.db?timeout=inf",
        "sqlite:///x.db?timeout=soon",
        "sqlite:///x.db?max_data_bytes=0",
        "sqlite:///x.db?max_data_bytes=1.5",
        "sqlite:///x.db?max_data_bytes=-1",
    ],
)
def test_a_url_it_cannot_follow_is_refused(url):
    with pytest.raises(ConfigurationError):
        from_url(url)


def test_two_slashes_are_explained():
    with pytest.raises(ConfigurationError, match="three slashes"):
        from_url("sqlite://tasks.db")


def test_a_relative_path_is_made_absolute_when_the_store_is_made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = from_url("sqlite:///tasks.db")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    store.store([record()])
    store.close()
    assert (tmp_path / "tasks.db").exists()


@pytest.mark.parametrize("name", ["plain.db", "with space & ? # % signs.db", "späße.db"])
def test_the_url_leads_back_to_the_file(tmp_path, name):
    if sys.platform == "win32" and "?" in name:
        pytest.skip("Windows allows no question mark in a name")
    store = SqliteStore(tmp_path / name)
    again = from_url(store.capabilities.url)
    store.store([record()])
    assert again.find("list", "1") is not None
    assert again.capabilities == store.capabilities
    store.close()
    again.close()


def test_an_absolute_url_has_four_slashes(tmp_path):
    if os.sep == "/":
        assert SqliteStore(tmp_path / "x.db").capabilities.url.startswith("sqlite:////")


def test_the_url_holds_what_differs_from_the_default(tmp_path):
    path = tmp_path / "x.db"
    assert "?" not in SqliteStore(path).capabilities.url
    store = SqliteStore(path, timeout=2.5, max_data_bytes=99)
    assert store.capabilities.url.endswith("?timeout=2.5&max_data_bytes=99")
    again = from_url(store.capabilities.url)
    assert again.capabilities == store.capabilities
    assert again.capabilities.max_data_bytes == 99


def test_nothing_is_touched_before_the_first_use(tmp_path):
    store = SqliteStore(tmp_path / "missing" / "tasks.db")
    assert list(tmp_path.iterdir()) == []
    assert repr(store) == f"SqliteStore({str(Path(tmp_path, 'missing', 'tasks.db'))!r})"
