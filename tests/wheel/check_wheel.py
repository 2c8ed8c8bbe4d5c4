"""Try an installed wheel, away from its sources. Run as ``python -I check_wheel.py WHEEL`` by `nox -s wheel`."""

from __future__ import annotations

import sys
import tempfile
import zipfile
from importlib import import_module
from importlib.metadata import distribution
from pathlib import Path

PACKAGES = ("atleastonce", "atleastonce_cassandra", "atleastonce_memory", "atleastonce_sqlite")
SOURCES = Path(__file__).resolve().parents[2]


def check_files(wheel: str) -> None:
    """The archive holds the packages, typed, with the licence, and nothing else."""
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.split("/")[0] for name in names}
    info = {top for top in tops if top.endswith(".dist-info")}
    assert tops - info == set(PACKAGES), tops
    assert len(info) == 1, info
    for package in PACKAGES:
        assert f"{package}/py.typed" in names, f"{package} has no py.typed"
    assert any(name.endswith("/licenses/LICENSE") for name in names), "no licence"
    assert "atleastonce/testing/cassandra/node.sh" in names, "no launcher"
    assert not [name for name in names if name.endswith((".pyc", ".db"))]


def check_imports() -> None:
    """Every package comes from the environment, not from the source tree, and every entry point loads."""
    for name in PACKAGES:
        file = import_module(name).__file__
        assert file is not None, f"{name} is not a regular package"
        assert Path(sys.prefix).resolve() in Path(file).resolve().parents, file
    assert not [path for path in sys.path if path and SOURCES in [Path(path), Path(path).parent]], sys.path
    found = {e.name: e for e in distribution("atleastonce").entry_points if e.group == "atleastonce.backends"}
    assert set(found) == {"cassandra", "memory", "sqlite"}, found
    for entry_point in found.values():
        assert callable(entry_point.load().from_url)


def check_life(url: str) -> None:
    """A task is saved, found and completed in a store of that URL."""
    from atleastonce import Task, TaskStore  # after check_imports, which says more when this fails

    class Greet(Task, tag=f"greet-{url.partition(':')[0]}"):
        name: str

        def execute(self) -> str:
            return f"hello {self.name}"

    with TaskStore(url) as store:
        task = Greet(task_list="greetings", name="world")
        store.save(task)
        found = store.find("greetings", task.id)
        assert isinstance(found, Greet)
        assert found.execute() == "hello world"
        store.complete(found)
        assert store.count("greetings") == 0


def main() -> None:
    """Run all checks; any failure is a traceback."""
    check_files(sys.argv[1])
    check_imports()
    with tempfile.TemporaryDirectory() as folder:
        for url in ("memory://", f"sqlite:///{Path(folder).as_posix()}/wheel.db"):
            check_life(url)
            print(f"{url.partition(':')[0]}: saved, found, executed, completed")  # noqa: T201  # a script's output


if __name__ == "__main__":
    main()
