"""Builds the dataclasses of a recipe from plain values, as YAML gives them; no torch.

What a field takes is told by its annotation. Configuration hashes rely on what becomes of it:

- ``bool``: true or false, and nothing else.
- ``int``: a whole number of 64 bits, or a text that Python reads as one (``08`` is 8).
- ``float``: a number, or a text that Python reads as one (``.5e3``); a whole number becomes a
  float, ``1`` the same as ``1.0``. One beyond all floats is refused, and so are infinity and NaN.
- ``str``: a text; a whole number becomes its digits. True and 1.5 are refused: YAML may have made
  them of ``on`` or ``1_5e-1``, and the text would be another one.
- ``X | None``: what X takes, or null. ``int | str``: either, as it is.
- ``list[X]``: a list, each entry as X takes it; it takes the place of the whole list.
- ``list[D]`` of a dataclass: each entry is a mapping of D's fields; those left out have their
  defaults, not the values of the list before.
- a dataclass: a section, whose keys are given one by one, nested or dotted (``knn.k``). Where the
  default is null, it is given as an entry of a list is.

Bounds and choices are those of `common.settings.setting`. A field or text that was renamed is read
under the name that hashes and records keep, too.
"""

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass, fields, is_dataclass, replace
from difflib import get_close_matches
from functools import cache
from types import NoneType, UnionType
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

from common.bounds import refused
from common.errors import ConfigError, shown, suggest
from common.settings import frozen_name

Layer = tuple[str, dict[str, Any]]
Section = TypeVar("Section")
COMMAND_LINE = "command line"  # the origin of a layer in which the last word on a key counts
# One and many of a type in words, and the types that it is made of.
PLAIN: dict[Any, tuple[str, str, tuple[type, ...]]] = {
    bool: ("true or false", "true or false", (bool,)),
    int: ("a whole number", "whole numbers", (int, str)),
    float: ("a number", "numbers", (float, int, str)),
    str: ("a text", "texts", (str, int)),
}


def build(section: Section, layers: list[Layer]) -> tuple[Section, dict[str, str]]:
    """Returns ``section`` with the values of ``layers``, and each given key's origin.

    A field of ``object`` holds a section of any dataclass.

    Args:
        section: A dataclass with its defaults.
        layers: Origin and nested or dotted mapping, each over the one before.

    Raises:
        ConfigError: Unknown key, wrong type, value out of bounds, or an annotation that is none of
            the above.
    """
    whole: Any = section  # what its parts are annotated as is read before any value
    for name in _fields(whole.__class__):
        if is_dataclass(part := getattr(whole, name)):
            _fields(part.__class__)
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for origin, layer in layers:
        found: dict[str, Any] = {}
        for key, value in _leaves(section, layer, origin):
            if key in found and origin != COMMAND_LINE:
                raise ConfigError(f"{origin}: {key} is given twice; leave one out")
            found[key] = value
        values |= found
        origins |= dict.fromkeys(found, origin)
    return _filled(section, values), origins


@dataclass(frozen=True)
class _Kind:
    """What a field takes: plain types, a list, or the mapping of a dataclass; and null or not."""

    plain: tuple[type, ...] = ()
    item: "_Kind | None" = None
    entry: Any = None
    null: bool = False

    def words(self, many: bool = False) -> str:
        """Returns it in words: ``a list of numbers``, ``a text or null``."""
        found = [PLAIN[one][1] if many else PLAIN[one][0] for one in self.plain]
        if self.item is not None:
            found.append(f"{'lists' if many else 'a list'} of {self.item.words(many=True)}")
        elif self.entry is not None:
            found.append("mappings" if many else "a mapping")
        return " or ".join([*found, *["nulls" if many else "null"][: self.null]]) or "a section"


@cache
def _fields(schema: Any) -> dict[str, tuple[_Kind, Mapping[str, Any]]]:
    """Returns what each field takes, and its metadata; raises `ConfigError` for what none does."""
    hints, place = get_type_hints(schema), f"{schema.__module__}.{schema.__name__}"
    return {
        entry.name: (_kind(hints[entry.name], f"{place}.{entry.name}"), entry.metadata)
        for entry in fields(schema)
    }


def _kind(annotation: Any, field: str) -> _Kind:
    is_union = get_origin(annotation) in (Union, UnionType)
    members = get_args(annotation) if is_union else (annotation,)
    kinds = [member for member in members if member is not NoneType]
    null, only = len(kinds) < len(members), kinds[0] if len(kinds) == 1 else None
    if is_dataclass(only):
        _fields(kinds[0])
        return _Kind(entry=only, null=null)
    if get_origin(only) is list:
        return _Kind(item=_kind(get_args(only)[0], field), null=null)
    if kinds and all(kind in PLAIN for kind in kinds):
        return _Kind(tuple(kinds), null=null)
    if only is object:
        return _Kind()
    raise ConfigError(
        f"{field}: no recipe can give {annotation}; annotate it as bool, int, float or str, as a "
        "list of one of these, or as a dataclass"
    )


@cache
def _names(schema: Any) -> dict[str, str]:
    """Returns the present name of each field by that one and by the one before a rename."""
    return {frozen_name(entry): entry.name for entry in fields(schema)} | {
        entry.name: entry.name for entry in fields(schema)
    }


