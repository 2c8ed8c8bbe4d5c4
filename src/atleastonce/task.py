"""`Task`: a small, typed record of work that must not be forgotten."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, ClassVar, Self, dataclass_transform

import attrs

from . import codec
from .backoff import Wait
from .converter.construct import call_checked
from .converter.plain import check_plain, copy_plain, loads
from .delivery import Delivery, since_epoch, to_datetime
from .exceptions import InvalidTask
from .ids import new_id
from .keys import check_task_list
from .record import NO_META, Claim
from .task_class import INHERITED, define, make_task_class, plan_of, refuse_decorator, set_retries

if TYPE_CHECKING:
    from .store import TaskStore


_DELIVERY = ("_saved_at", "_attempts", "_last_error", "_due_at", "_claim", "_died_at", "_store")


def _default_store() -> TaskStore:
    from .defaults import default_store  # noqa: PLC0415 - the store's module imports this one

    return default_store()


def _draw_id(task: Task) -> str:
    check_task_list(task.task_list)
    task.__dict__["_drawn"] = True
    return new_id(task.task_list)


def _fields(cls: Any) -> tuple[attrs.Attribute[Any], ...]:
    """A task class's attrs fields; Any because type checkers do not see that attrs made it."""
    fields: tuple[attrs.Attribute[Any], ...] = attrs.fields(cls)
    return fields


@dataclass_transform(kw_only_default=True, field_specifiers=(attrs.field,))
class TaskBase:
    """Makes every subclass an attrs class. For type checkers, the keys must sit in a subclass of this one."""

    _set: ClassVar[Callable[..., None]] = object.__setattr__
    """What attrs wrote to assign to a field: keys are frozen, others run their validators."""

    def __init_subclass__(
        cls,
        *,
        tag: str | None = None,
        aliases: Sequence[str] = (),
        version: int = 1,
        max_attempts: int | None = INHERITED,
        backoff: Wait | None = INHERITED,
        registered: bool = True,
        **others: Any,
    ) -> None:
        super().__init_subclass__(**others)  # of a mixin; object's own refuses what nobody knows
        set_retries(cls, max_attempts=max_attempts, backoff=backoff)
        if registered:
            make_task_class(cls, tag=tag, aliases=aliases, version=version)
        else:
            define(cls)

    if not TYPE_CHECKING:  # to whom it would say that any name may be assigned to

        def __setattr__(self, name, value):
            self._set(name, value)

    @classmethod
    def __attrs_init_subclass__(cls) -> None:
        """Called by attrs whenever it has made a class: a second time only by a decorator on top."""
        if "_attributes" in cls.__dict__:
            refuse_decorator(cls)


