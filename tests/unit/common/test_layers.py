"""Values of another type than their key's: refused in our words, by file, key and value."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from enum import Enum
from importlib.metadata import version
from typing import Any, Literal, get_type_hints

import pytest
from omegaconf import OmegaConf

from common.config.recipe import SECTIONS, load_recipe, resolve
from common.errors import ConfigError, UsageError
from common.layers import assign, flatten
from common.paper import paper_names
from common.wording import needed
from tests.recipes import BASELINES

pytestmark = pytest.mark.filterwarnings("ignore:.*prototypes cannot have equal mass")
VALUES: list[Any] = [
    *(None, True, 5, 1.5, "text", 10**400),
    *([], [1], ["a"], [None], [True], [[1]], [{"a": 1}], [{"count": [1]}], [{"area": ["a"]}]),
    *({}, {"a": 1}),
]
OMEGACONF = re.compile("Config|Optional|convert|subclass|[Ii]ncompatible|Union|Key '|Invalid")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"mean": 5}, "data.mean=5: a list of numbers is needed"),
        ({"mean": {"a": 1}}, 'data.mean={"a": 1}: a list of numbers is needed'),
        ({"batch_size": [1]}, "data.batch_size=[1]: a whole number is needed"),
        ({"batch_size": None}, "data.batch_size=null: a whole number is needed"),
        (
            {"holdout": 10**400},
            f"data.holdout=1{79 * '0'}...: a number that a float can hold, up to 1e308, is needed",
        ),
        ({"root": ["a"]}, 'data.root=["a"]: a text or null is needed'),
        ({"views": 5}, "data.views=5: a list of mappings is needed"),
        ({"views": [{}, 1]}, "data.views[1]=1: a mapping is needed"),
        ({"views": [{}, {"size": []}]}, "data.views[1].size=[]: a whole number is needed"),
        ({"views": [{"area": 5}]}, "data.views[0].area=5: a list of numbers is needed"),
        ({"views": [{"sise": 5}]}, "data.views[0]: unknown key 'sise'; did you mean 'size'?"),
        ({"views": [{}, {"antialias": 2}]}, "data.views[1].antialias=2: true or false is needed"),
        (
            {"views": [{}, {"area": [10**400, 1]}]},
            f"data.views[1].area=[1{78 * '0'}...: a number that a float can hold, up to 1e308, "
            "is needed",
        ),
        (
            {"views": [{}, {"area": ["${x}"]}]},
            "data.views[1].area[0]: interpolation is refused, write the value itself",
        ),
        (
            {"root": ["\u00e9", True, None]},
            'data.root=["\u00e9", true, null]: a text or null is needed',
        ),
        (
            {"batch_size": {b"a": 1}},
            "data.batch_size=a value that cannot be shown: a whole number is needed",
        ),
        (None, "data is a section, write data.KEY=VALUE"),
        ([1], "data is a section, write data.KEY=VALUE"),
    ],
)
def test_a_value_of_another_type_is_refused_with_what_is_needed(data, message):
    with pytest.raises(ConfigError, match=f"^{re.escape(f'own.yaml: {message}')}$"):
        resolve("swav", "quick", None, [("own.yaml", {"data": data})])


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("trainer.devices=[1]", "trainer.devices=[1]: a whole number or a text is needed"),
        ("optimizer.clip_norm=x", 'optimizer.clip_norm="x": a number or null is needed'),
        ("tracking.tags=5", "tracking.tags=5: a list of texts is needed"),
        ("tracking.name=a: b", 'tracking.name={"a": "b"}: a text or null is needed'),
        ("optimizer.lr=[1", "the value is no YAML; close its brackets and quotes, or write it"),
        ("optimizer.lr=[1", "as a text: \"optimizer.lr='...'\""),
    ],
)
def test_so_is_one_on_the_command_line(word, message):
    with pytest.raises(ConfigError, match=re.escape(message)) as caught:
        load_recipe("swav/quick", [word])
    assert str(caught.value).startswith("command line: ") and "\n" not in str(caught.value)


class Colour(Enum):
    RED = 1
    BLUE = 2


@dataclass
class Entry:
    colour: Colour = Colour.RED
    on: bool = True


@dataclass
class Uncommon:
    """Types that OmegaConf takes and no schema of ours has: a user's paper may have them."""

    maybe: list[int] | None = None
    holes: list[int | None] = field(default_factory=list)
    rows: list[list[int]] = field(default_factory=list)
    mode: Literal["soft", "hard"] = "soft"
    modes: list[Literal["soft", "hard"]] = field(default_factory=list)
    colour: Colour = Colour.RED
    pair: tuple[int, int] = (1, 2)
    row: tuple[int, ...] = (1, 2)
    bare: list = field(default_factory=list)
    table: dict[str, int] = field(default_factory=dict)
    anything: Any = 1
    switch: bool | None = None
    switches: list[bool] = field(default_factory=list)
    entries: list[Entry] | None = None


