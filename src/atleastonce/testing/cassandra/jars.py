"""Cassandra's jars, fetched once by Maven into the user's cache.

Also a script, for what needs them before anything is installed: ``python -P jars.py 5.0.8`` prints their folder.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FETCH_TIMEOUT_S = 900  # 70 MB; 20 s seen

POM = """\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>atleastonce</groupId> <artifactId>cassandra-for-tests</artifactId> <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.cassandra</groupId> <artifactId>cassandra-all</artifactId> <version>{version}</version>
    </dependency>
  </dependencies>
</project>
"""


class NoJars(Exception):  # `Unavailable` in a module that imports nothing of ours
    """The jars cannot be had; the message says why."""


def fetch_jars(version: str) -> Path:
    """The folder with the jars of that version. Raises `NoJars` where they are not cached and Maven cannot get them."""
    folder = cache_folder() / f"cassandra-{version}"
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with locked(folder.with_suffix(f"{folder.suffix}.lock")):
            if not folder.is_dir():  # nobody fetched them while we waited
                _fetch(version, folder)
    return folder


def cache_folder() -> Path:
    """Ours, in the user's cache: ``$XDG_CACHE_HOME`` or ``~/.cache``."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "atleastonce"


@contextmanager
def locked(file: Path) -> Iterator[None]:
    """Hold a lock between processes, which ends with its holder."""
    import fcntl  # noqa: PLC0415  # not on Windows, where there is no launcher either

    with file.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def _fetch(version: str, folder: Path) -> None:
    if shutil.which("mvn") is None:
        raise NoJars("there is no mvn (Apache Maven) to fetch Cassandra's jars with")
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="fetching-") as temporary:
        pom = Path(temporary, "pom.xml")
        pom.write_text(POM.format(version=version), "utf-8")
        lib = Path(temporary, "lib")
        command = ["mvn", "-q", "-B", "-f", str(pom), "dependency:copy-dependencies", "-DincludeScope=runtime"]
        try:
            subprocess.run(  # noqa: S603  # Maven from the path
                [*command, f"-DoutputDirectory={lib}"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=FETCH_TIMEOUT_S,
                check=True,
            )
        except subprocess.TimeoutExpired:
            raise NoJars(f"Maven did not fetch Cassandra {version} within {FETCH_TIMEOUT_S} s") from None
        except subprocess.CalledProcessError as error:
            raise NoJars(f"Maven cannot fetch Cassandra {version}: {error.stdout.strip()[-500:]}") from None
        lib.rename(folder)  # at once, so the folder is there whole or not at all


if __name__ == "__main__":  # pragma: no cover - runs before there is coverage
    print(fetch_jars(sys.argv[1]))  # noqa: T201  # a script's output