def _leaves(
    root: Any, layer: Mapping[Any, Any], origin: str, prefix: str = ""
) -> Iterator[tuple[str, Any]]:
    """Yields each dotted key of ``layer`` with its value as the field holds it."""
    for name, value in layer.items():
        key, holder, default = _find(root, f"{prefix}{name}", origin)
        if not is_dataclass(default):
            kind, metadata = _fields(holder.__class__)[key.rpartition(".")[2]]
            yield key, _value(kind, value, _Place(origin, key, metadata))
        elif isinstance(value, dict):
            yield from _leaves(root, value, origin, f"{key}.")
        else:
            raise _Place(origin, key).refusal(value, f"a section: write {key}.KEY=VALUE")


def _find(root: Any, key: str, origin: str) -> tuple[str, Any, Any]:
    """Returns ``key`` by its present names, the dataclass that has it, and the default there."""
    holder, node, present = root, root, list[str]()
    for part in key.split("."):
        names = _names(node.__class__) if is_dataclass(node) else {}
        if part not in names:
            near = _nearest(root, key) or suggest(part, list(names))
            raise ConfigError(f"{origin}: unknown key {key!r}{near}")
        present.append(names[part])
        holder, node = node, getattr(node, names[part])
    return ".".join(present), holder, node


def _nearest(root: Any, key: str) -> str:
    """Offers the whole key that ends alike, else the one that is spelt most alike, if any is."""
    near = nearest_key(key, list(_keys(root)))
    return f"; did you mean {near!r}?" if near else ""


def nearest_key(key: str, every: Sequence[str]) -> str | None:
    """Returns the whole key of ``every`` that ends as ``key`` does, else one spelt alike."""
    name = key.rpartition(".")[2]
    alike = [one for one in every if one.rpartition(".")[2] == name]
    near = get_close_matches(key, alike, 1, cutoff=0) or get_close_matches(key, every, 1)
    return near[0] if near else None


def _keys(section: Any, prefix: str = "") -> Iterator[str]:
    for name in _fields(section.__class__):
        if is_dataclass(value := getattr(section, name)):
            yield from _keys(value, f"{prefix}{name}.")
        else:
            yield prefix + name


def _filled(section: Section, values: dict[str, Any]) -> Section:
    """Returns ``section`` with ``values`` by their dotted keys."""
    own: dict[str, Any] = {}
    inner: dict[str, dict[str, Any]] = {}
    for key, value in values.items():
        name, dot, rest = key.partition(".")
        if dot:
            inner.setdefault(name, {})[rest] = value
        else:
            own[name] = value
    parts = {name: _filled(getattr(section, name), below) for name, below in inner.items()}
    return replace(section, **own, **parts)  # type: ignore[type-var]


@dataclass(frozen=True)
class _Place:
    """Where a value stands, and what its field declares."""

    origin: str
    key: str
    metadata: Mapping[str, Any] | None = None

    def entry(self, index: int) -> "_Place":
        """Returns the place of a list's entry."""
        return _Place(self.origin, f"{self.key}[{index}]", self.metadata)

    def refusal(self, value: Any, allowed: str) -> ConfigError:
        """Returns the one form of errors about values."""
        return ConfigError(f"{self.origin}: {self.key}={shown(value)}: {allowed}")


def _value(kind: _Kind, value: Any, place: _Place) -> Any:
    """Returns ``value`` as a field of that kind holds it."""
    if value is None and kind.null:
        return None
    if kind.item is not None and isinstance(value, list):
        return [_value(kind.item, one, place.entry(index)) for index, one in enumerate(value)]
    if kind.entry is not None and isinstance(value, dict):
        return _entry(kind.entry, value, place)
    for one in kind.plain:
        if type(value) in (PLAIN[one][2] if len(kind.plain) == 1 else (one,)):
            return _plain(one, value, place)
    # YAML has read another type than was meant: the word may have been on, or 1e3.
    quotes = ", in quotes" if str in kind.plain and isinstance(value, bool | float) else ""
    raise place.refusal(value, f"{kind.words()} is needed{quotes}")


def _plain(kind: Any, value: Any, place: _Place) -> Any:
    try:
        made = kind(value)
    except OverflowError:  # a whole number beyond all floats
        made = math.inf
    except ValueError:
        raise place.refusal(value, f"{PLAIN[kind][0]} is needed") from None
    if kind is str and "${" in made:
        raise place.refusal(value, "interpolation is refused, write the value itself")
    if kind is str and not made.isascii() and re.search("[\ud800-\udfff]", made):
        raise place.refusal(value, "is not UTF-8, and no recipe can hold it; rename it")
    if made == "None":
        raise place.refusal(value, "write null, not None")
    metadata = place.metadata or {}
    renamed = metadata.get("hashed_values", {})
    made = next((now for now, frozen in renamed.items() if frozen == made), made)
    if wrong := refused(made, metadata):
        raise place.refusal(value, wrong)
    return made


def _entry(schema: Any, values: dict[Any, Any], place: _Place) -> Any:
    """Builds a list's entry, such as a view."""
    known, names, found = _fields(schema), _names(schema), dict[str, Any]()
    for given, value in values.items():
        if given not in names:
            near = suggest(str(given), list(known))
            raise ConfigError(f"{place.origin}: {place.key}: unknown key {given!r}{near}")
        name = names[given]
        if name in found:
            raise ConfigError(f"{place.origin}: {place.key}.{name} is given twice; leave one out")
        kind, metadata = known[name]
        found[name] = _value(kind, value, _Place(place.origin, f"{place.key}.{name}", metadata))
    for entry in fields(schema):
        if entry.name not in found and entry.default is entry.default_factory is MISSING:
            raise place.refusal(values, f"{entry.name} is needed")
    return schema(**found)