class Task(TaskBase, registered=False):
    """Work to be done at least once. Subclass it, declare fields, override `execute`::

        class DeleteItem(Task):
            item_id: str

            def execute(self, *, dry_run=False): ...

    A subclass is an attrs class with keyword-only fields; no decorator is needed. Class arguments: ``tag`` (its name in
    the storage, default the class's name), ``aliases`` (earlier tags), ``version`` (of its data, see `upcast`), and two that subclasses
    inherit: ``max_attempts`` (so many failed attempts, and it is moved to the dead letters; None: never) and ``backoff`` (how long it
    waits after a failed attempt, a `Backoff` or any callable that takes the number of attempts and gives a timedelta; None: not at all).

    Attributes:
        task_list: the list it belongs to, 1 to 1,024 bytes of UTF-8. A subclass may give it a default.
        id: unique within the list, the same limits; drawn when absent.

    Raises `InvalidTask` on construction for a field that does not have its type (nothing is coerced), TypeError for a keyword
    that is no field.
    """

    task_list: str
    id: str = attrs.field(default=attrs.Factory(_draw_id, takes_self=True))

    _type: ClassVar[str]
    _tags: ClassVar[tuple[str, ...]] = ()
    _version_number: ClassVar[int]
    _max_attempts: ClassVar[int | None] = None
    _backoff: ClassVar[Wait | None] = None
    _own_init: ClassVar[bool] = False
    # Per object, kept out of the attrs fields; absent from its __dict__ until they differ from these:
    _saved_at: ClassVar[int | None] = None
    _attempts: ClassVar[int] = 0
    _last_error: ClassVar[str | None] = None
    _run_at: ClassVar[int | None] = None
    _due_at: ClassVar[int | None] = None
    _claim: ClassVar[Claim | None] = None
    _died_at: ClassVar[int | None] = None
    _meta: ClassVar[Mapping[str, str]] = NO_META
    _store: ClassVar[TaskStore | None] = None

    @classmethod
    def build(cls, *, data: Mapping[str, Any] | None = None, run_at: datetime | None = None, **fields: Any) -> Self:
        """A task from typed keywords, from wire (JSON) values in `data`, or both; not saved.

        Keys of `data` that the class does not declare are kept in `extra`. `data` is not changed, nor shared. The task is not due
        before `run_at`, an aware datetime; None: at once.
        Raises `InvalidTask` for data that does not fit the class, TypeError for a keyword that it does not know.
        """
        moment = None if run_at is None else since_epoch(run_at, "run_at")
        task = cls(**fields) if data is None else cls._build(data, fields)
        if moment is not None:
            task.__dict__["_run_at"] = moment
        return task

    @classmethod
    def _build(cls, data: Mapping[str, Any], fields: dict[str, Any]) -> Self:
        plan = plan_of(cls)
        if not isinstance(data, Mapping):
            raise InvalidTask(f"data must be a dict, not {type(data).__name__}")
        plain = dict(data)
        check_plain(plain)
        plain = copy_plain(plain)
        arguments = plan.arguments(plain)
        if both := arguments.keys() & fields.keys():
            raise TypeError(f"{cls.__name__}: {min(both)!r} is given twice, as a keyword and in data")
        if unknown := fields.keys() - {a.alias or a.name for a in _fields(cls) if a.init}:
            raise TypeError(f"{cls.__name__}.build() got an unexpected keyword argument {min(unknown)!r}")
        for attribute in _fields(cls):
            name = attribute.alias or attribute.name
            if attribute.init and attribute.default is attrs.NOTHING and name not in arguments and name not in fields:
                raise InvalidTask(f"{cls.__name__}: {attribute.name}: is missing")
        task: Self = call_checked(cls, arguments | fields)
        task._set_extra({name: value for name, value in plain.items() if name not in plan.init_names})
        return task

    @classmethod
    def create(cls, *, data: Mapping[str, Any] | None = None, run_at: datetime | None = None, **fields: Any) -> Self:
        """`build` and `save`."""
        task = cls.build(data=data, run_at=run_at, **fields)
        task.save()
        return task

    @classmethod
    def from_hash(cls, task_hash: Mapping[str, Any], /) -> Self:
        """The task of a hash that `as_hash` gave, here or in another process; not saved.

        Raises `InvalidTask` for a hash that breaks a rule or does not fit its class, or is no task of this class;
        `UnknownTaskType` for a type of no class here, or of a newer version. The hash is not changed, nor shared.
        """
        task = codec.task_from_hash(task_hash)
        if not isinstance(task, cls):
            raise InvalidTask(f"the hash is of type {task_hash['type']!r}, which is no {cls.__name__}")
        return task

    @classmethod
    def find(cls, task_list: str, id: str) -> Self | None:
        """The stored task with that key in the default store, or None. On a subclass, only one of that class.

        Raises, on a subclass, the reason why a record of its own type cannot be read; on `Task` that is given as an
        `UnreadableTask`.
        """
        return _default_store().find(task_list, id, cls)

    @classmethod
    def all(cls, task_list: str, older_than: timedelta | None = None) -> Iterator[Self]:
        """The stored tasks of a list in the default store, lazily. On a subclass, only those of that class.

        On a subclass, records of its own type that cannot be read are logged and left out; on `Task` they are given
        as an `UnreadableTask`. See `TaskStore.all`.
        """
        return _default_store().all(task_list, older_than, cls)

    @classmethod
    def upcast(cls, data: dict[str, Any], version: int) -> dict[str, Any]:
        """Bring the data of an older version up to this class's; override it where ``version`` is above 1.

        Args:
            data: wire values as stored, for you to change or replace.
            version: the version that they were stored with.
        """
        return data

    def execute(self, *args: Any, **options: Any) -> Any:
        """Do the work. May run more than once for one task, so make it safe to repeat. May be async."""
        raise NotImplementedError(f"{type(self).__name__} does not override execute")

    def save(self) -> None:
        """Save to the store that this task is bound to, else to the default one. See `TaskStore.save`."""
        self._bound_store().save(self)

    def complete(self) -> None:
        """Remove this version of the task from its store; may be repeated. See `TaskStore.complete`."""
        self._bound_store().complete(self)

    def as_hash(self) -> dict[str, Any]:
        """The wire form: a new dict of plain JSON values, ``task_list, id, type, data``, and once saved ``saved_at``.

        With the ``claim_token`` of a task that is claimed: whoever has such a hash can perform, fail and release the task.

        Raises `InvalidTask` for a field that was set to what its type does not allow.
        """
        return codec.hash_of(self)

    def replace(self, **changes: Any) -> Self:
        """A copy with some fields changed. It keeps `delivery` and the store unless its key changes.

        Raises TypeError for an unknown field, `InvalidTask` for a bad value.
        """
        fields = {a.alias or a.name: getattr(self, a.name) for a in _fields(type(self)) if a.init}
        copy = type(self)(**(fields | changes))
        same_key = (copy.task_list, copy.id) == (self.task_list, self.id)
        for name in (*_DELIVERY, "_meta", "_run_at") if same_key else ("_meta", "_run_at"):
            if name in self.__dict__:
                copy.__dict__[name] = self.__dict__[name]
        copy._set_extra(dict(self.__dict__.get("_extra", {})))
        return copy

    @property
    def data(self) -> dict[str, Any]:
        """Declared fields and extra ones, in plain JSON values; a new dict. Raises `InvalidTask` as `as_hash` does."""
        return loads(codec.data_of(self))  # type: ignore[no-any-return]  # a dict was written

    @property
    def extra(self) -> dict[str, Any]:
        """Data keys that the class does not declare; they are kept, and written back."""
        extra: dict[str, Any] = self.__dict__.setdefault("_extra", {})
        return extra

    @property
    def type(self) -> str:
        """The type tag as stored, with ``@version`` above version 1."""
        return self._type

    @property
    def delivery(self) -> Delivery | None:
        """What the store knows of it; None until it was saved or read."""
        if self._saved_at is None:
            return None
        moments = [moment for moment in (self._run_at, self._due_at) if moment is not None]
        claim = self._claim
        return Delivery(
            saved_at=to_datetime(self._saved_at),
            attempts=self._attempts,
            last_error=self._last_error,
            run_at=to_datetime(max(moments)) if moments else None,
            claim_token=None if claim is None else claim.token,
            claimed_until=None if claim is None or not claim.until else to_datetime(claim.until),
            died_at=None if self._died_at is None else to_datetime(self._died_at),
        )

    _record_to_save = codec.record_of

    def _bound_store(self) -> TaskStore:
        return _default_store() if self._store is None else self._store

    def _set_extra(self, extra: dict[str, Any]) -> None:
        if extra:
            self.__dict__["_extra"] = extra

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        assert isinstance(other, Task)
        return self._compared() == other._compared()

    def _compared(self) -> tuple[Any, ...]:
        fields = [self.__dict__.get(a.name) for a in _fields(type(self))]
        return fields, self.__dict__.get("_extra") or {}

    __hash__: ClassVar[None] = None  # type: ignore[assignment]  # a task can be changed

    def __repr__(self) -> str:
        return f"<{type(self).__name__} type={self.type!r} task_list={self.task_list!r} id={self.id!r}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return codec.task_of_class, (type(self), self.as_hash())

    def __copy__(self) -> Self:
        return self.replace()

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        copy: Self = codec.task_from_hash(self.as_hash(), type(self))
        copy.__dict__.update({name: self.__dict__[name] for name in _DELIVERY if name in self.__dict__})
        return copy
