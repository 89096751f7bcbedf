"""Dataclasses from files that somebody may have edited: every key and type is checked."""

from collections.abc import Callable
from dataclasses import MISSING, fields
from functools import cache
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin

from common.errors import LikewiseError, suggest

T = TypeVar("T")


def build_checked(
    kind: type[T], values: dict[str, Any], source: str, error: type[LikewiseError]
) -> T:
    """Builds dataclass ``kind`` from a mapping read from ``source``.

    Raises:
        LikewiseError: Of class ``error``: an unknown key, a missing one, or a wrong type.
    """
    entries = fields(kind)  # type: ignore[arg-type]
    hints: dict[str, Any] = {entry.name: entry.type for entry in entries}
    names = [entry.name for entry in entries]
    for key in values:
        if key not in names:
            raise error(f"{source}: unknown key {key!r}{suggest(str(key), names)}")
    for entry in entries:
        optional = entry.default is not MISSING or entry.default_factory is not MISSING
        if entry.name not in values and not optional:
            raise error(f"{source}: {entry.name}: missing")
    for key, value in values.items():
        if not type_test(hints[key])(value):
            wanted = _type_name(hints[key])
            raise error(f"{source}: {key}: must be {wanted}, got {value!r}")
    return kind(**values)


@cache
def type_test(hint: Any) -> Callable[[Any], bool]:
    """Returns what tells whether a value is of type ``hint``; made once, for thousands of values.

    A whole number is a float, a bool neither.
    """
    if isinstance(hint, UnionType):
        options = [type_test(option) for option in get_args(hint)]
        return lambda value: any(test(value) for test in options)
    if get_origin(hint) is dict:
        of_key, of_item = map(type_test, get_args(hint))
        return lambda value: (
            isinstance(value, dict)
            and all(map(of_key, value))
            and all(map(of_item, value.values()))
        )
    if get_origin(hint) is list:
        (of_item,) = map(type_test, get_args(hint))
        return lambda value: isinstance(value, list) and all(map(of_item, value))
    if hint is Any:
        return lambda _: True
    if hint in (int, float):
        allowed = (int,) if hint is int else (int, float)
        return lambda value: isinstance(value, allowed) and not isinstance(value, bool)
    return lambda value: isinstance(value, hint)


def _type_name(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) and not get_args(hint) else str(hint)
