"""The gap of ``transaction.on_commit``, with a process that really dies in it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import os, sys
import django
from django.conf import settings

settings.configure(
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "shop.db"}},
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
)
django.setup()
from django.db import connection, models, transaction
from atleastonce import Task, TaskStore

class Order(models.Model):
    class Meta:
        app_label = "shop"

class Mail(Task):
    order: int

store = TaskStore("sqlite:///tasks.db")
if sys.argv[1] == "look":
    print(Order.objects.count(), store.count("mails"))
    sys.exit()

with connection.schema_editor() as editor:
    editor.create_model(Order)
with transaction.atomic():
    order = Order.objects.create()
    if sys.argv[1] == "before":
        store.save(Mail(task_list="mails", order=order.pk))
    transaction.on_commit(lambda: os._exit(9))
    if sys.argv[1] == "on_commit":
        transaction.on_commit(lambda: store.save(Mail(task_list="mails", order=order.pk)))
"""


@pytest.mark.parametrize(
    ("saved", "orders_and_tasks"),
    [
        pytest.param("on_commit", "1 0", id="on_commit-loses-the-task"),
        pytest.param("before", "1 1", id="before-the-commit-keeps-it"),
    ],
)
def test_a_process_that_dies_between_commit_and_callback(saved: str, orders_and_tasks: str, tmp_path: Path) -> None:
    """Both halves of what the page says."""
    (tmp_path / "program.py").write_text(PROGRAM, "utf-8")
    died = subprocess.run([sys.executable, "program.py", saved], cwd=tmp_path, check=False, timeout=60)
    assert died.returncode == 9
    looked = subprocess.run(
        [sys.executable, "program.py", "look"], cwd=tmp_path, check=True, timeout=60, stdout=subprocess.PIPE, text=True
    )
    assert looked.stdout.strip() == orders_and_tasks
