"""The configuration: environment variables, then ``atleastonce.toml`` or ``[tool.atleastonce]``, then the default.

Keys of the file: ``url`` (a store URL; a relative SQLite path in it starts from the file's directory) and ``modules`` (names of
modules that define task classes, imported at the first unknown type).
"""

from __future__ import annotations

import logging
import os
from typing import Any

import attrs

from .exceptions import ConfigurationError
from .urls import StoreURL, parse_url

URL_VARIABLE = "ATLEASTONCE_URL"
REQUIRE_VARIABLE = "ATLEASTONCE_REQUIRE_CONFIG"
DEFAULT_URL = "sqlite:///atleastonce.db"

log: logging.Logger = logging.getLogger("atleastonce")


@attrs.frozen
class Config:
    """What a configuration file says.

    Attributes:
        file: the file; None where there is none.
        url: its store URL; None where it gives none.
        modules: names of modules that define task classes.
    """

    file: str | None = None
    url: str | None = attrs.field(default=None, repr=False)  # may hold a password
    modules: tuple[str, ...] = ()


def configured_url() -> StoreURL:
    """The URL of the store that was configured, or else the default one, with a warning that says where it is.

    Raises `ConfigurationError` for a configuration that cannot be read, and where there is none while
    ``ATLEASTONCE_REQUIRE_CONFIG=1`` asks for one.
    """
    url = explicit_url()
    if url is not None:
        return url
    if os.environ.get(REQUIRE_VARIABLE, "") not in ("", "0"):
        raise ConfigurationError(
            f"no store is configured, and {REQUIRE_VARIABLE} asks for one: set {URL_VARIABLE}, "
            "or url in atleastonce.toml or in [tool.atleastonce] of pyproject.toml"
        )
    log.warning(
        "no store is configured: tasks are kept in %s; set %s to choose",
        os.path.abspath("atleastonce.db"),
        URL_VARIABLE,
    )
    return parse_url(DEFAULT_URL)


def explicit_url() -> StoreURL | None:
    """The URL that the environment or a configuration file gives; None where neither does. Raises `ConfigurationError`."""
    from_environment = os.environ.get(URL_VARIABLE)
    if from_environment is not None:
        return parse_url(from_environment)
    config = load_config()
    if config.url is None or config.file is None:
        return None
    return parse_url(config.url, base=os.path.dirname(config.file))


def load_config(start: str | os.PathLike[str] | None = None) -> Config:
    """Read the nearest configuration file, from `start` (the current directory) upwards.

    A directory's ``atleastonce.toml`` comes before its ``pyproject.toml``; the first of either ends the search.
    Raises `ConfigurationError`, naming the file, for one that cannot be read or says what is not known.
    """
    folder = os.path.abspath(start or os.curdir)
    while True:
        own, project = os.path.join(folder, "atleastonce.toml"), os.path.join(folder, "pyproject.toml")
        if os.path.isfile(own):
            return _config(own, _read(own))
        if os.path.isfile(project):
            tool = _read(project).get("tool", {})
            return _config(project, tool.get("atleastonce", {}) if isinstance(tool, dict) else {})
        parent = os.path.dirname(folder)
        if parent == folder:
            return Config()
        folder = parent


def _read(file: str) -> dict[str, Any]:
    import tomllib  # noqa: PLC0415 - not needed by whoever gives a URL

    try:
        with open(file, "rb") as opened:
            return tomllib.load(opened)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise ConfigurationError(f"{file} cannot be read: {reason}") from None


def _config(file: str, table: Any) -> Config:
    if not isinstance(table, dict):
        raise ConfigurationError(f"{file}: [tool.atleastonce] must be a table")
    if unknown := table.keys() - {"url", "modules"}:
        raise ConfigurationError(f"{file}: unknown key {min(unknown)!r}; known: modules, url")
    url, modules = table.get("url"), table.get("modules", [])
    if url is not None and not isinstance(url, str):
        raise ConfigurationError(f"{file}: url must be a string")
    if not isinstance(modules, list) or not all(isinstance(name, str) and name for name in modules):
        raise ConfigurationError(f"{file}: modules must be a list of module names")
    return Config(file, url, tuple(modules))
