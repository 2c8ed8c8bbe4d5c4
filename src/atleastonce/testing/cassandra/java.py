"""The Java that a node runs on."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from .release import Release
from .unavailable import Unavailable

ANSWER_TIMEOUT_S = 60  # Java says its version in 0.2 s; not on a machine that is full

_VERSION = re.compile(r'version "(?:1\.)?(\d+)')


def require_java(release: Release) -> None:
    """Raise `Unavailable` unless there is a Java that runs this release: ``JAVA_HOME``'s, else the one on the path."""
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home, "bin", "java")) if home else "java"
    if shutil.which(java) is None:
        raise Unavailable(f"there is no {java}")
    ran = subprocess.run(  # noqa: S603  # the program that JAVA_HOME or PATH names
        [java, "-version"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=ANSWER_TIMEOUT_S,
        check=False,
    )
    found = _VERSION.search(ran.stderr)
    if found is None:
        raise Unavailable(f"{java} -version says no version: {ran.stderr.strip()[:200]}")
    if not release.oldest_java <= int(found[1]) <= release.newest_java:
        wanted = " to ".join(str(number) for number in sorted({release.oldest_java, release.newest_java}))
        raise Unavailable(
            f"Cassandra {release.line} runs on Java {wanted}, {java} is {found[1]} (JAVA_HOME chooses another)"
        )
