"""What a field makes of a value that YAML gives, and what it refuses."""

import math
import re
import time
from dataclasses import asdict, dataclass, field, fields, make_dataclass
from typing import Any, Literal

import pytest

from common.config.build import build
from common.config.schema import section_defaults
from common.errors import ConfigError
from common.paper import get_paper, paper_names
from common.registry import METHODS, Registry
from common.settings import setting

COLOURS = Registry("colour", {"red": "m:red", "green": "m:green"})


@dataclass
class View:
    count: int = setting(1, at_least=1)
    area: list[float] = setting([0.5, 1.0], above=0, at_most=1)
    fixed: bool = True


@dataclass
class Named:
    name: str
    size: int = 1


@dataclass
class Inner:
    k: int = 5
    note: str = "default"


@dataclass
class Own:
    switch: bool = False
    whole: int = setting(1, at_least=0)
    number: float = setting(0.5, above=-1, below=1e30)
    text: str = "here"
    maybe: float | None = None
    name: str | None = "here"
    devices: int | str = 1
    wholes: list[int] = setting([1, 2], at_least=1)
    numbers: list[float] = field(default_factory=lambda: [1.0])
    texts: list[str] = field(default_factory=list)
    mode: str = setting("soft", choices=("soft", "hard"))
    colour: str | None = setting("red", choices=COLOURS)
    colours: list[str] = setting([], choices=COLOURS)
    views: list[View] = field(default_factory=lambda: [View(2)])
    named: list[Named] = field(default_factory=list)
    rows: list[list[int]] | None = None
    inner: Inner = field(default_factory=lambda: Inner(k=7))
    extra: Inner | None = None


@dataclass
class Root:
    own: object = field(default_factory=Own)
    seed: int = setting(0, at_least=0)


def made(*layers):
    return build(Root(), [(f"{place}.yaml", layer) for place, layer in enumerate(layers)])


def given(key, value):
    found = made({f"own.{key}": value})[0].own
    for part in key.split("."):
        found = getattr(found, part)
    return found


@pytest.mark.parametrize(
    ("key", "value", "held"),
    [
        ("switch", True, True),
        ("whole", 3, 3),
        ("whole", "08", 8),
        ("whole", 2**63 - 1, 2**63 - 1),
        ("number", 1, 1.0),
        ("number", ".5e3", 500.0),
        ("maybe", 3, 3.0),
        ("maybe", None, None),
        ("text", 2024, "2024"),
        ("text", "on", "on"),
        ("name", 10**30, f"1{30 * '0'}"),
        ("name", None, None),
        ("devices", 2, 2),
        ("devices", "2", "2"),
        ("devices", "auto", "auto"),
        ("wholes", [], []),
        ("wholes", [3, "4"], [3, 4]),
        ("numbers", [1, 0.5, "1e-3"], [1.0, 0.5, 0.001]),
        ("texts", ["a", 1], ["a", "1"]),
        ("mode", "hard", "hard"),
        ("colour", None, None),
        ("colours", ["red", "green"], ["red", "green"]),
        ("views", [], []),
        ("views", [{}, {"count": "3", "area": [1, 1]}], [View(), View(3, [1.0, 1.0])]),
        ("named", [{"name": 5}], [Named("5")]),
        ("rows", [[1], []], [[1], []]),
        ("inner.k", 9, 9),
        ("extra", {"k": 2}, Inner(2)),
        ("extra", None, None),
    ],
)
def test_a_value_becomes_what_its_field_holds(key, value, held):
    found = given(key, value)
    assert found == held and repr(found) == repr(held), "1 is no 1.0"


REFUSED = [
    *[("switch", value) for value in (None, 0, 1, "true", 1.0, [], {})],
    *[("whole", value) for value in (None, True, 1.0, "1.5", "", -1, 2**63, 10**5000, [1], {})],
    *[("number", value) for value in (None, True, "x", "", math.nan, math.inf, "inf", [1.0])],
    *[("number", value) for value in (-1, 1e30, 10**400, -(10**400))],
    *[("text", value) for value in (None, True, 1.5, 10**5000, b"a", ["a"], {"a": 1}, "None")],
    *[("text", value) for value in ("${seed}", "a${oc.env:HOME}")],
    *[("maybe", value) for value in ("x", True, [])],
    *[("name", value) for value in (False, 0.5, "None")],
    *[("devices", value) for value in (None, True, 1.5, [1])],
    *[("wholes", value) for value in (None, 5, "ab", {"a": 1}, [0], [None], [1.0], [True], [[1]])],
    *[("numbers", value) for value in ([math.nan], ["x"], [10**400], [{}], (1.0,))],
    *[("texts", value) for value in ([True], [1.5], [None], [["a"]], ["None"], ["${x}"])],
    *[("mode", value) for value in ("sof", None, 1)],
    *[("colour", value) for value in ("gren", 1)],
    ("colours", ["red", "blue"]),
    *[("views", value) for value in (None, 5, {}, [1], [None], [[]], [{"sise": 5}], [{1: 5}])],
    *[("views", [{}, {key: value}]) for key, value in [("count", 0), ("count", 1.5), ("area", 5)]],
    *[
        ("views", [{key: value}])
        for key, value in [("area", [2]), ("area", ["${x}"]), ("fixed", 1)]
    ],
    ("named", [{"size": 1}]),
    *[("inner", value) for value in (None, 5, [], "k")],
    ("inner.k", None),
    *[("rows", value) for value in (5, [1], [["x"]])],
    *[("extra", value) for value in (5, {"kk": 1})],
]


