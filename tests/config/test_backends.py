"""From a URL's scheme to a backend: built-in name, entry point, ``module:attr``."""

from __future__ import annotations

import sys

import pytest

from atleastonce import ConfigurationError, Task, TaskStore
from atleastonce_memory import MemoryStore


class Found(Task, tag="tests.config.found"):
    pass


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Put a made-up distribution with one entry point, and perhaps its module, on the path."""
    modules = set(sys.modules)

    def run(distribution, scheme, value, source=None):
        place = tmp_path / distribution
        info = place / f"{distribution}-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[atleastonce.backends]\n{scheme} = {value}\n")
        if source is not None:
            (place / f"{value.partition(':')[0]}.py").write_text(source)
        monkeypatch.syspath_prepend(place)

    yield run
    for name in set(sys.modules) - modules:
        del sys.modules[name]


BACKEND = """
from atleastonce_memory import MemoryStore
class Backend(MemoryStore):
    @classmethod
    def from_url(cls, url, *, clock):
        made = cls(clock=clock)
        made.url = url
        return made
instance_with_from_url = Backend
"""


def test_an_entry_point_names_a_backend(install):
    install("fake_one", "fakeone", "fake_one_backend:Backend", BACKEND)
    store = TaskStore("fakeone://user:p%40ss@h1,h2:9042/key/space?x=1")
    store.save(Found(task_list="l"))
    url = store._backend.url
    assert type(store._backend).__module__ == "fake_one_backend"
    assert (url.scheme, url.username, url.password, url.hosts) == (
        "fakeone",
        "user",
        "p@ss",
        (("h1", None), ("h2", 9042)),
    )
    assert (url.path, dict(url.params)) == ("key/space", {"x": "1"})


def test_a_scheme_is_read_in_any_case(install):
    install("fake_one", "fakeone", "fake_one_backend:Backend", BACKEND)
    TaskStore("FakeOne://")
    TaskStore("MEMORY://")


def test_module_and_attribute_name_a_backend(install):
    install("fake_one", "fakeone", "fake_one_backend:Backend", BACKEND)
    store = TaskStore("fake_one_backend:Backend://host/path")
    assert type(store._backend).__module__ == "fake_one_backend"
    assert store._backend.url.hosts == (("host", None),)


def test_a_built_in_name_is_not_taken_over(install):
    install("fake_one", "memory", "fake_one_backend:Backend", BACKEND)
    assert type(TaskStore("memory://")._backend) is MemoryStore


def test_built_in_backends_need_no_metadata(monkeypatch):
    """As when run from a source tree, or frozen into one file."""
    monkeypatch.setattr("importlib.metadata.entry_points", lambda **_: pytest.fail("metadata was read"))
    TaskStore("memory://")


def test_an_unknown_scheme_lists_what_is_installed(install):
    install("fake_one", "fakeone", "fake_one_backend:Backend", BACKEND)
    with pytest.raises(ConfigurationError) as caught:
        TaskStore("cassandar://host")
    for word in ("'cassandar'", "fakeone", "memory", "sqlite"):
        assert word in str(caught.value)


def test_two_entry_points_of_one_name_are_an_error(install):
    install("fake_one", "fakeone", "fake_one_backend:Backend", BACKEND)
    install("fake_two", "fakeone", "fake_two_backend:Backend", BACKEND)
    with pytest.raises(ConfigurationError, match=r"fake_one_backend.*fake_two_backend"):
        TaskStore("fakeone://")


def test_one_distribution_seen_twice_is_one(install):
    """As an editable install beside a wheel of the same."""
    install("fake_one", "fakeone", "fake_one_backend:Backend", BACKEND)
    install("fake_two", "fakeone", "fake_one_backend:Backend")
    TaskStore("fakeone://")


def test_a_missing_driver_says_what_to_install(install):
    install("fake_one", "fakeone", "fake_one_backend:Backend", "import no_such_driver.module")
    with pytest.raises(ConfigurationError, match="no_such_driver") as caught:
        TaskStore("fakeone://")
    assert "install" in str(caught.value)
    assert isinstance(caught.value.__cause__, ModuleNotFoundError)


def test_a_missing_driver_of_a_built_in_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "atleastonce_sqlite", None)
    with pytest.raises(ConfigurationError, match=r"atleastonce\[sqlite\]"):
        TaskStore("sqlite:///x.db")


@pytest.mark.parametrize(
    ("value", "source", "named"),
    [
        ("no_such_module:Backend", None, "no_such_module"),
        ("fake_one_backend:Missing", BACKEND, "Missing"),
        ("fake_one_backend:Backend", "Backend = 5", "from_url"),
        ("fake_one_backend:Backend", "class Backend: pass", "from_url"),
    ],
)
def test_an_entry_point_that_leads_nowhere_is_a_typed_error(install, value, source, named):
    install("fake_one", "fakeone", value, source)
    with pytest.raises(ConfigurationError, match=named):
        TaskStore("fakeone://")


@pytest.mark.parametrize(
    "url", ["no_such_module:Backend://", "sys:no_such_attribute://", "sys:path://", ":x://", "sys:://"]
)
def test_module_and_attribute_that_lead_nowhere_are_a_typed_error(url):
    with pytest.raises(ConfigurationError):
        TaskStore(url)


def test_a_dotted_attribute_is_found(install):
    install("fake_one", "fakeone", "fake_one_backend:Outer.Backend", BACKEND + "class Outer: Backend = Backend\n")
    assert type(TaskStore("fakeone://")._backend).__name__ == "Backend"


@pytest.mark.parametrize("url", ["memory://?unknown=1", "sqlite:///x.db?unknown=1", "sqlite:///x.db?timeout=soon"])
def test_an_unknown_or_wrong_parameter_is_named(url):
    with pytest.raises(ConfigurationError, match=r"unknown|timeout"):
        TaskStore(url)
