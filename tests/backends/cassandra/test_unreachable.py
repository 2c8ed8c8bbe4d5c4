"""Servers that are not there, and those that refuse us: typed, in time, without the password, and tried anew by the next call."""

from __future__ import annotations

import logging
import re
import shlex
import socket
import subprocess
import sys
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

import pytest

from atleastonce.exceptions import ConfigurationError, SchemaMissing, StoreUnavailable
from atleastonce.record import TaskKey

from .helpers import environment, opened, record

SECRET = "s3cret-pass"
PAYLOAD = b'{"card": "4929-1234"}'
TIMEOUT_S = 5

CALLS = {
    "save": lambda store: store.store([record(data=PAYLOAD)]),
    "find": lambda store: store.find("list", "1"),
    "all": lambda store: list(store.all("list")),
    "complete": lambda store: store.delete([TaskKey("list", "1", 4)]),
    "count": lambda store: store.count("list"),
    "task_lists": lambda store: list(store.task_lists()),
    "setup": lambda store: store.setup(),
}


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))  # and does not listen
        yield held.getsockname()[1]


def check(error: BaseException, caplog: pytest.LogCaptureFixture) -> None:
    shown = "".join(traceback.format_exception(error)) + caplog.text + str(error.__dict__)
    assert SECRET not in shown
    assert PAYLOAD.decode() not in shown


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_nobody_listens(closed_port, call, caplog):
    caplog.set_level(logging.DEBUG)
    store = opened(f"cassandra://me:{SECRET}@127.0.0.1:{closed_port}/tasks?timeout={TIMEOUT_S}")
    for _ in range(2):  # nothing is broken by the first time
        with pytest.raises(StoreUnavailable, match="refused") as caught:
            call(store)
        assert caught.value.outcome == "not_applied"
        check(caught.value, caplog)
    store.close()


def test_a_host_that_nobody_knows(caplog):
    caplog.set_level(logging.DEBUG)
    store = opened(f"cassandra://me:{SECRET}@nobody.invalid/tasks?timeout={TIMEOUT_S}")
    with pytest.raises(StoreUnavailable, match="resolved") as caught:
        CALLS["save"](store)
    assert caught.value.outcome == "not_applied"
    check(caught.value, caplog)


def test_a_server_that_never_answers():
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        store = opened(f"cassandra://127.0.0.1:{silent.getsockname()[1]}/tasks?timeout={TIMEOUT_S}")
        began = time.monotonic()
        with pytest.raises(StoreUnavailable) as caught:
            CALLS["save"](store)
        assert time.monotonic() - began < 4 * TIMEOUT_S  # a hang is what this would find
        assert caught.value.outcome == "not_applied"


def test_many_threads_wait_for_one_attempt_to_connect():
    with socket.socket() as silent, ThreadPoolExecutor(32) as threads:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        store = opened(f"cassandra://127.0.0.1:{silent.getsockname()[1]}/tasks?timeout=1")
        began = time.monotonic()
        errors = [one.exception() for one in [threads.submit(CALLS["save"], store) for _ in range(32)]]
        took = time.monotonic() - began
    assert {type(error) for error in errors} == {StoreUnavailable}
    assert {error.outcome for error in errors} == {"not_applied"}
    assert took < 16  # two attempts at most, of 2 s each; 64 s when each thread has its own


def test_another_data_centre(cassandra_server, cassandra_keyspace, url):
    other = url.replace(f"local_dc={cassandra_server.local_dc}", "local_dc=nowhere")
    assert other != url
    with pytest.raises(ConfigurationError, match=f"local_dc=nowhere.*{cassandra_server.local_dc}"):
        CALLS["save"](opened(other))


@pytest.mark.parametrize("name", ["save", "find", "all", "complete", "count", "task_lists"])
def test_no_keyspace(cassandra_server, name):
    store = opened(cassandra_server.url("is_not_there"))
    with pytest.raises(SchemaMissing, match=r"store\.setup\(\)") as caught:
        CALLS[name](store)
    assert caught.value.outcome == "not_applied"
    store.close()


@pytest.mark.parametrize("name", ["save", "all"])
def test_no_tables(cassandra_server, url, name):
    store = opened(f"{url}&table=others")
    with pytest.raises(SchemaMissing, match=r"store\.setup\(\)"):
        CALLS[name](store)
    store.close()


def test_the_command_that_is_named_sets_them_up(url):
    store = opened(f"{url}&table=by_command")
    with pytest.raises(SchemaMissing) as caught:
        CALLS["save"](store)
    command = re.search(r"(?<=cassandra://\.\.\. )python -c .*", str(caught.value))[0]
    program, *arguments = shlex.split(command)
    assert program == "python"
    variables = {**environment(), "ATLEASTONCE_URL": f"{url}&table=by_command"}
    subprocess.run([sys.executable, *arguments], env=variables, check=True, timeout=60)
    CALLS["save"](store)
    store.close()


def test_tables_dropped_under_way(open_store, session, cassandra_keyspace, url):
    store = opened(f"{url}&table=shortlived")
    store.setup()
    CALLS["save"](store)
    session.execute(f"DROP TABLE {cassandra_keyspace}.shortlived")
    for name in ("save", "all"):
        with pytest.raises(SchemaMissing):
            CALLS[name](store)
    store.close()
