"""From a store URL to its backend: built-in name, entry point, or ``module:attr``."""

from __future__ import annotations

import importlib
from operator import attrgetter
from typing import cast

from .clock import Clock
from .exceptions import ConfigurationError
from .interface import Backend, DataInterface
from .urls import StoreURL

GROUP = "atleastonce.backends"

_BUILT_IN = {
    "cassandra": "atleastonce_cassandra:CassandraStore",
    "memory": "atleastonce_memory:MemoryStore",
    "sqlite": "atleastonce_sqlite:SqliteStore",
}


def open_backend(url: StoreURL, *, clock: Clock) -> DataInterface:
    """The backend object for that URL; the storage is not touched yet.

    Raises `ConfigurationError` for a scheme that nothing installed knows (it lists what is), for one that two packages claim,
    for a backend whose driver is missing, and for a URL that the backend does not understand.
    """
    return load_backend(url.scheme).from_url(url, clock=clock)


def load_backend(scheme: str) -> Backend:
    """What the scheme names. Raises `ConfigurationError`."""
    target = _BUILT_IN.get(scheme) or (scheme if ":" in scheme else _entry_point(scheme))
    module, _, attribute = target.partition(":")
    try:
        backend = attrgetter(attribute)(importlib.import_module(module))
    except ImportError as error:
        missing = error.name or module
        raise ConfigurationError(
            f"the backend {scheme!r} needs the module {missing!r}, which cannot be imported; "
            f'try: pip install "atleastonce[{scheme}]"'
            if scheme in _BUILT_IN
            else f"the backend {scheme!r} needs the module {missing!r}, which cannot be imported; install what has it"
        ) from error
    except AttributeError:
        raise ConfigurationError(f"the backend {scheme!r}: {module} has no {attribute!r}") from None
    if not hasattr(backend, "from_url"):
        raise ConfigurationError(
            f"the backend {scheme!r}: {target} has no from_url; see the docs, write your own backend"
        )
    return cast(Backend, backend)


def _entry_point(scheme: str) -> str:
    from importlib.metadata import entry_points  # noqa: PLC0415 - slow to import, and rarely needed

    installed = entry_points(group=GROUP)
    found = {point.value for point in installed if point.name == scheme}  # a set: one package may be seen twice
    if len(found) > 1:
        raise ConfigurationError(
            f"two backends claim the URL scheme {scheme!r}: {', '.join(sorted(found))}; uninstall one"
        )
    if not found:
        known = ", ".join(sorted(_BUILT_IN.keys() | {point.name for point in installed}))
        raise ConfigurationError(f"no backend for the URL scheme {scheme!r}; installed: {known}")
    return found.pop()
