"""Tasks to records and hashes, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from .converter.plain import check_loaded, check_plain, check_str, copy_plain, dumps, loads
from .exceptions import InvalidTask, UnknownTaskType
from .keys import check_id, check_task_list, check_type
from .record import NO_META, Claim, TaskRecord, usual_record
from .registry import registry, version_for
from .task_class import plan_of
from .versions import VERSION_LIMIT

MAX_TOKEN_CHARS = 255
"""Far longer than any token of ours; what comes in a hash is bounded."""


def record_of(task: Any) -> TaskRecord:
    """What a backend is to store for a task. Raises `InvalidTask` for a field that breaks a rule."""
    drawn = task.__dict__.pop("_drawn", False)  # for one attempt only: if it fails, the task may be there all the same
    data = data_of(task)
    if task._run_at is None and task._meta is NO_META:
        return usual_record(task.task_list, task.id, type(task)._type, data, task._saved_at, drawn)
    key = task.task_list, task.id, type(task)._type
    return TaskRecord(*key, data, task._saved_at, run_at=task._run_at, meta=task._meta, drawn=drawn)


def data_of(task: Any) -> bytes:
    """The JSON text of a task's declared and extra fields. Raises `InvalidTask`."""
    cls = type(task)
    plan = cls._plan or plan_of(cls)
    if not plan.validated and "_extra" not in task.__dict__:
        try:
            return orjson.dumps(plan.dumpable(task))  # what the other way does for most tasks, in fewer steps
        except (AttributeError, RecursionError, orjson.JSONEncodeError):
            pass
    return dumps(plan.data_of(task))  # which says what is wrong


def task_of(record: TaskRecord, store: Any = None) -> Any:
    """The task that a record holds, bound to the store, its delivery set.

    Raises `InvalidTask` for a record that cannot be read, `UnknownTaskType` for a type of no class here or a newer version.
    """
    if record.problem is not None:
        raise InvalidTask(f"the stored record cannot be read: {record.problem}")
    task_list, id, raw = record.task_list, record.id, record.data
    if not (id.isascii() and task_list.isascii()):
        check_id(id)
        check_task_list(task_list)
    cls, version = registry.find(record.type)
    data = loads(raw)
    if type(data) is not dict:
        raise InvalidTask(f"data is a JSON {_kind(data)}, not an object")
    plan = cls._plan or plan_of(cls)
    task = None
    if len(data) == plan.width and version == cls._version_number:
        try:
            task = plan.read(data, task_list, id, record.saved_at, store)
        except (InvalidTask, KeyError, RecursionError):
            task = None  # the way below says what is wrong
    if task is None:
        if version < cls._version_number:
            check_loaded(data, raw)
            task = _upcast(cls, task_list, id, data, version)
        else:
            task = plan.make(task_list, id, data, raw)
        task.__dict__["_saved_at"], task.__dict__["_store"] = record.saved_at, store
    state = task.__dict__
    if record.attempts:
        state["_attempts"] = record.attempts
        state["_last_error"] = record.last_error
    if record.claim is not None:
        state["_claim"] = record.claim
    if record.due_at is not None:
        state["_due_at"] = record.due_at
    if record.died_at is not None:
        state["_died_at"] = record.died_at
    if record.run_at is not None:
        state["_run_at"] = record.run_at
    if record.meta:
        state["_meta"] = record.meta
    return task


def hash_of(task: Any) -> dict[str, Any]:
    """The wire form of a task; shares nothing with it. Raises `InvalidTask`."""
    cls = type(task)
    task_hash = {
        "task_list": task.task_list,
        "id": task.id,
        "type": cls._type,
        "data": loads(data_of(task)),
    }
    task.__dict__.pop("_drawn", None)  # whoever gets the hash may save the id too
    if task._saved_at is not None:
        task_hash["saved_at"] = task._saved_at
    if task._run_at is not None:
        task_hash["run_at"] = task._run_at
    if task._meta:
        task_hash["meta"] = dict(task._meta)
    if task._claim is not None:
        task_hash["claim_token"] = task._claim.token
    return task_hash


