"""Gives every key of every schema what it cannot take, and the command some of it; no torch.

    python -m tests.repo.bad_recipes

A key is tried against its section alone: a millisecond, where a recipe takes sixty. Ends with an
error that names each word which was taken, or refused otherwise than with code 2 and a message.
"""

import contextlib
import io
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from functools import reduce
from typing import Any, get_args, get_origin, get_type_hints

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from common.cli import main
from common.config import SECTIONS, load_recipe
from common.errors import ConfigError
from common.layers import assign, flatten, parse_overrides
from common.paper import get_paper, paper_names
from common.registry import METHOD_SCHEMAS
from common.settings import check_settings

STRUCTURES = ["[a]", "{a: 1}"]
# What is of the wrong type for a value of each type; a text that YAML reads as such.
WRONG = {
    bool: ["2", "-1.5", "perhaps", *STRUCTURES],
    int: ["1.5", "many", "true", "''", ".nan", ".inf", *STRUCTURES],
    float: ["many", "true", "''", *STRUCTURES],
    str: ["1.5", "true", *STRUCTURES],
}
NO_LIST = ["{a: 1}", "7.5", "true", "null"]
# What is not in a section, and words that are none.
OTHER = [
    *(f"seed={text}" for text in ("-1", "2147483648", "1.5", "many", "true", "null", "[1]")),
    *(f"arm={text}" for text in ("Method", "ablation/", "baseline/A b", "1.5", "null", "[a]")),
    *(
        "baseline=no-such",
        "baseline=1.5",
        "baseline=[a]",
        "paper=no-such",
        "paper=[a]",
        "sead=1",
        "seed.a=1",
    ),
    *("seed", "=1", "optimizer={", "optimizer=1", "optimizer=null"),
]
NAMES = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=12)


def drawn(examples: int) -> settings:
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )


@dataclass(frozen=True)
class Key:
    """A key as an override names it, what stands around its value, its type and its bounds."""

    name: str
    joint: str
    end: str
    kind: Any
    metadata: Mapping[str, Any]

    def words(self) -> list[str]:
        """Returns overrides that cannot be: a near name, a name below, values of wrong types."""
        unknown = [f"{self.name}{more}{self.joint}1{self.end}" for more in ("_", ".x_")]
        return unknown + [f"{self.name}{self.joint}{text}{self.end}" for text in wrong(self.kind)]

    def beyond(self) -> list[st.SearchStrategy[str]]:
        """Returns strategies of overrides that cross a bound or name no choice."""
        listed = get_origin(self.kind) is list
        kind = get_args(self.kind)[0] if listed else self.kind
        start, end = ("[", "]") if listed else ("", "")
        start, end = f"{self.name}{self.joint}{start}", f"{end}{self.end}"
        found = [outside(kind, *item) for item in self.metadata.get("bounds", {}).items()]
        if self.metadata.get("choices") is not None:
            found.append(NAMES.map(lambda name: f"{name}_"))
        return [texts.map(lambda text: start + text + end) for texts in found if texts is not None]


def wrong(kind: Any) -> list[str]:
    """Returns texts that a field of type ``kind`` cannot take."""
    if is_dataclass(kind):
        return ["1", "[a]", "null"]
    if get_origin(kind) is list:
        item = get_args(kind)[0]
        return NO_LIST + [f"[{text}]" for text in wrong(item) if not is_dataclass(item)]
    kinds = set(get_args(kind) or [kind])
    texts = [set(WRONG[one]) for one in kinds - {type(None)}]
    return sorted(set.intersection(*texts)) + ["null"] * (type(None) not in kinds)


def outside(kind: Any, name: str, bound: float | None) -> st.SearchStrategy[str] | None:
    """Returns a strategy of numbers beyond a bound, or None without one."""
    if bound is None:
        return None
    numbers = st.integers if int in (kind, *get_args(kind)) else st.floats
    found = numbers(**{"max_value" if name in ("above", "at_least") else "min_value": bound})
    if name in ("at_least", "at_most"):  # the bound itself is allowed
        found = found.filter(lambda number: number != bound)
    return found.map(lambda number: repr(number).replace("inf", ".inf"))


