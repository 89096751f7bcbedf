"""Dataclasses from files that somebody may have edited: every key and type is checked."""

from dataclasses import MISSING, fields
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
    hints = get_type_hints(kind)
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


def has_type(value: Any, hint: Any) -> bool:
    """Tells whether ``value`` is of type ``hint``; a whole number is a float, a bool neither."""
    origin, arguments = get_origin(hint), get_args(hint)
    if isinstance(hint, UnionType):
        return any(has_type(value, option) for option in arguments)
    if origin is dict:
        key_type, item_type = arguments
        return isinstance(value, dict) and all(
            has_type(k, key_type) and has_type(v, item_type) for k, v in value.items()
        )
    if origin is list:
        return isinstance(value, list) and all(has_type(item, arguments[0]) for item in value)
    if hint is Any:
        return True
    if hint in (int, float):
        allowed = (int,) if hint is int else (int, float)
        return isinstance(value, allowed) and not isinstance(value, bool)
    return isinstance(value, hint)


def _type_name(hint: Any) -> str:
    return hint.__name__ if isinstance(hint, type) and not get_args(hint) else str(hint)
