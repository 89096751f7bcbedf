"""Recipes, run folders and records from before a rename are read, and hash as they did."""

from dataclasses import dataclass, field

import pytest

from common.config.build import build
from common.config.recipe import load_recipe, recipe_from_dict
from common.errors import ConfigError
from common.settings import collect_changes, setting


@dataclass
class Inner:
    hashed_as = "Part"
    kind: str = setting("plain", choices=("plain", "image"), hashed_values={"image": "picture"})


@dataclass
class Outer:
    images: int = setting(5, hashed_as="pictures")
    part: Inner = field(default_factory=Inner)
    parts: list[Inner] = setting([])


OLD = {"pictures": 3, "part": {"kind": "picture"}, "parts": [{"kind": "picture"}]}
NEW = {"images": 3, "part": {"kind": "image"}, "parts": [{"kind": "image"}]}
VALUE = Outer(3, Inner("image"), [Inner("image")])


@pytest.mark.parametrize("stored", [OLD, NEW])
def test_old_and_new_names_are_read_as_the_present_ones(stored):
    assert build(Outer(), [("file", stored)])[0] == VALUE


def test_both_names_at_once_are_refused():
    with pytest.raises(ConfigError, match="file: images is given twice"):
        build(Outer(), [("file", {"images": 1, "pictures": 2})])


def test_a_renamed_text_hashes_as_it_did():
    found = {}
    collect_changes(VALUE, Outer(), "data", found, frozen=True)
    assert found == {
        "data.pictures": 3,
        "data.part.kind": "picture",
        "data.parts": [{"Part.kind": "picture"}],
    }


def test_a_run_folder_from_before_a_rename_is_read():
    recipe = load_recipe("amcl", ["evaluation.pair_auc.max_images=7"])
    values = recipe.to_dict()
    del values["evaluation"]["pair_auc"]["max_images"]
    values["evaluation"]["pair_auc"]["max_pictures"] = 7
    assert recipe_from_dict(values, "x") == recipe_from_dict(recipe.to_dict(), "x")
    values = load_recipe("pixpro").to_dict()
    values["method"]["averaging"] = "pictures"
    assert recipe_from_dict(values, "config.yaml").method.averaging == "images"


def test_an_old_name_in_a_recipe_is_the_present_one():
    recipe = load_recipe("amcl", ["evaluation.pair_auc.max_pictures=7"])
    assert recipe.evaluation.pair_auc.max_images == 7
    assert recipe.origins["evaluation.pair_auc.max_images"] == "command line"
    assert load_recipe("pixpro", ["method.averaging=pictures"]).method.averaging == "images"
