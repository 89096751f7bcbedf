"""The tables and the drawing of the house, made of what code and records declare.

A line of a page that is only a link to a declaring file, or to a part of the leaderboard, becomes a
table when the site is built; in the repository the link leads there.
"""

import ast
import inspect
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import MISSING, Field, fields, is_dataclass
from importlib import import_module
from itertools import takewhile
from pathlib import Path
from posixpath import normpath
from typing import Any

from common.data.catalogue.sources import GIVEN, load_sources
from common.data.modality import DataSet, DataSets
from common.evaluation.config import KNOWN
from common.registry import PROTOCOLS, WINGS, Pair, declarations, load, wing
from docs.site.drawing import house

ROOT = Path(__file__).resolve().parents[2]
ALONE = re.compile(r"^\[([^\]]+)\]\(([^)\s]+)\)$", re.MULTILINE)
BOUNDS = {"above": ">", "at_least": "≥", "below": "<", "at_most": "≤"}


def with_tables(markdown: str, page: str) -> str:
    """Returns the text of ``page``, a path from the root, with tables in place of such links."""

    def table(match: re.Match[str]) -> str:
        path = normpath(f"{page}/../{match[2]}")
        if path in WHOLE:
            return WHOLE[path]()
        schemas = _schemas(path)
        if not schemas:
            return match[0]
        return (
            f"<details>\n<summary>{match[1]}</summary>\n\n{settings_tables(schemas)}\n\n</details>"
        )

    return ALONE.sub(table, markdown)


def protocols() -> Iterator[tuple[str, str, Pair]]:
    """Yields what each protocol measures, its name, and its function and settings."""
    for name, pair in PROTOCOLS.items():
        settings = load(pair[1])
        yield "vectors" if settings.on_vectors else ", ".join(settings.takes), name, pair
    for paper in declarations():
        for name in paper.own_protocols:
            yield f"{paper.data_kind}, by `{paper.name}`", name, paper.protocol(name)


def protocol_table() -> str:
    """Returns a row for each protocol: what it measures, what must be known, and what it does."""
    rows = []
    for of, name, pair in sorted(protocols(), key=lambda one: (one[0] != "vectors", *one[:2])):
        function, settings = map(load, pair)
        needs = ", ".join(KNOWN[need] for need in settings.needs)
        text = re.sub(rf"^Protocol `{name}`(: |; )?(?! of)", "", _text(settings))
        rows.append((f"`{name}`", of, needs, f"{text[:1].upper()}{text[1:]} {_text(function)}"))
    return _table(("protocol", "of", "needs", "what is done"), rows)


def set_table() -> str:
    """Returns a row for each data set: its modality, what it is, and its licence."""
    found = [(kind, *one) for kind in WINGS if wing(kind).module for one in DataSets(kind).sets()]
    readers = Counter(one.reader for _, _, one in found)
    rows = []
    for kind, name, one in sorted(found, key=lambda each: each[:2]):
        # A reader of many catalogued sets says nothing of each.
        alone = name not in load_sources() or readers[one.reader] == 1
        said = _text(load(one.reader)) if alone and not one.form else ""
        rows.append((f"`{name}`", kind, *_origin(name, one, said)))
    return _table(("`data.name`", "of", "what it is", "licence"), rows)


def of_leaderboard(heading: str) -> str:
    """Returns the table below a heading of LEADERBOARD.md that has nothing else, or its totals."""
    page = (ROOT / "LEADERBOARD.md").read_text(encoding="utf-8")
    _, _, rest = page.partition(f"\n## {heading}\n\n")
    table, *totals = rest.partition("\n\n## ")[0].split("\n\n")
    return "\n".join(f"- {total}" for total in totals) or table


def _origin(name: str, one: DataSet, said: str) -> tuple[str, str]:
    if one.form:
        return f"Yours: {one.form}.", ""
    if source := load_sources().get(name):
        return " ".join(filter(None, (f"{source.title}.", source.note, said))), source.licence
    if name in GIVEN:
        return f"{GIVEN[name].title}. It lies in `{GIVEN[name].layout}`.", "its owner's"
    return said, "generated" if one.generated else "built in"


