"""The one converter: cattrs finds and keeps the hooks of each type; ours are strict where its own would coerce."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import Any, Literal, get_origin

from cattrs import Converter

from .annotations import bare, is_enum, is_nested, is_union
from .containers import (
    Hooks,
    HooksOf,
    dict_hooks,
    enum_hooks,
    list_hooks,
    literal_hooks,
    set_hooks,
    tuple_hooks,
    union_hooks,
)
from .nested import nested_hooks
from .scalars import SCALARS

_FORMS: list[tuple[Callable[[Any], bool], Callable[[Any, HooksOf], Hooks]]] = [
    (lambda tp: tp is Any, lambda tp, _: SCALARS[Any]),
    (is_nested, nested_hooks),
    (is_union, union_hooks),
    (lambda tp: get_origin(tp) is Literal, literal_hooks),
    (lambda tp: get_origin(tp) is list, list_hooks),
    (lambda tp: get_origin(tp) is tuple, tuple_hooks),
    (lambda tp: get_origin(tp) in (set, frozenset), set_hooks),
    (lambda tp: get_origin(tp) is dict, dict_hooks),
]


@cache
def hooks_of(tp: Any) -> Hooks:
    """(to the wire, from the wire) for a type that `annotations.check` let through."""
    tp = bare(tp)
    if is_enum(tp):  # by its exact class: cattrs would take a StrEnum for a str
        _register(tp, enum_hooks(tp, hooks_of))
    elif is_nested(tp):  # looked up when called: a class may hold itself
        return partial(converter.unstructure, unstructure_as=tp), partial(_structure, tp)
    return converter.get_unstructure_hook(tp), converter.get_structure_hook(tp)


def _structure(cls: type, value: Any, _: Any = None) -> Any:
    return converter.structure(value, cls)


def _register(cls: type, hooks: Hooks) -> None:
    converter.register_unstructure_hook(cls, hooks[0])
    converter.register_structure_hook(cls, hooks[1])


def _make() -> Converter:
    made = Converter(detailed_validation=False)
    for applies, form in _FORMS:
        made.register_unstructure_hook_factory(applies, lambda tp, form=form: form(tp, hooks_of)[0])
        made.register_structure_hook_factory(applies, lambda tp, form=form: form(tp, hooks_of)[1])
    return made


converter: Converter = _make()
for _cls, _hooks in SCALARS.items():
    if _cls is not Any:
        _register(_cls, _hooks)