def keys(
    schema: Any, seen: set[type], prefix: str, joint: str = "=", end: str = ""
) -> Iterator[Key]:
    """Yields the keys of a dataclass, of those in it and of those in its lists not ``seen``."""
    hints = get_type_hints(schema)
    for entry in fields(schema):
        kind, name = hints[entry.name], prefix + entry.name
        yield Key(name, joint, end, kind, entry.metadata)
        if is_dataclass(kind):
            yield from keys(kind, seen, f"{name}.")
        elif get_origin(kind) is list and is_dataclass(item := get_args(kind)[0]):
            if item not in seen:
                seen.add(item)
                yield from keys(item, seen, f"{name}=[{{", ": ", "}]")


class Section:
    """One section of the recipe as the command line meets it."""

    def __init__(self, name: str, schema: Any, seen: set[type]) -> None:
        self.schema = {name: schema}
        self.container = OmegaConf.create(self.schema)
        found = list(keys(type(schema), seen, f"{name}."))
        self.words = [word for key in found for word in key.words()]
        self.beyond = [strategy for key in found for strategy in key.beyond()]

    def takes(self, word: str) -> bool:
        """Goes the steps of `common.config.resolve` with one word, for the part it touches."""
        try:
            for key, value in flatten(parse_overrides([word]), self.schema, "word").items():
                self._set(key, value)
        except ConfigError:
            return False
        return True

    def _set(self, key: str, value: Any) -> None:
        first, *path = key.split(".")
        try:
            assign(self.container, key, value, "word")
            part = key.rpartition(".")[0]
            check_settings(OmegaConf.to_object(OmegaConf.select(self.container, part)), part)
        finally:
            default = reduce(getattr, path, self.schema[first])
            OmegaConf.update(self.container, key, default, merge=False)

    def check(self) -> None:
        """Raises `AssertionError` with the words that were taken, if there are any."""
        taken = [word for word in self.words if self.takes(word)]
        assert not taken, taken

        @drawn(2)
        @given(st.tuples(*self.beyond))
        def refused(words: tuple[str, ...]) -> None:
            taken = [word for word in words if self.takes(word)]
            assert not taken, taken

        refused()


def sections() -> Iterator[tuple[Section, list[str]]]:
    """Yields each dataclass that is a section once, with the words that lead to it."""
    seen: set[type] = set()
    for paper in paper_names():
        recipe, declared = load_recipe(paper), get_paper(paper)
        found = [(name, type(getattr(recipe, name)), []) for name in SECTIONS]
        shared = METHOD_SCHEMAS.names() if paper == "swav" else []
        for baseline in (*declared.baselines, *shared):
            found.append(("method", declared.config(baseline), [f"baseline={baseline}"]))
        for name, kind, words in found:
            if kind not in seen:
                seen.add(kind)
                yield Section(name, kind(), seen), [paper, *words]


def check_command(words: list[str]) -> None:
    """Raises `AssertionError` unless the command refuses ``words`` with code 2 and a message."""
    sys.argv, errors, code = ["papers", "train", *words], io.StringIO(), None
    with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(io.StringIO()):
        try:
            main()
        except SystemExit as stop:
            code = stop.code
    message = errors.getvalue()
    assert code == 2 and "error" in message.lower() and "Traceback" not in message, (words, message)


def check_drawn(section: Section, words: list[str]) -> None:
    """Gives the command drawn words of what ``section`` cannot take."""

    @drawn(2)
    @given(st.one_of(st.sampled_from(section.words), *section.beyond))
    def refused(word: str) -> None:
        check_command([*words, "--print-config", word])

    refused()


def check() -> None:
    """Raises `AssertionError` for what is taken, or refused otherwise than it should be."""
    for section, words in sections():
        section.check()
        if len(words) == 1:  # a baseline's words go the same way as its paper's
            check_drawn(section, words)
    for word in OTHER:
        check_command([paper_names()[0], "--print-config", word])
    assert "torch" not in sys.modules


if __name__ == "__main__":
    check()
