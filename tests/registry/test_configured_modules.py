"""``modules = [...]``: what is imported at the first unknown type, and nothing else. Each in a Python of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

WIRE = '{"task_list": "l", "id": "1", "type": %r, "data": {}}'


@pytest.fixture
def app(tmp_path, monkeypatch):
    """Runs a script beside modules and a configuration; gives what it printed, and its log."""

    def run(script, *, config, **modules):
        for name, source in modules.items():
            (tmp_path / f"{name}.py").write_text(textwrap.dedent(source))
        if config is not None:
            (tmp_path / "atleastonce.toml").write_text(config)
        prelude = "from atleastonce import *\ndef read(t): return Task.from_hash(dict(task_list='l', id='1', type=t, data={}))\n"
        (tmp_path / "script.py").write_text(prelude + textwrap.dedent(script))
        environment = {k: v for k, v in os.environ.items() if not k.startswith("ATLEASTONCE_")}
        done = subprocess.run(
            [sys.executable, "script.py"],
            cwd=tmp_path,
            env={**environment, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout.split(), done.stderr

    return run


TASKS = """
    print("imported")
    from atleastonce import Task
    class Configured(Task): pass
"""


def test_they_are_imported_once_at_the_first_unknown_type(app):
    out, _ = app(
        """
        class Known(Task): pass
        read("Known"); print("known")
        print(type(read("Configured")).__module__)
        for _ in range(3):
            try: read("Nobody")
            except UnknownTaskType: print("unknown")
        """,
        config="modules = ['app_tasks']",
        app_tasks=TASKS,
    )
    assert out == ["known", "imported", "app_tasks", "unknown", "unknown", "unknown"]


def test_no_other_module_is_imported(app):
    out, _ = app(
        """
        import sys
        for type in ("other.Configured", "other:Configured", "other"):
            try: read(type)
            except UnknownTaskType: print("unknown")
        print("other" in sys.modules)
        """,
        config="modules = ['app_tasks']",
        app_tasks=TASKS,
        other="print('other was imported')",
    )
    assert out == ["imported", "unknown", "unknown", "unknown", "False"]


def test_the_error_says_what_to_do(app):
    out, _ = app(
        """
        try: read("Nobody")
        except UnknownTaskType as error:
            print("modules" in str(error), "'Nobody'" in str(error), "import" in str(error), str(error).endswith("modules = [...]"))
        """,
        config=None,
    )
    assert out == ["True", "True", "True", "True"]


@pytest.mark.parametrize(
    "broken", ["1/0", "import no_such_module", "raise SystemExit(3)", "syntax error", "raise SystemExit"]
)
def test_a_module_that_fails_is_logged_and_hides_no_task(app, broken):
    out, log = app(
        """
        import logging
        logging.basicConfig()
        from atleastonce_memory import MemoryStore
        store = TaskStore(MemoryStore())
        class Known(Task): pass
        store.save(Known(task_list="l", id="1"))
        store._backend.store([TaskRecord("l", "2", "Configured", b"{}"), TaskRecord("l", "3", "Nobody", b"{}")])
        print(*(type(t).__name__ for t in store.all("l")))
        print("broken:" in str(list(store.all("l"))[-1].reason))
        """,
        config="modules = ['broken', 'app_tasks']",
        app_tasks=TASKS,
        broken=broken,
    )
    assert out == ["imported", "Known", "Configured", "UnreadableTask", "True"]
    assert log.count("ERROR:atleastonce:the module broken") == 1


def test_a_configuration_that_cannot_be_read_hides_no_task_and_is_named(app):
    out, _ = app(
        """
        try: read("Nobody")
        except UnknownTaskType as error: print("atleastonce.toml" in str(error))
        """,
        config="modules = 5",
    )
    assert out == ["True"]


def test_a_module_that_looks_up_while_it_is_imported_does_not_hang(app):
    out, _ = app(
        """
        print(type(read("Configured")).__name__)
        """,
        config="modules = ['app_tasks']",
        app_tasks=TASKS
        + """
    from atleastonce import UnknownTaskType
    try: Task.from_hash(dict(task_list='l', id='1', type='Nobody', data={}))
    except UnknownTaskType as error: print("unknown", str(error).endswith("modules = [...]"))
        """,
    )
    assert out == ["imported", "unknown", "True", "Configured"]


def test_each_module_is_tried_once_whatever_another_looks_up_meanwhile(app):
    fails = "print('tried')\nraise ValueError"
    out, log = app(
        """
        try: read("Nobody")
        except UnknownTaskType as error: print("(fails: ValueError, fails_too: ValueError)" in str(error).replace("not importable: ", ""))
        """,
        config="modules = ['app_tasks', 'fails', 'fails_too']",
        app_tasks="""
            from atleastonce import Task, UnknownTaskType
            try: Task.from_hash(dict(task_list="l", id="1", type="Nobody", data={}))
            except UnknownTaskType: print("unknown")
        """,
        fails=fails,
        fails_too=fails,
    )
    assert out == ["unknown", "tried", "tried", "True"]
    assert log.count("the module fails") == 2


def test_threads_wait_for_the_import(app):
    out, _ = app(
        """
        from concurrent.futures import ThreadPoolExecutor
        with ThreadPoolExecutor(8) as pool:
            print(*{type(t).__name__ for t in pool.map(read, ["Configured"] * 8)})
        """,
        config="modules = ['app_tasks']",
        app_tasks="import time; time.sleep(0.2)\n" + textwrap.dedent(TASKS),
    )
    assert out == ["imported", "Configured"]


def test_main_and_the_imported_module_of_one_file_are_one(app):
    out, _ = app(
        """
        class Mine(Task): pass
        if __name__ == "__main__":
            import script
            print(script.Mine is not Mine, type(read("Mine")) is script.Mine)
        """,
        config=None,
    )
    assert out == ["True", "True"]
