"""Values of another type than their key's: refused in our words, by file, key and value."""

import re
from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any, get_type_hints

import pytest

from common.config import SECTIONS, load_recipe, resolve
from common.errors import ConfigError, UsageError
from common.layers import needed
from common.paper import paper_names

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
        ({"mean": {"a": 1}}, "data.mean={'a': 1}: a list of numbers is needed"),
        ({"batch_size": [1]}, "data.batch_size=[1]: a whole number is needed"),
        ({"batch_size": None}, "data.batch_size=null: a whole number is needed"),
        (
            {"holdout": 10**400},
            f"data.holdout=1{79 * '0'}...: a number that a float can hold, up to 1e308, is needed",
        ),
        ({"root": ["a"]}, "data.root=['a']: a text or null is needed"),
        ({"views": 5}, "data.views=5: a list of mappings is needed"),
        ({"views": [{}, 1]}, "data.views[1]=1: a mapping is needed"),
        ({"views": [{}, {"size": []}]}, "data.views[1].size=[]: a whole number is needed"),
        ({"views": [{"area": 5}]}, "data.views[0].area=5: a list of numbers is needed"),
        ({"views": [{"sise": 5}]}, "data.views[0]: unknown key 'sise'; did you mean 'size'?"),
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
        ("optimizer.clip_norm=x", "optimizer.clip_norm='x': a number or null is needed"),
        ("tracking.tags=5", "tracking.tags=5: a list of texts is needed"),
        ("tracking.name=a: b", "tracking.name={'a': 'b'}: a text or null is needed"),
        ("optimizer.lr=[1", "the value is no YAML; close its brackets and quotes, or write it"),
        ("optimizer.lr=[1", "as a text: \"optimizer.lr='...'\""),
    ],
)
def test_so_is_one_on_the_command_line(word, message):
    with pytest.raises(ConfigError, match=re.escape(message)) as caught:
        load_recipe("swav/quick", [word])
    assert str(caught.value).startswith("command line: ") and "\n" not in str(caught.value)


def keys(node: Any, path: str) -> Iterator[tuple[str, Any]]:
    for entry in fields(node):
        value, key = getattr(node, entry.name), f"{path}.{entry.name}"
        if is_dataclass(value):
            yield from keys(value, key)
        yield key, get_type_hints(type(node))[entry.name]


def test_no_message_is_omegaconfs_whatever_type_meets_whatever_other():
    one_each: dict[str, tuple[str, str]] = {}
    for paper in paper_names():
        recipe = load_recipe(paper)
        for section in SECTIONS:
            for key, wanted in keys(getattr(recipe, section), section):
                kind = "section" if is_dataclass(wanted) else needed(wanted)
                one_each.setdefault(kind, (paper, key))
    assert len(one_each) >= 10
    for paper, key in one_each.values():
        for value in VALUES:
            try:
                resolve(paper, "quick", None, [("own.yaml", {key: value})])
            except UsageError as error:
                assert not OMEGACONF.search(str(error)), error
