"""What a message says of a value and of the type that its key takes."""

from dataclasses import is_dataclass
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from common.errors import shown

# What a field of a type takes: one, and in a list.
WORDS = {
    bool: ("true or false", "true or false"),
    int: ("a whole number", "whole numbers"),
    float: ("a number", "numbers"),
    str: ("a text", "texts"),
    NoneType: ("null", "nulls"),
}


def members(wanted: Any) -> tuple[Any, ...]:
    """Returns the members of a union, and of another annotation itself."""
    return get_args(wanted) if get_origin(wanted) in (Union, UnionType) else (wanted,)


def item_of(wanted: Any) -> Any:
    """Returns what a list in ``wanted`` holds, None where that is not said or there is no list."""
    lists = [get_args(kind) for kind in members(wanted) if get_origin(kind) is list]
    return lists[0][0] if lists else None


def entry_class(wanted: Any) -> Any:
    """Returns the dataclass of which ``wanted`` takes a list, such as a view's, or None."""
    return next((kind for kind in members(item_of(wanted)) if is_dataclass(kind)), None)


def needed(wanted: Any) -> str:
    """Returns in words what a field takes: ``a list of numbers``, ``a text or null``."""
    return " or ".join(_one_and_many(kind)[0] for kind in members(wanted))


def _one_and_many(kind: Any) -> tuple[str, str]:
    origin, inner = get_origin(kind) or kind, get_args(kind)
    if kind in WORDS:
        return WORDS[kind]
    if is_dataclass(kind) or origin is dict:
        return "a mapping", "mappings"
    if origin is Literal:
        choices = " or ".join(shown(choice) for choice in inner)
        return choices, choices
    if isinstance(kind, type) and issubclass(kind, Enum):
        names = " or ".join(kind.__members__)
        return names, names
    if origin in (list, tuple):
        items = ""
        if (origin is list and inner) or inner[1:] == (...,):
            items = " of " + " or ".join(_one_and_many(item)[1] for item in members(inner[0]))
        elif inner:
            items = f" of {len(inner)} values"
        return f"a list{items}", f"lists{items}"
    return "another value", "other values"
