"""Configuration files: which is found, and what is wrong with one."""

from __future__ import annotations

import pytest

from atleastonce import ConfigurationError, TaskStore
from atleastonce.config import Config, load_config


def test_the_nearest_directory_wins(unconfigured, monkeypatch):
    (unconfigured / "atleastonce.toml").write_text("url = 'memory://outer'")
    inner = unconfigured / "inner" / "deep"
    inner.mkdir(parents=True)
    monkeypatch.chdir(inner)
    assert load_config().url == "memory://outer"
    (unconfigured / "inner" / "pyproject.toml").write_text("[tool.atleastonce]\nurl = 'memory://inner'")
    assert load_config().url == "memory://inner"
    (inner / "atleastonce.toml").write_text("url = 'memory://deep'")
    assert load_config().url == "memory://deep"


def test_the_nearest_project_file_ends_the_search_also_without_a_table(unconfigured, monkeypatch):
    """Another project's tasks are no concern of one that lies inside it."""
    (unconfigured / "atleastonce.toml").write_text("url = 'memory://outer'")
    inner = unconfigured / "inner"
    inner.mkdir()
    monkeypatch.chdir(inner)
    (inner / "pyproject.toml").write_text("[project]\nname = 'x'")
    assert load_config().url is None


def test_both_keys_are_read(unconfigured):
    (unconfigured / "atleastonce.toml").write_text("url = 'memory://'\nmodules = ['app.tasks', 'more']")
    assert load_config() == Config(str(unconfigured / "atleastonce.toml"), "memory://", ("app.tasks", "more"))


def test_modules_alone_leave_the_url_to_the_default(unconfigured):
    (unconfigured / "atleastonce.toml").write_text("modules = ['app.tasks']")
    assert TaskStore().capabilities.url == f"sqlite:///{unconfigured}/atleastonce.db"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("urll = 'memory://'", "urll"),
        ("url = 'memory://'\n[store]\nurl = 'x'", "store"),
        ("url = 5", "url"),
        ("url = ['memory://']", "url"),
        ("modules = 'app.tasks'", "modules"),
        ("modules = [5]", "modules"),
        ("modules = ['']", "modules"),
        ("modules = {a = 1}", "modules"),
        ("url = ", "cannot be read"),
        ("url = 'memory://'\nurl = 'memory://'", "cannot be read"),
    ],
)
@pytest.mark.parametrize("project", [False, True])
def test_what_is_wrong_is_named_with_its_file(unconfigured, text, named, project):
    file = unconfigured / ("pyproject.toml" if project else "atleastonce.toml")
    if project:
        text = "[tool.atleastonce]\n" + text.replace("[store]", "[tool.atleastonce.store]")
    file.write_text(text)
    with pytest.raises(ConfigurationError, match=named) as caught:
        TaskStore()
    assert str(file) in str(caught.value)


@pytest.mark.parametrize("text", ["tool = 5", "[tool]\nother = 1", "[tool.other]\natleastonce = 1", ""])
def test_a_project_file_without_the_table_is_fine(unconfigured, text):
    (unconfigured / "pyproject.toml").write_text(text)
    assert load_config() == Config(str(unconfigured / "pyproject.toml"))


@pytest.mark.parametrize("text", ["[tool]\natleastonce = 'memory://'", "[[tool.atleastonce]]\nurl = 'x'"])
def test_a_table_that_is_none_is_an_error(unconfigured, text):
    (unconfigured / "pyproject.toml").write_text(text)
    with pytest.raises(ConfigurationError, match=r"tool\.atleastonce"):
        load_config()


def test_a_file_that_is_not_utf8_is_named(unconfigured):
    (unconfigured / "atleastonce.toml").write_bytes(b"url = '\xff'")
    with pytest.raises(ConfigurationError, match=r"atleastonce\.toml"):
        load_config()


def test_a_file_that_may_not_be_read_is_named(unconfigured, monkeypatch):
    (unconfigured / "atleastonce.toml").touch()

    def refuse(*args, **kwargs):  # root, as whom tests may run, may read any file
        raise PermissionError(13, "Permission denied")

    with monkeypatch.context() as patched:
        patched.setattr("builtins.open", refuse)
        with pytest.raises(ConfigurationError, match=r"atleastonce\.toml cannot be read: Permission denied"):
            load_config()


def test_a_password_is_in_no_message(unconfigured):
    for url in ("nosuch://user:sesame@host", "memory://user:sesame@host", "sqlite://user:sesame@host/x?y=1"):
        (unconfigured / "atleastonce.toml").write_text(f"url = '{url}'")
        with pytest.raises(ConfigurationError) as caught:
            TaskStore()
        assert "sesame" not in f"{caught.value!r} {load_config()!r}"
        assert caught.value.__cause__ is None