# No schema of ours has any of these types, and before 2.4 OmegaConf refuses a Literal.
knows_uncommon = pytest.mark.skipif(
    version("omegaconf") < "2.4", reason="OmegaConf 2.3 has no Literal"
)


def set_uncommon(key: str, value: Any) -> Any:
    schema = {"own": Uncommon()}
    merged = OmegaConf.create({"own": Uncommon})
    for dotted, found in flatten({"own": {key: value}}, schema, "own.yaml").items():
        assign(merged, dotted, found, "own.yaml")
    return OmegaConf.to_object(merged.own)


@knows_uncommon
@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("maybe", 5, "own.maybe=5: a list of whole numbers or null is needed"),
        ("maybe", [[1]], "own.maybe=[[1]]: a list of whole numbers or null is needed"),
        ("holes", ["a"], 'own.holes=["a"]: a list of whole numbers or nulls is needed'),
        ("rows", [1], "own.rows=[1]: a list of lists of whole numbers is needed"),
        ("rows", [[], [[1]]], "own.rows[1]=[[1]]: a list of whole numbers is needed"),
        ("mode", "sof", 'own.mode="sof": "soft" or "hard" is needed'),
        ("modes", ["sof"], 'own.modes=["sof"]: a list of "soft" or "hard" is needed'),
        ("colour", "GREEN", 'own.colour="GREEN": RED or BLUE is needed'),
        ("pair", [1], "own.pair=[1]: a list of 2 values is needed"),
        ("row", ["a"], 'own.row=["a"]: a list of whole numbers is needed'),
        ("bare", 5, "own.bare=5: a list is needed"),
        ("table", 5, "own.table=5: a mapping is needed"),
        ("switch", 5, "own.switch=5: true or false or null is needed"),
        ("switches", [True, 1], "own.switches[1]=1: true or false is needed"),
        ("entries", 5, "own.entries=5: a list of mappings or null is needed"),
        ("entries", [{}, {"on": 1}], "own.entries[1].on=1: true or false is needed"),
        ("entries", [{}, {"colour": 3}], "own.entries[1].colour=3: RED or BLUE is needed"),
    ],
)
def test_types_of_no_schema_of_ours_are_told_as_well(key, value, message):
    with pytest.raises(ConfigError, match=f"^{re.escape(f'own.yaml: {message}')}$"):
        set_uncommon(key, value)


@knows_uncommon
def test_what_such_types_take_is_taken():
    assert set_uncommon("rows", [[1], []]).rows == [[1], []]
    assert set_uncommon("holes", [1, None]).holes == [1, None]
    assert set_uncommon("anything", {"a": [None]}).anything == {"a": [None]}
    assert set_uncommon("switch", None).switch is None
    assert set_uncommon("entries", [{"on": False}]).entries == [Entry(on=False)]
    assert needed(Any) == "another value" and needed(list[Any]) == "a list of other values"


def keys(node: Any, path: str) -> Iterator[tuple[str, Any]]:
    for entry in fields(node):
        value, key = getattr(node, entry.name), f"{path}.{entry.name}"
        if is_dataclass(value):
            yield from keys(value, key)
        yield key, get_type_hints(type(node))[entry.name]


def test_no_message_is_omegaconfs_whatever_type_meets_whatever_other():
    one_each: dict[str, tuple[str, str | None, str]] = {}
    recipes = [(paper, None) for paper in paper_names()] + list(BASELINES)
    for paper, baseline in recipes:
        recipe = load_recipe(BASELINES.get((paper, baseline), paper))
        for section in SECTIONS if baseline is None else ["method"]:
            for key, wanted in keys(getattr(recipe, section), section):
                kind = "section" if is_dataclass(wanted) else needed(wanted)
                one_each.setdefault(kind, (paper, baseline, key))
    assert len(one_each) >= 10
    for paper, baseline, key in one_each.values():
        for value in VALUES:
            try:
                layer = {"baseline": baseline, key: value}
                resolve(paper, "quick", None, [("own.yaml", layer)])
            except UsageError as error:
                assert not OMEGACONF.search(str(error)), error