def _schemas(path: str) -> list[type]:
    """Returns the settings of all protocols for their folder, else the schemas of a `config.py`."""
    if path == "common/evaluation":
        return [load(settings) for _, _, (_, settings) in protocols()]
    if not path.endswith("config.py"):
        return []
    module = import_module(path.removesuffix(".py").replace("/", "."))
    return [
        value
        for name, value in vars(module).items()
        if name.endswith("Config") and is_dataclass(value) and value.__module__ == module.__name__
    ]


def settings_tables(schemas: Iterable[type]) -> str:
    """Returns a table of each schema's fields: default, what is allowed, and the comment above."""
    parts = []
    for schema in dict.fromkeys(schemas):
        notes = comments(schema)
        rows = [
            (f"`{one.name}`", _default(one), _allowed(one), notes.get(one.name, ""))
            for one in fields(schema)
        ]
        if rows:
            title = f"**{schema.__name__}**: {_text(schema)}"
            parts.append(f"{title}\n\n{_table(('key', 'default', 'allowed', 'meaning'), rows)}")
    return "\n\n".join(parts)


def comments(schema: type) -> dict[str, str]:
    """Returns the comment above each field of a dataclass and of those that it extends."""
    found: dict[str, str] = {}
    for each in reversed(schema.__mro__):
        if is_dataclass(each) and each.__module__ != "types":
            lines = inspect.getsource(each).splitlines()
            (body,) = ast.parse(inspect.cleandoc("\n".join(lines))).body
            for node in body.body if isinstance(body, ast.ClassDef) else ():
                if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
                    found[node.target.id] = comment_above(lines, node.lineno)
    return found


def comment_above(lines: list[str], number: int) -> str:
    """Returns the comment that ends above line ``number``, which counts from 1."""
    above = takewhile(
        lambda line: line.startswith("#"), map(str.strip, reversed(lines[: number - 1]))
    )
    return " ".join(line.removeprefix("#").strip() for line in reversed([*above]))


def _default(one: Field[Any]) -> str:
    value = one.default if one.default_factory is MISSING else one.default_factory()
    if is_dataclass(value):
        return ", ".join(f"`{each.name}` {_default(each)}" for each in fields(value))
    if isinstance(value, list) and any(map(is_dataclass, value)):
        return f"{len(value)} {type(value[0]).__name__}"
    words = {None: "null", True: "true", False: "false"}
    text = words[value] if value is None or isinstance(value, bool) else str(value).replace("'", "")
    return f"`{text}`" if text else ""


def _allowed(one: Field[Any]) -> str:
    choices = one.metadata.get("choices")
    if isinstance(choices, tuple):
        return ", ".join(f"`{choice}`" for choice in choices)
    bounds = one.metadata.get("bounds", {})
    return ", ".join(
        f"{sign} {bounds[key]:g}" for key, sign in BOUNDS.items() if bounds.get(key) is not None
    )


def _text(value: Any) -> str:
    """Returns what a docstring says before its arguments, on one line."""
    whole = inspect.getdoc(value) or ""
    said = re.split(r"\n\n(?:Args|Attributes|Raises|Returns):\n", whole)[0]
    return " ".join(said.replace("``", "`").split())


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(
        "| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines
    )


# Those that a page is about are not folded.
WHOLE: dict[str, Callable[[], str]] = {
    "common/registry.py": protocol_table,
    "common/data/catalogue/sources.yaml": set_table,
    "LEADERBOARD.md#where-to-start": lambda: of_leaderboard("Where to start"),
    "LEADERBOARD.md#papers": lambda: of_leaderboard("Papers"),
    "docs/site/drawing.py": lambda: house(ROOT).to_html("The packages of common, by their imports"),
}
