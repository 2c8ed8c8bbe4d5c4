"""Making, closing, printing and sending a store."""

from __future__ import annotations

import os
import pickle
import sys
from pathlib import Path

import pytest

from atleastonce import Capabilities, ConfigurationError, Task, TaskStore
from atleastonce import store as store_module
from atleastonce_memory import MemoryStore


class Kept(Task, tag="tests.store.kept"):
    pass


class SecretStore(MemoryStore):
    """A backend with a password, as ``tests.store.test_lifetime:SecretStore://user:pass@host``; one space a host."""

    opened = []  # noqa: RUF012 - every URL that was opened, for all of the tests

    def __init__(self, url=None, **kwargs):
        super().__init__("secret", **kwargs)
        SecretStore.opened.append(url)
        self._capabilities = Capabilities(name="secret", max_data_bytes=1_000, url=str(url))

    @classmethod
    def from_url(cls, url, *, clock):
        return cls(url, clock=clock)


SECRET = f"{__name__}:SecretStore://user:se%2Fsame@host"


@pytest.fixture(autouse=True)
def no_reopened_stores(monkeypatch):
    monkeypatch.setattr(store_module, "_reopened", {})
    monkeypatch.delenv("ATLEASTONCE_URL", raising=False)
    SecretStore.opened.clear()


@pytest.mark.parametrize("target", [5, b"memory://", Path("x"), object(), TaskStore])
def test_a_store_is_made_from_a_url_or_a_backend(target):
    with pytest.raises(ConfigurationError, match="URL"):
        TaskStore(target)


def test_a_store_is_made_from_a_backend():
    backend = MemoryStore()
    TaskStore(backend).save(Kept(task_list="l"))
    assert backend.count("l") == 1


@pytest.mark.parametrize(
    "url", ["", "sqlite://", "sqlite:///", "tasks.db", "://", "sqlite:tasks.db", "sqlite://tasks.db"]
)
def test_a_url_that_names_nothing_is_refused(url, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigurationError):
        TaskStore(url)
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_opened_before_the_first_use(tmp_path):
    store = TaskStore(f"sqlite:///{tmp_path}/tasks.db")
    assert list(tmp_path.iterdir()) == []
    assert list(store.all("l")) == []
    store.close()


def test_a_relative_path_becomes_absolute_when_the_store_is_made(tmp_path, monkeypatch):
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    monkeypatch.chdir(one)
    store = TaskStore("sqlite:///tasks.db")
    monkeypatch.chdir(other)
    store.save(Kept(task_list="l"))
    store.close()
    assert (one / "tasks.db").exists()
    assert list(other.iterdir()) == []
    sent = pickle.loads(pickle.dumps(store))
    assert sent.count("l") == 1
    sent.close()


def test_the_context_manager_closes_and_a_later_use_opens_anew(store, monkeypatch):
    closed = []
    close = store._backend.close
    monkeypatch.setattr(store._backend, "close", lambda: (closed.append(1), close()))
    with store as entered:
        assert entered is store
        store.save(Kept(task_list="l"))
    assert closed == [1]
    assert store.count("l") == 1
    store.close()
    store.close()


def test_it_closes_after_an_error_too(store, monkeypatch):
    closed = []
    monkeypatch.setattr(store._backend, "close", lambda: closed.append(1))
    with pytest.raises(ZeroDivisionError), store:
        raise ZeroDivisionError
    assert closed == [1]


def test_setup_may_be_repeated(store):
    store.setup()
    assert store.setup() == store.setup(dry_run=True) == []


def test_repr_names_the_storage_without_its_password(tmp_path):
    assert repr(TaskStore("memory://")) == "<TaskStore memory>"
    assert repr(TaskStore(f"sqlite:///{tmp_path}/t.db")) == f"<TaskStore sqlite:///{tmp_path}/t.db>"
    text = repr(TaskStore(SECRET))
    assert "user@host" in text
    assert "se/same" not in text
    assert "se%2Fsame" not in text


def test_it_pickles_as_its_url(tmp_path):
    store = TaskStore(f"sqlite:///{tmp_path}/t.db")
    store.save(Kept(task_list="l"))
    made = pickle.loads(pickle.dumps(store))
    assert made.count("l") == 1
    assert made is pickle.loads(pickle.dumps(store))  # one a process, or each task in a worker would open a file anew
    made.close()
    store.close()


@pytest.mark.parametrize("url", ["memory://", "memory://shared"])
def test_a_private_store_does_not_pickle(url):
    with pytest.raises(ConfigurationError, match="private"):
        pickle.dumps(TaskStore(url))


def test_the_password_is_not_sent():
    sent = pickle.dumps(TaskStore(SECRET))
    assert b"same" not in sent


def test_the_worker_takes_the_password_from_its_own_configuration(monkeypatch):
    sent = pickle.dumps(TaskStore(SECRET))
    monkeypatch.setenv("ATLEASTONCE_URL", SECRET)
    SecretStore.opened.clear()
    pickle.loads(sent)
    assert [url.password for url in SecretStore.opened] == ["se/same"]


@pytest.mark.parametrize(
    "configured", [None, SECRET.replace("host", "elsewhere"), SECRET.replace(":se%2Fsame", ""), "memory://"]
)
def test_without_a_password_for_that_url_a_typed_error_says_so(monkeypatch, configured):
    sent = pickle.dumps(TaskStore(SECRET))
    if configured is not None:
        monkeypatch.setenv("ATLEASTONCE_URL", configured)
    SecretStore.opened.clear()
    with pytest.raises(ConfigurationError, match="password") as caught:
        pickle.loads(sent)
    assert "se/same" not in str(caught.value)
    assert SecretStore.opened == []


def test_the_configured_store_sends_no_password_either(monkeypatch):
    monkeypatch.setenv("ATLEASTONCE_URL", SECRET)
    sent = pickle.dumps(TaskStore())
    assert b"same" not in sent
    assert pickle.loads(sent)._backend._capabilities.url == TaskStore()._backend._capabilities.url


def test_a_store_made_of_an_open_backend_sends_no_password():
    """The library never sees that one: the backend's URL must not have it."""
    assert b"same" not in pickle.dumps(TaskStore(TaskStore(SECRET)._backend))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
@pytest.mark.filterwarnings(
    "ignore:.*multi-threaded:DeprecationWarning"
)  # hypothesis or a test before may leave a thread
def test_a_forked_child_goes_on_with_the_store(tmp_path):
    store = TaskStore(f"sqlite:///{tmp_path}/t.db")
    store.save(Kept(task_list="l"))
    child = os.fork()
    if child == 0:
        try:
            store.complete_all(store.all("l"))
            store.save(Kept(task_list="l", id="child"))
            os._exit(0)
        finally:
            sys.stderr.flush()
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert [t.id for t in store.all("l")] == ["child"]
    store.close()
