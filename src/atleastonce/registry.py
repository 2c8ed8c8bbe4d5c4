"""Which class a stored type tag means. Nothing stored is ever imported or looked up elsewhere."""

from __future__ import annotations

import importlib
import logging
import os
import re
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from .config import load_config
from .exceptions import ConfigurationError, DuplicateTaskType, UnknownTaskType

_WITH_VERSION = r"([^@]*)@([1-9][0-9]{0,8})"

log: logging.Logger = logging.getLogger("atleastonce")


class Registry:
    """Type tag -> class. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._by_tag: dict[str, type] = {}
        self._found: dict[str, tuple[Any, int]] = {}
        self._import_lock = threading.RLock()  # not the other: importing a module registers its classes
        self._import_hint: str | None = None

    def register(self, cls: type, tags: Sequence[str]) -> None:
        """Let every tag mean `cls`. Defined again, a class takes its predecessor's place.

        Raises `DuplicateTaskType`, and changes nothing, where a tag means another class.
        """
        with self._lock:
            for tag in tags:
                holder = self._by_tag.get(tag)
                if holder is not None and not _same_definition(holder, cls):
                    raise DuplicateTaskType(
                        f"the type tag {tag!r} of {_place(cls)} belongs to {_place(holder)} already; "
                        f'give one of them another: class {cls.__name__}(Task, tag="...")'
                    )
            predecessors = [held for held in self._by_tag.values() if _same_definition(held, cls)]
            self._by_tag = {tag: held for tag, held in self._by_tag.items() if held not in predecessors}
            self._by_tag.update(dict.fromkeys(tags, cls))
            self._found = {}

    def find(self, written: str) -> tuple[Any, int]:
        """The class and version that a stored type means.

        Raises `UnknownTaskType` for a tag of no class, or of a version newer than the class's. The modules that the
        configuration names are imported once, at the first unknown tag.
        """
        cache = self._found  # `register` puts a new one in its place: a look-up of before must not land there
        found = cache.get(written)
        if found is None:
            found = cache[written] = self._look_up(written)
        return found

    def _look_up(self, written: str) -> tuple[Any, int]:
        match = re.fullmatch(_WITH_VERSION, written)
        tag = match[1] if match else written
        cls: Any = self._by_tag.get(tag)
        if cls is None:
            hint = self._import_modules()
            cls = self._by_tag.get(tag)
            if cls is None:
                raise UnknownTaskType(
                    f"no task class here has the type {written!r}; import the module that defines it, "
                    f"or name that module in the configuration: modules = [...]{hint}"
                )
        return cls, version_for(cls, written)

    def _import_modules(self) -> str:
        """Import what the configuration names, once; what failed, for the message."""
        with self._import_lock:
            if self._import_hint is None:
                self._import_hint = ""  # also for a look-up made by a module that is being imported
                self._import_hint = _import_configured()
            return self._import_hint

    @contextmanager
    def isolated(self) -> Iterator[None]:
        """Forget, at the end, every class that was defined inside. For tests."""
        with self._lock:
            before = dict(self._by_tag)
        try:
            yield
        finally:
            with self._lock:
                self._by_tag, self._found = before, {}


def version_for(cls: Any, written: str) -> int:
    """The version in a stored type that means `cls`. Raises `UnknownTaskType` for one newer than the class's."""
    match = re.fullmatch(_WITH_VERSION, written)
    version = int(match[2]) if match else 1
    if version > cls._version_number:
        raise UnknownTaskType(
            f"the type {written!r} is newer than {_place(cls)}, which is version {cls._version_number}; "
            "run a newer release of the application"
        )
    return version


def _import_configured() -> str:
    try:
        modules = load_config().modules
    except ConfigurationError as error:
        return f" ({error})"
    failures = []
    for name in modules:
        try:
            importlib.import_module(name)
        except (Exception, SystemExit) as error:  # SystemExit: a script that ends by sys.exit()
            log.exception("the module %s, named in the configuration, cannot be imported", name)
            failures.append(f"{name}: {type(error).__name__}")
    return f" (not importable: {', '.join(failures)})" if failures else ""


def _same_definition(one: type, other: type) -> bool:
    if one.__qualname__ != other.__qualname__:
        return False
    return one.__module__ == other.__module__ or _source_file(one) == _source_file(other) is not None


def _source_file(cls: type) -> str | None:
    file = getattr(sys.modules.get(cls.__module__), "__file__", None)
    return os.path.realpath(file) if file else None


def _place(cls: type) -> str:
    return f"{cls.__module__}.{cls.__qualname__}"


registry: Registry = Registry()
