"""What one task class needs to be converted: made once, when the class is first used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from ..exceptions import InvalidTask
from .annotations import check, holds_any, is_recursive, resolve
from .construct import call_checked
from .plain import MAX_RECURSIVE_DEPTH, check_loaded, check_plain


@attrs.frozen(kw_only=True)
class Plan:
    """The conversions of one task class.

    Attributes:
        cls: the task class.
        encode: task -> its declared fields in plain JSON values; raises `InvalidTask`.
        check: the same, only to see whether it raises.
        dumpable: the same, in values that orjson takes.
        decode: a JSON object that has every field -> attribute values; raises `InvalidTask`, KeyError.
        decode_one: the same for a single field, by name.
        init_names: stored field -> the name of its constructor's parameter.
        direct: whether an object may be filled without its constructor, as nothing of the user's would run there.
        read: (data, task_list, id, saved_at, store) -> task, for data with `width` keys; raises `InvalidTask`, KeyError.
        width: how many keys data has for `read`; -1 where it is not for this class.
        untyped: whether a field may hold plain JSON of no declared type.
        recursive: whether a nested class may hold itself.
        validated: whether a task is to be looked at again before a write: a field has a validator, or is recursive.
    """

    cls: type
    encode: Callable[[Any], dict[str, Any]]
    check: Callable[[Any], object]
    dumpable: Callable[[Any], dict[str, Any]]
    decode: Callable[[dict[str, Any]], dict[str, Any]]
    decode_one: Mapping[str, Callable[[dict[str, Any]], dict[str, Any]]]
    init_names: Mapping[str, str]
    direct: bool
    read: Callable[..., Any]
    width: int
    untyped: bool
    recursive: bool
    validated: bool

    def verify(self, task: Any) -> None:
        """Raise `InvalidTask` for a field that breaks a rule of its type."""
        try:
            self.check(task)
            if not self.recursive:
                return
        except (AttributeError, RecursionError):
            pass
        self.data_of(task, validate=False)  # which says what is wrong, and how deep it is

    def data_of(self, task: Any, *, validate: bool = True) -> dict[str, Any]:
        """Declared fields, then extra ones, in plain JSON values; parts may be shared with the task.

        Raises `InvalidTask` for a field that breaks a rule of its type, or with `validate` one of its validators.
        """
        try:
            if validate and self.validated:
                _validate(task)
            data = self.encode(task)
            if self.recursive:
                check_plain(data, MAX_RECURSIVE_DEPTH)
        except AttributeError as error:
            raise InvalidTask(f"{self.cls.__name__}: the field {error.name!r} was deleted") from None
        except RecursionError:
            raise InvalidTask(f"{self.cls.__name__}: a field holds itself, or nests too deeply") from None
        extra = task.__dict__.get("_extra")
        if extra:
            if both := extra.keys() & data.keys():
                raise InvalidTask(f"{self.cls.__name__}: {min(both)!r} is a field and also in `extra`")
            check_plain(extra)
            data.update(extra)
        return data

    def make(self, task_list: str, id: str, data: dict[str, Any], raw: bytes | None = None) -> Any:
        """The task with that (checked) key and data, whose values it may keep.

        `raw` is the JSON text that `data` was loaded from; None where `data` passed `plain.check_plain`.
        Raises `InvalidTask` for data that does not fit the class.
        """
        try:
            values = self.decode(data)
        except KeyError:
            values = None
        except RecursionError:
            raise InvalidTask(f"{self.cls.__name__}: a field nests too deeply to be read") from None
        extra = {} if len(data) == len(self.init_names) and values else self._extra(data)
        if raw is not None and (extra or self.untyped):
            check_loaded(data, raw)
        if values is None or not self.direct:
            task = self._construct(task_list, id, data)
        else:
            task = object.__new__(self.cls)
            values["task_list"] = task_list
            values["id"] = id
            object.__setattr__(task, "__dict__", values)
        if extra:
            task.__dict__["_extra"] = extra
        return task

    def _extra(self, data: dict[str, Any]) -> dict[str, Any]:
        return {name: value for name, value in data.items() if name not in self.init_names}

    def arguments(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Constructor arguments for those fields that are in the (checked) data."""
        try:
            return {
                init: self.decode_one[name](data)[name]  # type: ignore[arg-type]  # read only
                for name, init in self.init_names.items()
                if name in data
            }
        except RecursionError:
            raise InvalidTask(f"{self.cls.__name__}: a field nests too deeply to be read") from None

    def _construct(self, task_list: str, id: str, data: dict[str, Any]) -> Any:
        arguments = self.arguments(data)
        for attribute in attrs.fields(self.cls):
            if attribute.name in self.init_names and attribute.default is attrs.NOTHING and attribute.name not in data:
                raise InvalidTask(f"{self.cls.__name__}: {attribute.name}: is missing")
        return call_checked(self.cls, {**arguments, "task_list": task_list, "id": id})


