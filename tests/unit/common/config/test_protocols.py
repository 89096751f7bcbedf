"""The sections of protocols are those that the paper declares."""

from dataclasses import fields

import pytest

from common.config.recipe import load_recipe, recipe_from_dict
from common.config.schema import section_defaults
from common.errors import ConfigError
from common.evaluation.config import EvaluationConfig, section_name
from common.paper import get_paper, paper_names


@pytest.mark.parametrize("paper", paper_names())
def test_a_paper_has_a_section_for_each_of_its_protocols_and_no_other(paper):
    shared = {entry.name for entry in fields(EvaluationConfig)}
    names = {entry.name for entry in fields(section_defaults(get_paper(paper), None)["evaluation"])}
    assert names - shared == {section_name(name) for name in get_paper(paper).protocols}


@pytest.mark.parametrize("word", ["evaluation.ranking.chunk=3", "evaluation.pair_auc={}"])
def test_settings_of_a_protocol_that_the_paper_does_not_declare_are_refused(word):
    name = word.split(".")[1].partition("=")[0].replace("_", "-")
    with pytest.raises(ConfigError, match=f"meow does not declare the protocol {name}"):
        load_recipe("meow", [word])


def test_a_run_folder_of_before_may_hold_them():
    recipe = load_recipe("meow", ["evaluation.clustering.fits=3"])
    values = recipe.to_dict()
    values["evaluation"] |= {"pair_auc": {"max_images": 9}, "knn": {"k": 3}}
    again = recipe_from_dict(values, "config.yaml")
    assert again.to_dict() == recipe.to_dict() and again.hash() == recipe.hash()
    values["evaluation"]["kmeans"] = {"fits": 3}
    with pytest.raises(ConfigError, match=r"'evaluation\.kmeans"):
        recipe_from_dict(values, "config.yaml")
