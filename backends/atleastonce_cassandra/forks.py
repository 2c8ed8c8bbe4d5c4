"""After a fork: every store of the child starts afresh."""

from __future__ import annotations

import os
import weakref
from typing import Protocol


class Forgetful(Protocol):
    """What can start afresh."""

    def forget(self) -> None:
        """Called in the child."""
        ...


_known: weakref.WeakSet[Forgetful] = weakref.WeakSet()


def forget_in_child(store: Forgetful) -> None:
    """Have the store forget, in a child, what is the parent's."""
    _known.add(store)


def _in_child() -> None:
    for store in list(_known):
        store.forget()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_in_child)
