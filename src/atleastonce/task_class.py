"""What becomes of a class that subclasses Task: an attrs class, checked and registered."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from .converter.plan import Plan, field_types, make_plan
from .exceptions import InvalidTask
from .keys import check_id, check_task_list, check_type
from .registry import registry

KEY_FIELDS = ("task_list", "id")
RESERVED = frozenset(
    {
        *("type", "data", "extra", "delivery", "build", "create", "save", "complete", "execute"),
        *("as_hash", "from_hash", "find", "all", "replace", "upcast", "run_at"),
    }
)
"""Names that no data field may have, ever: the class itself uses them. What comes later goes elsewhere."""

VERSION_NUMBER_LIMIT = 10**9

INHERITED: Any = object()
"""A class argument that was not given: as the base class has it."""


def make_task_class(cls: Any, *, tag: str | None, aliases: Sequence[str], version: int) -> None:
    """Turn `cls`, as its class statement left it, into a registered attrs class.

    Raises `InvalidTask` for a class whose tasks could not be stored, `DuplicateTaskType` for a tag of another class.
    """
    if "__attrs_attrs__" in cls.__dict__:
        refuse_decorator(cls)
    own: str = cls.__name__ if tag is None else tag
    _check_tags(cls, own, aliases, version)
    define(cls)
    _check_names(cls)
    cls._type = own if version == 1 else f"{own}@{version}"
    cls._tags = (own, *aliases)
    cls._version_number = version
    cls._types = _types_now(cls)
    registry.register(cls, cls._tags)


def set_retries(cls: Any, *, max_attempts: Any, backoff: Any) -> None:
    """Keep what becomes of the class's tasks when they fail. Raises `InvalidTask`."""
    if max_attempts is not INHERITED:
        if max_attempts is not None and (type(max_attempts) is not int or max_attempts < 1):
            raise InvalidTask(f"{cls.__qualname__}: max_attempts must be an int from 1 on, or None")
        cls._max_attempts = max_attempts
    if backoff is not INHERITED:
        if backoff is not None and not callable(backoff):
            raise InvalidTask(
                f"{cls.__qualname__}: backoff must be a Backoff, a callable that gives a timedelta, or None"
            )
        cls._backoff = None if backoff is None else staticmethod(backoff)


def define(cls: Any) -> None:
    """Make `cls` an attrs class whose constructor ends with a check of every field. Raises `InvalidTask` for a generator `execute`."""
    _check_execute(cls)
    if "__init__" in cls.__dict__:
        cls._own_init = True
    attrs.define(slots=False, kw_only=True, eq=False, repr=False, field_transformer=_keys_first)(cls)
    construct = cls.__dict__["__init__"]

    @functools.wraps(construct)
    def __init__(self: Any, *args: Any, **fields: Any) -> None:  # noqa: N807 - becomes the class's method
        construct(self, *args, **fields)
        if type(self) is cls:  # not where a subclass's constructor calls this one and goes on
            (cls._plan or plan_of(cls)).verify(self)

    cls.__init__ = __init__
    if (
        "__setattr__" in cls.__dict__
    ):  # out of sight, or attrs takes a second decorator's part before `refuse_decorator`
        cls._set = cls.__dict__["__setattr__"]
        del cls.__setattr__
    cls._attributes = cls.__attrs_attrs__
    cls._plan = None


def plan_of(cls: Any) -> Plan:
    """The plan of a task class, made at its first use. Raises `InvalidTask` where an annotation cannot be resolved."""
    plan: Plan | None = cls.__dict__["_plan"]
    if plan is None:
        if "_type" not in cls.__dict__:
            raise TypeError(f"{cls.__name__} is not made or stored itself: define a subclass of Task")
        if "__dataclass_fields__" in cls.__dict__:
            refuse_decorator(cls)
        direct = not cls._own_init and cls.__new__ is object.__new__ and not hasattr(cls, "__attrs_post_init__")
        plan = cls._plan = make_plan(cls, cls._types, direct=direct)
    return plan


def refuse_decorator(cls: type) -> None:
    """Raise `InvalidTask`: the class was decorated as well."""
    raise InvalidTask(
        f"{cls.__qualname__} is decorated with attrs or dataclass: subclassing Task makes it an attrs class already; "
        "take the decorator off"
    )


def _check_tags(cls: type, tag: str, aliases: Sequence[str], version: int) -> None:
    if type(version) is not int or not 1 <= version < VERSION_NUMBER_LIMIT:
        raise InvalidTask(f"{cls.__qualname__}: version must be an int from 1 to {VERSION_NUMBER_LIMIT - 1:,}")
    if isinstance(aliases, str):
        raise InvalidTask(f"{cls.__qualname__}: aliases must be a tuple of str, not one str")
    for name in (tag, *aliases):
        try:
            check_type(name)
            check_type(f"{name}@{version}")
        except InvalidTask as error:
            raise InvalidTask(f"{cls.__qualname__}: a type tag is no good: {error}") from None
        if "@" in name:
            raise InvalidTask(f"{cls.__qualname__}: a type tag must not contain an @ (use version=2): {name!r}")


def _check_execute(cls: Any) -> None:
    """A call of a generator function runs none of it, so the task would be completed with nothing done."""
    execute = getattr(cls, "execute", None)
    if inspect.isgeneratorfunction(execute) or inspect.isasyncgenfunction(execute):
        raise InvalidTask(
            f"{cls.__qualname__}.execute must not be a generator, since nobody would run it: take the yield out of it"
        )


def _check_names(cls: type) -> None:
    for attribute in attrs.fields(cls):
        if attribute.name in KEY_FIELDS:
            continue
        if attribute.name.startswith("_"):
            raise InvalidTask(
                f"{cls.__qualname__}.{attribute.name}: a data field's name must not start with an underscore"
            )
        if attribute.name in RESERVED:
            raise InvalidTask(
                f"{cls.__qualname__}.{attribute.name}: this name is reserved; give the data field another"
            )


def _keys_first(_cls: type, fields: list[Any]) -> list[Any]:
    """The keys before all others, since an id is drawn for a list; neither is ever assigned again."""
    keys = [_as_key(field) for name in KEY_FIELDS for field in fields if field.name == name]
    return keys + [field for field in fields if field.name not in KEY_FIELDS]


def _as_key(field: Any) -> Any:
    if field.inherited:
        return field
    check = check_task_list if field.name == "task_list" else check_id

    def check_key(_task: Any, _field: Any, value: object) -> None:
        check(value)

    validators = [check_key] if field.validator is None else [check_key, field.validator]
    return field.evolve(on_setattr=attrs.setters.frozen, validator=attrs.validators.and_(*validators))


def _types_now(cls: Any) -> Mapping[str, Any] | None:
    names = [a.name for a in attrs.fields(cls) if a.init and a.name not in KEY_FIELDS]
    try:
        return field_types(cls, names, _definition_scope(cls))
    except NameError:
        return None


def _definition_scope(cls: type) -> dict[str, Any]:
    """The local names around the class statement: ``from __future__ import annotations`` leaves only their names."""
    frame = sys._getframe(1)  # noqa: SLF001 - the documented way to a caller's names
    while frame.f_back is not None and frame.f_globals.get("__name__") in (__name__, "atleastonce.task"):
        frame = frame.f_back
    return dict(frame.f_locals) if frame.f_globals.get("__name__") == cls.__module__ else {}
