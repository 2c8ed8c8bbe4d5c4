"""Runs a page: every fenced block of it in its order, each language in its own way.

- ``python``: run in the page's namespace; with ``>>>`` as a doctest. A block whose first line is a comment with a file
  name (``# photos.py``) is written to that file instead, in the page's folder, from where later blocks may import it.
- ``console``: the commands after ``$`` run in that folder; what they print must be what follows them (``...`` stands for
  anything).
- ``toml``, ``ini``, ``yaml``, ``json``: must parse; with a file name they are written too, and a configuration of ours
  must load.
- ``text``: output and drawings; not checked.

A block of any other language, and one that cannot run, needs a reason before it: ``% skip: next "reason"`` (an HTML
comment, ``<!-- skip: next "reason" -->``, where the page is read on a forge too).
"""

from __future__ import annotations

import configparser
import doctest
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any
from unittest import SkipTest

import yaml
from sybil import Document, Example, Region
from sybil.evaluators.doctest import DocTestEvaluator
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.abstract.doctest import DocTestStringParser
from sybil.parsers.markdown.lexers import FencedCodeBlockLexer
from sybil.parsers.myst import SkipParser

from atleastonce import TaskStore, default_store
from atleastonce.config import load_config
from atleastonce.defaults import using
from atleastonce.registry import registry

ROOT = Path(__file__).parents[2]
COMMAND_TIMEOUT_S = 60
FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE | doctest.IGNORE_EXCEPTION_DETAIL

_FILE_NAME = re.compile(r"# ([\w./-]*\w\.[a-z]+)\n")
_DIRECTIVES = {"autodoc", "eval-rst", "figure", "image", "include", "toctree"}  # hold no code of ours
_RUNNABLE = {"cat", "cd", "echo", "ls", "python"}

_run_python = PythonEvaluator()
_doctests = DocTestStringParser(DocTestEvaluator(FLAGS))


def pages() -> list[Path]:
    """The documents whose examples are run."""
    return [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def blocks(document: Document) -> Iterator[Region]:
    """Every fenced block, with what evaluates it."""
    for region in FencedCodeBlockLexer(r"[^\n]+")(document):
        language = region.lexemes["language"].strip()
        source = region.lexemes["source"]
        region.parsed = source
        if language.startswith("{"):
            if language[1:].partition("}")[0] in _DIRECTIVES:
                continue
            region.evaluator = _unknown
        elif language == "python" and source.startswith(">>>"):
            for test in _doctests(source, document.path):
                test.adjust(region, source)
                yield test
            continue
        else:
            region.evaluator = _EVALUATORS.get(language, _unknown)
        yield region


def parse(page: Path) -> Document:
    """The page with its examples."""
    document = Document.parse(str(page), blocks, SkipParser())
    for example in document.examples():
        if isinstance(example.parsed, tuple) and not example.parsed[1]:
            raise AssertionError(f"{page.name}:{example.line}: a skip needs its reason")
    return document


def run(page: Path) -> list[str]:
    """Run the page in the current folder; what was skipped, with the reasons.

    It has a namespace, a default store (in memory) and task classes of its own, and leaves nothing of them behind.
    """
    document = parse(page)
    module = ModuleType(f"page_{page.stem.replace('-', '_')}")
    document.namespace = vars(module)
    sys.modules[module.__name__] = module  # where annotations and pickles look
    known = set(sys.modules)
    skipped = []
    sys.path.insert(0, str(Path.cwd()))
    try:
        with registry.isolated(), using("memory://"):
            for example in document.examples():
                try:
                    example.evaluate()
                except SkipTest as reason:
                    skipped.append(f"{page.name}:{example.line}: {reason}")
            for store in [default_store(), *(it for it in vars(module).values() if isinstance(it, TaskStore))]:
                store.close()
    finally:
        sys.path.remove(str(Path.cwd()))
        for name in set(sys.modules) - known:  # modules that the page wrote
            file = getattr(sys.modules[name], "__file__", None)
            if file and Path(file).is_relative_to(Path.cwd()):
                del sys.modules[name]
        del sys.modules[module.__name__]
    return skipped


def write_file(source: str, folder: Path = Path()) -> Path | None:
    """Write a block to the file that its first line names, if it names one."""
    named = _FILE_NAME.match(source)
    if named is None:
        return None
    file = folder / named[1].lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(source, "utf-8")
    return file


def _python(example: Example) -> None:
    file = write_file(example.parsed)
    if file is None:
        _run_python(example)
    else:
        compile(example.parsed, str(file), "exec")


def _toml(example: Example) -> None:
    tomllib.loads(example.parsed)
    file = write_file(example.parsed)
    if file is not None and file.name in {"atleastonce.toml", "pyproject.toml"}:
        with TemporaryDirectory() as alone:  # in the page's folder another file may come first
            shutil.copy(file, alone)
            config = load_config(alone)
        assert config.file is not None
        if config.url is not None:
            TaskStore(config.url).close()  # opens nothing; refuses what its backend does not know


def _yaml(example: Example) -> None:
    assert all(yaml.safe_load_all(example.parsed))
    write_file(example.parsed)


def _json(example: Example) -> None:
    json.loads(example.parsed)


def _ini(example: Example) -> None:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.read_string(example.parsed)
    assert parser.sections()
    write_file(example.parsed)


def _console(example: Example) -> None:
    commands = re.split(r"^\$ ", example.parsed, flags=re.MULTILINE)
    assert commands[0] == "", "a console block starts with a command after $"
    for text in commands[1:]:
        command, _, expected = text.partition("\n")
        words = [word for word in command.split() if "=" not in word]
        assert words[0] in _RUNNABLE, f"{words[0]} is not run here: give the reason, or use one of {sorted(_RUNNABLE)}"
        got = run_command(command)
        if not doctest.OutputChecker().check_output(expected, got, FLAGS):
            raise AssertionError(f"{example.path}:{example.line}: $ {command}\nexpected:\n{expected}\ngot:\n{got}")


def run_command(command: str) -> str:
    """What a shell command prints, to either stream, in the current folder, without a configuration of its own."""
    if os.name != "posix":  # pragma: no cover - the commands are for a POSIX shell
        raise SkipTest("commands are for a POSIX shell")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("ATLEASTONCE_")}
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment["PATH"]])
    environment["PYTHONUNBUFFERED"] = "1"  # what is printed appears at once, as it does to a reader with a terminal
    ran = subprocess.run(
        ["sh", "-c", command],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        timeout=COMMAND_TIMEOUT_S,
        check=False,
    )
    return ran.stdout


def _text(_example: Example) -> None:
    """Not checked."""


def _unknown(example: Example) -> None:
    raise AssertionError(f"{example.path}:{example.line}: nothing runs this block; see tests/docs/documents.py")


_EVALUATORS: dict[str, Callable[[Any], None]] = {
    "python": _python,
    "console": _console,
    "toml": _toml,
    "yaml": _yaml,
    "json": _json,
    "ini": _ini,
    "text": _text,
}
