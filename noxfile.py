"""The project's commands; `nox -l` lists them.

Each session runs on the Python that runs nox. `-P` chooses others: `nox -s tests -P 3.11 3.13`.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import nox

nox.needs_version = ">=2025.5.1"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.download_python = "never"  # nox fetches packages, never interpreters
nox.options.error_on_external_run = True
nox.options.reuse_venv = "yes"  # environments are kept; what is to be installed is still looked at each time
nox.options.sessions = ["tests", "lint", "types", "wheel"]

ROOT = Path(__file__).parent
PYPROJECT = nox.project.load_toml("pyproject.toml")
MIN_COVERAGE = 97  # percent of lines and branches, of a run of the whole suite
NEED_A_SERVER = ("*/atleastonce_cassandra/*", "*/atleastonce/testing/cassandra/*")
"""Not counted where tests that need a Cassandra may be skipped, so where none is required."""


def install_group(session: nox.Session, group: str, *packages: str) -> None:
    """Install a dependency group of pyproject.toml, and the packages."""
    session.install(*nox.project.dependency_groups(PYPROJECT, group), *packages)


def run_suite(session: nox.Session) -> None:
    """Run pytest under coverage. The whole suite must reach MIN_COVERAGE; a selection in posargs needn't."""
    data = Path(session.create_tmp()).resolve()
    for old in data.glob(".coverage*"):
        old.unlink()
    env = {"COVERAGE_FILE": str(data / ".coverage")}  # absolute: tests start Pythons in other folders
    session.run("coverage", "run", "-m", "pytest", *session.posargs, env=env)
    session.run("coverage", "combine", "--quiet", env=env)
    minimum = 0 if session.posargs else MIN_COVERAGE
    omit = [] if os.environ.get("ATLEASTONCE_REQUIRE_CASSANDRA") == "1" else [f"--omit={','.join(NEED_A_SERVER)}"]
    session.run("coverage", "report", f"--fail-under={minimum}", *omit, env=env)


@nox.session
def tests(session: nox.Session) -> None:
    """The suite, with coverage. Arguments go to pytest."""
    install_group(session, "tests", "-e", ".")
    run_suite(session)


@nox.session
def tests_unmeasured(session: nox.Session) -> None:
    """The suite, without coverage: quicker. Arguments go to pytest."""
    install_group(session, "tests", "-e", ".")
    session.run("pytest", *session.posargs)


@nox.session
def simulate(session: nox.Session) -> None:
    """Cassandra's protocol: 100,000 seeds, as many of claims, and small cases in more orders than the suite tries. Arguments go to the former."""
    install_group(session, "tests", "-e", ".")
    session.run("python", "-m", "tests.backends.cassandra.simulation", *session.posargs)
    session.run("pytest", "tests/backends/cassandra/test_simulation_exhaustive.py", env={"SIMULATION_DEEPER": "2"})


@nox.session
def tests_lowest(session: nox.Session) -> None:
    """The suite, with the oldest dependencies that pyproject.toml allows."""
    project = PYPROJECT["project"]
    requirements = [*project["dependencies"], *project["optional-dependencies"]["cassandra"]]
    lowest = [requirement.replace(">=", "==") for requirement in requirements]
    install_group(session, "tests", "-e", ".", *lowest)
    session.run("pytest", *session.posargs)


@nox.session
def tests_cassandra41(session: nox.Session) -> None:
    """The tests that need a Cassandra, with 4.1 (5.0 is what the others have). Arguments go to pytest."""
    install_group(session, "tests", "-e", ".[cassandra]")
    env = {"ATLEASTONCE_TEST_CASSANDRA_VERSION": "4.1", "ATLEASTONCE_REQUIRE_CASSANDRA": "1"}
    session.run("pytest", *(session.posargs or ["-k", "cassandra"]), env=env)


@nox.session
def tests_engines(session: nox.Session) -> None:
    """The recipes of docs/engines.md on the real engines; a Redis must be installed. Arguments go to pytest."""
    install_group(session, "engines", "-e", ".")
    # Their own deadlines are longer than those of other tests, and there are several in one.
    session.run("pytest", "--timeout", "900", *(session.posargs or ["tests/engines"]))


@nox.session
def quickstart(session: nox.Session) -> None:
    """Checksum real files, kill a worker on the way, lose nothing. `-- DIRECTORY` names other files."""
    install_group(session, "quickstart", "-e", ".")
    session.run("python", "examples/checksum_files.py", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Ruff, and the rules on who imports whom. `-- --fix` mends what can be mended."""
    install_group(session, "lint")
    fix = "--fix" in session.posargs
    session.run("ruff", "check", *(["--fix"] if fix else []), ".")
    session.run("ruff", "format", *([] if fix else ["--check"]), ".")
    session.run("lint-imports", "--no-cache", env={"PYTHONPATH": os.pathsep.join(["src", "backends"])})


@nox.session
def types(session: nox.Session) -> None:
    """Mypy, strict; pyright, also on whether everything public has a known type."""
    install_group(session, "typing", "-e", ".")
    session.run("mypy", *session.posargs)
    session.run("pyright")
    session.run("pyright", "--verifytypes", "atleastonce", "--ignoreexternal")


@nox.session
def wheel(session: nox.Session) -> None:
    """Build the sdist, from it the wheel, and try the wheel where the source tree cannot be imported."""
    install_group(session, "wheel")
    tmp = Path(session.create_tmp()).resolve()
    dist = tmp / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    session.run("python", "-m", "build", "--outdir", str(dist), str(ROOT), silent=True)
    (built,) = dist.glob("*.whl")
    session.install("--force-reinstall", f"{built}[cassandra]")
    with session.chdir(tmp):
        session.run("python", "-I", str(ROOT / "tests" / "wheel" / "check_wheel.py"), str(built))


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation, into docs/_build/html; any warning fails. Arguments are other Sphinx builders."""
    install_group(session, "docs", "-e", ".")
    for builder in session.posargs or ["html"]:
        session.run(
            *("python", "-m", "sphinx", "-T", "-W", "--keep-going", "-n", "-b", builder),
            *("-d", "docs/_build/doctrees", "docs", f"docs/_build/{builder}"),
        )


@nox.session
def bench(session: nox.Session) -> None:
    """Compare with raw SQLite and with other libraries. Arguments go to `python -m benchmarks`."""
    install_group(session, "bench", "-e", ".")
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session
def bench_cassandra(session: nox.Session) -> None:
    """Compare with the raw driver, on a server found as the tests do. Arguments go to `python -m benchmarks cassandra`."""
    install_group(session, "tests", "-e", ".[cassandra]", "matplotlib>=3.9")
    session.run("python", "-m", "benchmarks", "cassandra", *session.posargs)