@pytest.mark.parametrize(("key", "value"), REFUSED, ids=lambda value: repr(str(type(value)))[8:-2])
def test_every_other_value_is_refused(key, value):
    with pytest.raises(ConfigError, match=rf"^0\.yaml: own\.{key}[^\n]*$"):
        given(key, value)


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        ({"own": {"whole": 1.5}}, "own.whole=1.5: a whole number is needed"),
        ({"own": {"numbers": ["x"]}}, 'own.numbers[0]="x": a number is needed'),
        ({"own": {"number": 2e30}}, "own.number=2e+30: must be below 1e+30"),
        ({"own": {"views": [{"count": 0}]}}, "own.views[0].count=0: must be at least 1"),
        ({"own": {"colour": "gren"}}, "own.colour=\"gren\": unknown colour; did you mean 'green'?"),
        ({"own": {"swich": True}}, "unknown key 'own.swich'; did you mean 'own.switch'?"),
    ],
)
def test_an_error_says_where_which_key_which_value_and_what_is_allowed(layer, message):
    with pytest.raises(ConfigError, match=f"^{re.escape(f'0.yaml: {message}')}$"):
        made(layer)


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        *[("own.wholee", "'own.whole'"), ("sead", "'seed'"), ("switch", "'own.switch'")],
        *[("own.text.x", "'own.text'"), ("xyzzy", "own, seed")],
    ],
)
def test_an_unknown_key_is_told_the_nearest_or_those_there_are(key, meant):
    with pytest.raises(ConfigError, match=f"{key!r}.*{meant}"):
        made({key: 1})


@pytest.mark.parametrize("key", ["own.xyzzy", "xyzzy.a", 5, None])
def test_where_none_is_near_none_is_offered(key):
    with pytest.raises(ConfigError, match="unknown key") as caught:
        made({key: 1})
    assert "mean" not in str(caught.value)


def test_a_text_for_a_key_is_refused_at_once():
    before = time.process_time()
    with pytest.raises(ConfigError):
        made({"far " * 5000 + ".k": None})
    assert time.process_time() - before < 2


def test_each_layer_goes_over_the_one_before_and_each_key_knows_its_origin():
    found, origins = made(
        {"own": {"whole": 2, "inner": {"note": "a"}}, "seed": 1},
        {"own.whole": 3, "own": {"inner.note": "b", "views": [{"count": 4}]}},
    )
    assert found == Root(Own(whole=3, inner=Inner(7, "b"), views=[View(4)]), seed=1)
    assert origins == {
        **dict.fromkeys(("own.whole", "own.inner.note", "own.views"), "1.yaml"),
        "seed": "0.yaml",
    }


def test_a_key_is_given_once_in_a_file_and_on_the_command_line_the_last_counts():
    layer = {"own.inner": {"k": 1}, "own": {"inner.k": 2}}
    with pytest.raises(ConfigError, match=r"own\.inner\.k"):
        made(layer)
    assert build(Root(), [("command line", layer)])[0].own.inner.k == 2


def test_nothing_given_is_shared_with_what_is_built():
    views, numbers = [{"area": [0.5, 1.0]}], [1.0]
    found = made({"own": {"views": views, "numbers": numbers}})[0].own
    found.numbers.append(2.0)
    found.views[0].area.append(2.0)
    assert numbers == [1.0] and views == [{"area": [0.5, 1.0]}]


@pytest.mark.parametrize(
    "annotation",
    [
        *(Any, bytes, tuple[int, int], dict[str, int], Literal["soft"], list),
        *(list[Any], int | list[int], int | Inner, None),
    ],
)
def test_an_annotation_that_no_recipe_can_give_is_named_before_any_value(annotation):
    schema = make_dataclass("Theirs", [("odd", annotation, field(default=None))])
    with pytest.raises(ConfigError, match=r"Theirs\.odd"):
        build(Root(own=schema()), [])
    listed = make_dataclass("Listing", [("many", list[schema], field(default_factory=list))])
    with pytest.raises(ConfigError, match=r"Theirs\.odd"):
        build(Root(own=listed()), [])


def schemas():
    """Yields each paper with each of its baselines; the shared ones once."""
    for paper in map(get_paper, paper_names()):
        shared = METHODS["images"] if paper.name == "swav" else []
        for baseline in (None, *paper.baselines, *shared):
            yield pytest.param(paper, baseline, id=f"{paper.name}-{baseline}")


@pytest.mark.parametrize(("paper", "baseline"), list(schemas()))
def test_every_default_of_every_schema_is_a_value_that_may_be_given(paper, baseline):
    sections = section_defaults(paper, baseline)
    root = make_dataclass("Sections", [(name, object) for name in sections])(**sections)
    found, origins = build(root, [("defaults", asdict(root))])
    assert found == root and repr(found) == repr(root)
    assert {key.partition(".")[0] for key in origins} == {entry.name for entry in fields(root)}