def task_from_hash(task_hash: Any, cls: Any = None) -> Any:
    """The task of a hash: of `cls`, or of the class that its type names. Shares nothing with the hash.

    Raises `InvalidTask` and `UnknownTaskType` as `Task.from_hash` does.
    """
    if not isinstance(task_hash, Mapping):
        raise InvalidTask(f"a task's hash must be a dict, not {type(task_hash).__name__}")
    for key in ("task_list", "id", "type", "data"):
        if key not in task_hash:
            raise InvalidTask(f"the hash has no {key!r}")
    task_list, id, written, data = (task_hash[key] for key in ("task_list", "id", "type", "data"))
    check_task_list(task_list)
    check_id(id)
    check_type(written)
    if type(data) is not dict:
        raise InvalidTask(f"data must be a dict, not {type(data).__name__}")
    check_plain(data)
    data = copy_plain(data)
    saved_at, run_at = _moment(task_hash, "saved_at"), _moment(task_hash, "run_at")
    meta = _meta(task_hash.get("meta"))
    claim = _claim(task_hash.get("claim_token"), saved_at)
    found, version = registry.find(written) if cls is None else (cls, version_for(cls, written))
    if version < found._version_number:
        task = _upcast(found, task_list, id, data, version)
    else:
        task = plan_of(found).make(task_list, id, data)
    for name, value in (("_saved_at", saved_at), ("_run_at", run_at), ("_meta", meta or None), ("_claim", claim)):
        if value is not None:
            task.__dict__[name] = value
    return task


def task_of_class(cls: Any, task_hash: dict[str, Any]) -> Any:
    """What a pickled task becomes: its class came by reference, so no look-up by type is needed."""
    return task_from_hash(task_hash, cls)


def _upcast(cls: Any, task_list: str, id: str, data: dict[str, Any], version: int) -> Any:
    try:
        newer = cls.upcast(data, version)
    except (InvalidTask, UnknownTaskType):
        raise
    except Exception as error:  # noqa: BLE001 - the application's code: any error of its own, which may quote values
        raise InvalidTask(f"{cls.__name__}.upcast raised {type(error).__name__} for version {version}") from None
    if type(newer) is not dict:
        raise InvalidTask(f"{cls.__name__}.upcast must return a dict, not {type(newer).__name__}")
    check_plain(newer)
    return plan_of(cls).make(task_list, id, copy_plain(newer))


def _moment(task_hash: Mapping[str, Any], key: str) -> int | None:
    value = task_hash.get(key)
    if value is None:
        return None
    if type(value) is not int or not 0 <= value < VERSION_LIMIT:
        raise InvalidTask(f"{key} must be an int of microseconds from 0 to {VERSION_LIMIT - 1:,}")
    return value


def _meta(value: Any) -> Mapping[str, str]:
    if value is None:
        return NO_META
    if type(value) is not dict or not all(type(k) is str and type(v) is str for k, v in value.items()):
        raise InvalidTask("meta must be a dict of str to str")
    for text in (*value.keys(), *value.values()):
        check_str(text)
    return dict(value)


def _claim(token: Any, saved_at: int | None) -> Claim | None:
    """The claim of a hash: until when it goes, and for how long, only the store knows."""
    if token is None:
        return None
    if type(token) is not str or not token or len(token) > MAX_TOKEN_CHARS:
        raise InvalidTask(f"claim_token must be a str of 1 to {MAX_TOKEN_CHARS} characters")
    check_str(token)
    if saved_at is None:
        raise InvalidTask("a hash with a claim_token must have its saved_at too: a claim is on one version")
    return Claim(token, 0, 0)


def _kind(value: Any) -> str:
    return {list: "array", str: "string", type(None): "null", bool: "boolean"}.get(type(value), "number")
