"""Where the store's URL comes from: argument, environment, file, default."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from urllib.parse import quote

import pytest

from atleastonce import ConfigurationError, Task, TaskStore, configure, default_store


class Configured(Task, tag="tests.config.configured"):
    pass


def url_for(project, name):
    return f"sqlite:///{project}/{name}.db"


def file_of(store):
    """The name of the database file that a store writes to."""
    return store.capabilities.url.rpartition("/")[2]


@pytest.fixture
def everywhere(unconfigured, monkeypatch):
    """A URL at every place that may give one."""
    monkeypatch.setenv("ATLEASTONCE_URL", url_for(unconfigured, "environment"))
    (unconfigured / "atleastonce.toml").write_text("url = 'sqlite:///own_file.db'")
    (unconfigured / "pyproject.toml").write_text("[tool.atleastonce]\nurl = 'sqlite:///project_file.db'")
    return unconfigured


def test_the_argument_comes_first(everywhere):
    assert file_of(TaskStore(url_for(everywhere, "argument"))) == "argument.db"
    configure(url_for(everywhere, "configured"))
    assert file_of(default_store()) == "configured.db"


def test_then_the_environment(everywhere):
    assert file_of(TaskStore()) == file_of(TaskStore(None)) == file_of(default_store()) == "environment.db"


def test_then_atleastonce_toml(everywhere, monkeypatch):
    monkeypatch.delenv("ATLEASTONCE_URL")
    assert file_of(TaskStore()) == "own_file.db"


def test_then_the_project_file(everywhere, monkeypatch):
    monkeypatch.delenv("ATLEASTONCE_URL")
    (everywhere / "atleastonce.toml").unlink()
    assert file_of(TaskStore()) == "project_file.db"


def test_then_the_default_with_one_warning_that_names_the_file(unconfigured, caplog):
    with caplog.at_level(logging.DEBUG, "atleastonce"):
        store = default_store()
        store.save(Configured(task_list="l"))
        assert Configured.create(task_list="l")._store is store
        list(Configured.all("l"))
    [warning] = [r for r in caplog.records if r.levelno >= logging.WARNING]
    assert warning.levelno == logging.WARNING
    assert str(unconfigured / "atleastonce.db") in warning.getMessage()
    assert "ATLEASTONCE_URL" in warning.getMessage()
    assert (unconfigured / "atleastonce.db").exists()
    store.close()


def test_what_is_configured_warns_of_nothing(everywhere, caplog):
    with caplog.at_level(logging.DEBUG, "atleastonce"):
        TaskStore()
        TaskStore("memory://")
    assert caplog.records == []


def test_the_default_is_never_memory_and_never_moves(unconfigured, monkeypatch):
    store = default_store()
    monkeypatch.chdir("/")
    assert store.capabilities.url == f"sqlite:///{unconfigured}/atleastonce.db"


@pytest.mark.parametrize("value", ["1", "true", "yes"])
def test_a_required_configuration_that_is_missing_is_an_error(unconfigured, monkeypatch, caplog, value):
    monkeypatch.setenv("ATLEASTONCE_REQUIRE_CONFIG", value)
    for call in (TaskStore, default_store, Configured(task_list="l").save):
        with pytest.raises(ConfigurationError, match=r"ATLEASTONCE_URL.*atleastonce\.toml"):
            call()
    assert caplog.records == []
    assert list(unconfigured.iterdir()) == []


@pytest.mark.parametrize("value", ["", "0"])
def test_it_may_be_switched_off(monkeypatch, value):
    monkeypatch.setenv("ATLEASTONCE_REQUIRE_CONFIG", value)
    assert file_of(TaskStore()) == "atleastonce.db"


def test_a_required_configuration_is_satisfied_by_any(unconfigured, monkeypatch):
    monkeypatch.setenv("ATLEASTONCE_REQUIRE_CONFIG", "1")
    TaskStore("memory://")
    (unconfigured / "atleastonce.toml").write_text("url = 'memory://'")
    TaskStore()
    (unconfigured / "atleastonce.toml").unlink()
    monkeypatch.setenv("ATLEASTONCE_URL", "memory://")
    TaskStore()


@pytest.mark.parametrize("value", ["", "sqlite://", "sqlite:///", "tasks.db", " "])
def test_an_environment_that_says_nothing_is_an_error_not_a_default(unconfigured, monkeypatch, value):
    monkeypatch.setenv("ATLEASTONCE_URL", value)
    with pytest.raises(ConfigurationError):
        TaskStore()
    assert list(unconfigured.iterdir()) == []


@pytest.mark.parametrize("value", ["", "sqlite://", "sqlite:///", "tasks.db"])
def test_a_file_that_says_nothing_is_an_error_not_a_default(unconfigured, value):
    (unconfigured / "atleastonce.toml").write_text(f"url = '{value}'")
    with pytest.raises(ConfigurationError):
        TaskStore()
    assert [p.name for p in unconfigured.iterdir()] == ["atleastonce.toml"]


@pytest.mark.parametrize("value", ["", "sqlite://", "sqlite:///"])
def test_configure_takes_no_empty_url_for_none(value):
    with pytest.raises(ConfigurationError):
        configure(value)


def test_a_relative_path_of_the_environment_starts_at_the_current_directory(unconfigured, monkeypatch):
    (unconfigured / "sub").mkdir()
    monkeypatch.chdir(unconfigured / "sub")
    monkeypatch.setenv("ATLEASTONCE_URL", "sqlite:///here.db")
    assert TaskStore().capabilities.url == f"sqlite:///{unconfigured}/sub/here.db"


@pytest.mark.parametrize(
    ("name", "text"), [("atleastonce.toml", ""), ("pyproject.toml", "[tool.atleastonce]\n")], ids=["own", "project"]
)
@pytest.mark.parametrize("folder", ["", "a/b"])
def test_a_relative_path_of_a_file_starts_at_the_file(unconfigured, monkeypatch, name, text, folder):
    """Or a job and a shell in a subdirectory would each have tasks of their own."""
    (unconfigured / name).write_text(text + "url = 'sqlite:///var/there.db'")
    below = unconfigured / folder
    below.mkdir(parents=True, exist_ok=True)
    monkeypatch.chdir(below)
    store = TaskStore()
    assert store.capabilities.url == f"sqlite:///{unconfigured}/var/there.db"
    monkeypatch.chdir("/")
    assert store.capabilities.url == f"sqlite:///{unconfigured}/var/there.db"


def test_an_absolute_path_of_a_file_stays(unconfigured):
    (unconfigured / "atleastonce.toml").write_text("url = 'sqlite:////var/lib/tasks.db'")
    assert TaskStore().capabilities.url == "sqlite:////var/lib/tasks.db"


def test_a_directory_with_strange_characters_is_followed(unconfigured, monkeypatch):
    folder = unconfigured / "a b%20?#ü&"
    folder.mkdir()
    (folder / "atleastonce.toml").write_text("url = 'sqlite:///there.db'")
    monkeypatch.chdir(folder)
    store = TaskStore()
    store.save(Configured(task_list="l"))
    assert (folder / "there.db").exists()
    assert store.capabilities.url == f"sqlite:///{quote(str(folder))}/there.db"
    assert TaskStore(store.capabilities.url).count("l") == 1
    store.close()


def test_task_find_and_all_use_the_environment(unconfigured, monkeypatch):
    """From the front door, in a Python of its own."""
    script = """
from atleastonce import Task
class T(Task): pass
T.create(task_list="l", id="1")
print(T.find("l", "1"), len(list(T.all("l"))))
"""
    environment = {**os.environ, "ATLEASTONCE_URL": "sqlite:///mine.db", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "<T type='T' task_list='l' id='1'> 1\n"
    assert done.stderr == ""
    assert (unconfigured / "mine.db").exists()
