"""Which Cassandra is tested with."""

from __future__ import annotations

import os

import attrs

VERSION_VARIABLE = "ATLEASTONCE_TEST_CASSANDRA_VERSION"


@attrs.frozen
class Release:
    """One line of releases.

    Attributes:
        line: as the image is tagged.
        version: of the jars.
        oldest_java: the first major version of Java that it runs on.
        newest_java: the last one.
    """

    line: str
    version: str
    oldest_java: int
    newest_java: int

    @property
    def image(self) -> str:
        """The official image."""
        return f"cassandra:{self.line}"


DEFAULT = Release("5.0", "5.0.8", 17, 17)
# 4.1 is made for Java 8 and 11; with the packages that node.sh opens it also runs on 17.
RELEASES = {release.line: release for release in (DEFAULT, Release("4.1", "4.1.10", 11, 17))}


def chosen_release() -> Release:
    """What the environment asks for, else the default. Raises ValueError for a release that is not known here."""
    line = os.environ.get(VERSION_VARIABLE) or DEFAULT.line
    if line not in RELEASES:
        raise ValueError(f"{VERSION_VARIABLE} is {line!r}; known are {', '.join(RELEASES)}")
    return RELEASES[line]
