"""What is wrong with the value of a setting, by what `common.settings.setting` says of it."""

import math
import operator
from collections.abc import Collection, Mapping
from dataclasses import fields, is_dataclass
from numbers import Real
from types import NoneType
from typing import Any, get_args, get_type_hints

from common.errors import ConfigError, shown, suggest
from common.registry import Registry

LARGEST = 2**63 - 1
HOLDS = {
    "above": operator.gt,
    "at_least": operator.ge,
    "below": operator.lt,
    "at_most": operator.le,
}


def refused(value: Any, metadata: Mapping[str, Any]) -> str:
    """Returns what is wrong with a value of the right type, nothing if it is allowed.

    An infinity passes all bounds of one side, and makes every later loss NaN without a word.
    """
    if isinstance(value, int) and abs(value) > LARGEST:
        return f"must be at most {LARGEST} in size"
    if isinstance(value, Real) and not math.isfinite(value):
        return "a finite number is needed"
    choices = metadata.get("choices")
    if isinstance(choices, Registry) and not choices.knows(str(value)):
        return f"unknown {choices.kind}{suggest(str(value), choices.names())}"
    is_text = isinstance(value, str)
    if isinstance(choices, tuple) and is_text and value not in choices:
        return f"unknown value{suggest(value, list(choices))}"
    for name, bound in metadata.get("bounds", {}).items():
        if bound is not None and not is_text and not HOLDS[name](value, bound):
            return f"must be {name.replace('_', ' ')} {bound}"
    return ""


def check_values(section: Any, key: str, unused: Collection[str] = ()) -> None:
    """Raises `ConfigError` for a number or text of a dataclass, or of one in it, that is refused.

    Args:
        section: Made in Python, where nothing has looked at the values yet.
        key: What ``section`` is called.
        unused: Fields of it that nobody reads.
    """
    numbers = _number_fields(section.__class__)
    for entry in fields(section):
        if entry.name in unused:
            continue
        value, place = getattr(section, entry.name), f"{key}.{entry.name}"
        for one in value if isinstance(value, list | tuple) else [value]:
            if is_dataclass(one):
                check_values(one, place)
            elif isinstance(one, str) and entry.name in numbers:
                raise ConfigError(f"{place}={shown(one)}: a number is needed, not a text")
            elif isinstance(one, Real | str) and (wrong := refused(one, entry.metadata)):
                raise ConfigError(f"{place}={shown(one)}: {wrong}")


def _number_fields(kind: Any) -> set[str]:
    """Returns the names of a dataclass's fields that take numbers, or lists of them, alone."""
    try:
        hints = get_type_hints(kind)
    except NameError:  # of a class that another function defines
        return set()
    return {name for name, hint in hints.items() if _is_number(hint)}


def _is_number(hint: Any) -> bool:
    parts = [part for part in get_args(hint) if part is not NoneType]
    return hint in (int, float, bool) or (bool(parts) and all(map(_is_number, parts)))
