"""Where an unknown key of a recipe may belong: in any section, by its last name; no torch."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from difflib import SequenceMatcher, get_close_matches
from typing import Any, get_type_hints

from common.errors import LONGEST
from common.wording import entry_class

NEAR = 0.9  # below it a short word's neighbour is another word: model, mode
NEAR_SECTION = 0.7  # dataset: data; but not trainer: linear
PART = 0.95  # a whole word of a key in the same section: decay, weight_decay
DEEP = 0.06  # what a key of another section's section stands back, so behind such a one


def elsewhere(dotted: str, top_level: list[str], schema: dict[str, Any]) -> str:
    """Returns ``; did you mean 'optimizer.lr'?`` for ``model.lr``, or nothing if none is near."""
    found = nearest_key(dotted, top_level, schema)
    return f"; did you mean {found!r}?" if found else ""


def nearest_key(dotted: str, top_level: list[str], schema: dict[str, Any]) -> str | None:
    """Returns ``optimizer.lr`` for ``model.lr``, in any section, or None if none is near.

    A key that exists is returned as it is.
    Of equally near names wins the one in a section like the one that was written, then the one
    that is least deep.
    """
    dotted = dotted[:LONGEST]  # a text that was read as a key would take seconds
    *above, name = dotted.split(".")
    homes = [([key], key) for key in top_level]
    for section, node in schema.items():
        homes += _keys(node, [section])
    if any(dotted == written for _, written in homes):
        return dotted
    names = {parts[-1] for parts, _ in homes}
    close = get_close_matches(name, names, n=len(names), cutoff=NEAR)
    found = []
    for (*sections, last), written in homes:
        is_part = sections == above and name in last.split("_")
        if not is_part and last not in close:
            continue
        same = max((_alike(above[-1], part) for part in sections if above), default=0.0)
        same = same if same >= NEAR_SECTION else 0.0
        likeness = PART if is_part else _alike(name, last)
        if len(sections) > 1 and not same:
            likeness -= DEEP
        if likeness >= NEAR:
            found.append((likeness, same, -len(sections), _alike(dotted, written), written))
    return max(found)[-1] if found else None


def _keys(node: Any, path: list[str]) -> Iterator[tuple[list[str], str]]:
    """Yields every key below ``node``: its parts, and how it is written."""
    hints = get_type_hints(type(node))
    for entry in fields(node):
        parts, value = [*path, entry.name], getattr(node, entry.name)
        written, listed = ".".join(parts), entry_class(hints[entry.name])
        yield parts, written
        if is_dataclass(value):
            yield from _keys(value, parts)
        for inner in fields(listed) if listed else ():
            yield [*parts, inner.name], f"{written}=[{{{inner.name}: ...}}]"


def _alike(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other).ratio()