def field_types(cls: type, names: list[str], localns: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The types of those fields of a class.

    Raises NameError while an annotation names what is not defined yet, and `InvalidTask`, naming the field, for a type that
    cannot be stored.
    """
    hints = resolve(cls, names, localns)
    found = {}
    for name in names:
        tp = hints.get(name, getattr(attrs.fields_dict(cls)[name], "type", None))
        if tp is None:  # `None` as an annotation is resolved to its type
            raise InvalidTask(f"{cls.__qualname__}.{name} has no annotation: write {name}: str = ...")
        try:
            check(tp)
        except InvalidTask as error:
            raise InvalidTask(f"{cls.__qualname__}.{name} is {error}") from None
        except RecursionError:
            raise InvalidTask(
                f"{cls.__qualname__}.{name} is a type alias that holds itself: use a nested class, or Any for plain JSON"
            ) from None
        found[name] = tp
    return found


def make_plan(cls: type, types: Mapping[str, Any] | None, *, direct: bool) -> Plan:
    """Make the plan of a class; `types` is what `field_types` gave, None where it raised NameError then."""
    from .converter import hooks_of  # noqa: PLC0415 - cattrs takes longer to import than all the rest
    from .generate import (  # noqa: PLC0415 - likewise needed at the first use only
        DUMPABLE,
        PLAIN,
        SOUND,
        Field,
        make_decode,
        make_encode,
        make_read,
    )

    stored = [a for a in attrs.fields(cls) if a.init and a.name not in ("task_list", "id")]
    if types is None:
        try:
            types = field_types(cls, [a.name for a in stored])
        except NameError as error:
            raise InvalidTask(f"{cls.__qualname__}: an annotation cannot be resolved: {error}") from None
    fields = [Field(a.name, types[a.name], *hooks_of(types[a.name])) for a in stored]
    recursive = any(is_recursive(field.type) for field in fields)
    untyped = any(holds_any(field.type) for field in fields)
    direct = direct and all(a.init for a in attrs.fields(cls)) and not any(a.validator or a.converter for a in stored)
    return Plan(
        cls=cls,
        encode=make_encode(fields, PLAIN),
        check=make_encode(fields, SOUND),
        dumpable=make_encode(fields, DUMPABLE),
        decode=make_decode(fields),
        decode_one={field.name: make_decode([field]) for field in fields},
        init_names={a.name: a.alias or a.name for a in stored},
        direct=direct,
        read=make_read(cls, fields),
        width=len(fields) if direct and not untyped and not recursive else -1,
        untyped=untyped,
        recursive=recursive,
        validated=recursive or any(a.validator is not None for a in stored),
    )


def _validate(task: Any) -> None:
    try:
        attrs.validate(task)
    except InvalidTask:
        raise
    except Exception as error:  # noqa: BLE001 - a validator of the class: any error of its own, which may quote values
        raise InvalidTask(f"{type(task).__name__}: a validator refused a field with {type(error).__name__}") from None
