"""Complete: delete the version that is meant, and no newer one."""

from __future__ import annotations

from collections.abc import Sequence

from .places import Place
from .steps import Delete, Read, Steps
from .versions import deletion_timestamp


def complete(place: Place, keys: Sequence[tuple[bytes, int | None]], *, dead: bool = False) -> Steps[None]:
    """Delete what is stored under each id with a version not above the given one (microseconds; None: what is there now).

    With `dead` among the dead letters.
    """
    unknown = [id for id, version in keys if version is None]
    there = (yield Read(place, unknown, dead)) if unknown else {}
    last: dict[bytes, int] = {}
    for id, version in keys:
        if version is None:
            if id not in there:
                continue
            version = there[id].version  # noqa: PLW2901 (it is the version from here on)
        last[id] = max(version, last.get(id, 0))
    if last:
        yield Delete(place, [(id, deletion_timestamp(version)) for id, version in last.items()], dead)
