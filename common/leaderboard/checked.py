"""Dataclasses from files that somebody may have edited: every key and type is checked."""

from collections.abc import Callable
from dataclasses import MISSING, fields
from functools import cache
from types import UnionType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from common.errors import LikewiseError, suggest

T = TypeVar("T")


def build_checked(
    kind: type[T], values: dict[str, Any], source: str, error: type[LikewiseError]
) -> T:
    """Builds dataclass ``kind`` from a mapping read from ``source``.

    Raises:
        LikewiseError: Of class ``error``: an unknown key, a missing one, or a wrong type.
    """
    hints = _hints(kind)  # type: ignore[arg-type]
    entries = fields(kind)  # type: ignore[arg-type]
    names = [entry.name for entry in entries]
    for key in values:
        if key not in names:
            raise error(f"{source}: unknown key {key!r}{suggest(str(key), names)}")
    for entry in entries:
        optional = entry.default is not MISSING or entry.default_factory is not MISSING
        if entry.name not in values and not optional:
            raise error(f"{source}: {entry.name}: missing")
    for key, value in values.items():
        if not has_type(value, hints[key]):
            wanted = _type_name(hints[key])
            raise error(f"{source}: {key}: must be {wanted}, got {value!r}")
    return kind(**values)


@cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


def has_type(value: Any, hint: Any) -> bool:
    """Tells whether ``value`` is of type ``hint``; a whole number is a float, a bool neither."""
    return _test(hint)(value)


@cache
def _test(hint: Any) -> Callable[[Any], bool]:
    """Returns what tells whether a value is of type ``hint``: a record has thousands of values."""
    if isinstance(hint, UnionType):
        options = [_test(option) for option in get_args(hint)]
        return lambda value: any(test(value) for test in options)
    if get_origin(hint) is dict:
        of_key, of_item = map(_test, get_args(hint))
        return lambda value: (
            isinstance(value, dict)
            and all(map(of_key, value))
            and all(map(of_item, value.values()))
        )
    if get_origin(hint) is list:
        (of_item,) = map(_test, get_args(hint))
        return lambda value: isinstance(value, list) and all(map(of_item, value))
    if hint is Any:
        return lambda _: True
    if hint in (int, float):
        allowed = (int,) if hint is int else (int, float)
        return lambda value: isinstance(value, allowed) and not isinstance(value, bool)
    return lambda value: isinstance(value, hint)


def _type_name(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) and not get_args(hint) else str(hint)
