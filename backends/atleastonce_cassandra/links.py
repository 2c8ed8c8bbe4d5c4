"""The one open session of a store: opened when it is first needed, in each process anew, and closed when nobody uses it."""

from __future__ import annotations

import copy
import ctypes
import threading
from collections.abc import Callable

from atleastonce.exceptions import AtLeastOnceError

from .link import Link


class Links:
    """Lends the session.

    Args:
        open_link: makes one; called by one thread at a time.
    """

    def __init__(self, open_link: Callable[[], Link]) -> None:
        self._open_link = open_link
        self.forget()

    def forget(self) -> None:
        """In a forked child: the parent's sockets are not ours to use or close, nor are its locks free."""
        inherited = getattr(self, "_link", None)
        if inherited is not None:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(inherited))  # kept for ever: nothing may finalize it
        self._opening = threading.Lock()
        self._lock = threading.Lock()
        self._link: Link | None = None
        self._failures = 0
        self._failure: Exception | None = None

    def use(self) -> _Borrowed:
        """A context that lends the session, opened if need be. Closing waits until it is given back."""
        return _Borrowed(self)

    def borrow(self) -> Link:
        """The session; see `use`."""
        with self._lock:
            link = self._link
            if link is not None:
                link.users += 1
                return link
        failures = self._failures
        with self._opening:
            with self._lock:
                link = self._link
            if link is None:
                # Those who waited for an opening that failed do not each try again: the last one would wait for all of them.
                if self._failure is not None and self._failures != failures:
                    raise copy.copy(self._failure)
                link = self._open()
            with self._lock:
                self._link = link
                link.users += 1
            return link

    def _open(self) -> Link:
        try:
            link = self._open_link()
        except AtLeastOnceError as error:
            self._failure = copy.copy(error)  # without the traceback, and all that hangs on it
            self._failures += 1
            raise
        self._failure = None
        return link

    def give_back(self, link: Link) -> None:
        """It is no longer used; see `use`."""
        with self._lock:
            link.users -= 1
            over = link.users == 0 and link is not self._link
        if over:
            link.close()

    def close(self) -> None:
        """Close it, now or when the last user gives it back. The next use opens another."""
        with self._lock:
            link, self._link = self._link, None
            over = link is not None and link.users == 0
        if over:
            assert link is not None
            link.close()


class _Borrowed:
    """A class, since a generator's context takes four times as long, and each save needs one."""

    __slots__ = ("_link", "_links")

    def __init__(self, links: Links) -> None:
        self._links = links

    def __enter__(self) -> Link:
        self._link = self._links.borrow()
        return self._link

    def __exit__(self, *error: object) -> None:
        self._links.give_back(self._link)
