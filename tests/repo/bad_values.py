"""Words that no key of a schema can take: wrong names, types and numbers; listed, and drawn."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

STRUCTURES = ["[a]", "{a: 1}"]
NOT_FINITE = [".nan", ".inf", "-.inf"]
# Not YAML's words for it, but Python's; and numbers that are too large for a float.
FOUND_NOT_FINITE = ["nan", "infinity", "1e400", "-1.5e309", "1" * 400]
# What is of the wrong type for a value of each type; a text that YAML reads as such.
WRONG = {
    bool: ["2", "-1.5", "perhaps", *STRUCTURES],
    int: ["1.5", "many", "true", "''", *NOT_FINITE, *STRUCTURES],
    float: ["many", "true", "''", *NOT_FINITE, *STRUCTURES],
    str: ["1.5", "true", *STRUCTURES],
}
NO_LIST = ["{a: 1}", "7.5", "true", "null"]
# Numbers of either sign, or of a form, that these keys take whatever they are: a bound would refuse
# what makes sense. Devices are checked by `common.config.devices`.
WITHOUT_BOUND = {"method.margin", "trainer.devices"}
NAMES = st.text("abcdefghijklmnopqrstuvwxyz_", min_size=1, max_size=12).map("{}_".format)
FLOATS = st.floats().map(lambda number: yaml(number))
# As `WRONG`. No name that ends in _ is a YAML truth value, a number, or a field.
DRAWN_WRONG = {
    bool: NAMES | FLOATS,
    int: NAMES | FLOATS,
    float: NAMES | st.sampled_from(FOUND_NOT_FINITE),
    str: FLOATS,
}


def yaml(number: float) -> str:
    """Returns ``number`` as YAML reads it: with a point and a sign, ``1.0e+16`` for ``1e+16``."""
    if not math.isfinite(number):
        return repr(number).replace("inf", ".inf").replace("nan", ".nan")
    digits, exponent, power = repr(number).partition("e")
    whole = isinstance(number, int)
    return digits + ("" if "." in digits or whole else ".0") + exponent + power


@dataclass(frozen=True)
class Key:
    """A key as an override names it, what stands around its value, its type and its bounds."""

    name: str
    joint: str
    end: str
    kind: Any
    metadata: Mapping[str, Any]

    @property
    def single(self) -> Any:
        """The type of the value, or of a list's element."""
        return get_args(self.kind)[0] if get_origin(self.kind) is list else self.kind

    @property
    def bounds(self) -> dict[str, float]:
        """The bounds that are set."""
        found = self.metadata.get("bounds", {})
        return {name: bound for name, bound in found.items() if bound is not None}

    @property
    def lacks_bound(self) -> bool:
        """Whether it is a number which any finite value is good for, by its schema."""
        numeric = {int, float} & {self.single, *get_args(self.single)}
        return bool(numeric) and not self.bounds and self.name not in WITHOUT_BOUND

    def word(self, text: str, element: bool = False) -> str:
        """Returns the override that gives it ``text``, as an element of its list if asked."""
        inside = f"[{text}]" if element and get_origin(self.kind) is list else text
        return f"{self.name}{self.joint}{inside}{self.end}"

    def words(self) -> list[str]:
        """Returns overrides that cannot be: a near name, a name below, wrong types, an edge."""
        unknown = [f"{self.name}{more}{self.joint}1{self.end}" for more in ("_", ".x_")]
        edges = [edge(self.single, *item) for item in self.bounds.items()]
        return [
            *unknown,
            *(self.word(text) for text in wrong(self.kind)),
            *(self.word(text, element=True) for text in edges),
        ]

    def drawn(self) -> list[st.SearchStrategy[str]]:
        """Returns strategies of overrides of a wrong type, beyond a bound, or of no choice."""
        found = [outside(self.single, *item) for item in self.bounds.items()]
        kinds = set(get_args(self.single) or [self.single]) - {type(None)}
        if len(kinds) == 1 and (kind := kinds.pop()) in DRAWN_WRONG:
            found.append(DRAWN_WRONG[kind])
        if self.metadata.get("choices") is not None:
            found.append(NAMES)
        return [texts.map(lambda text: self.word(text, element=True)) for texts in found]


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


def edge(kind: Any, name: str, bound: float) -> str:
    """Returns the first number that a bound refuses."""
    if name in ("above", "below"):
        return yaml(bound)
    down = name == "at_least"
    if int in (kind, *get_args(kind)):
        return yaml(int(bound) + (-1 if down else 1))
    return yaml(math.nextafter(bound, -math.inf if down else math.inf))


def outside(kind: Any, name: str, bound: float) -> st.SearchStrategy[str]:
    """Returns a strategy of numbers beyond a bound."""
    numbers = st.integers if int in (kind, *get_args(kind)) else st.floats
    found = numbers(**{"max_value" if name in ("above", "at_least") else "min_value": bound})
    if name in ("at_least", "at_most"):  # the bound itself is allowed
        found = found.filter(lambda number: number != bound)
    return found.map(yaml)


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
