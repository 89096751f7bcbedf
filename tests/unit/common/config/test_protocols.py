"""A recipe may ask for any protocol that fits its data, and has a section for each."""

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


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("evaluation.ranking.chunk=3", "evaluation.ranking: ranking measures action sequences"),
        ("evaluation.pair_auc={}", "evaluation.pair_auc: pair-auc measures images"),
        ("evaluation.protocols=[sts]", "sts needs pairs with scores .*, which graphs do not have"),
        ("evaluation.online=[gap]", "gap needs partners"),
        ("evaluation.protocols=[separation]", "separation measures what only sepclr has"),
    ],
)
def test_a_misfit_says_what_it_needs_and_what_fits(word, message):
    with pytest.raises(ConfigError, match=f"{message}.*; those that fit meow: node-probe, .*knn"):
        load_recipe("meow", [word])


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("contrastive_gap/quick", "isotropy"),
        ("contrastive_gap/quick", "knn"),
        ("meow/quick", "linear"),
        ("mclrec/quick", "rankme"),
        ("sirl/quick", "effective-rank"),
        ("swav/quick", "dense-probe"),
    ],
)
def test_any_paper_is_asked_for_what_fits_and_its_folder_gives_the_recipe_again(reference, name):
    asked = load_recipe(reference, [f"evaluation.protocols=[{name}]"])
    assert name in asked.evaluation.functions
    again = recipe_from_dict(asked.to_dict(), "config.yaml")
    assert again.to_dict() == asked.to_dict() and again.hash() == asked.hash()
    mine = load_recipe(reference)
    asked.evaluation.protocols = mine.evaluation.protocols
    assert asked.hash() == mine.hash()  # a section that nothing sets is none of the setting


def test_settings_of_what_is_asked_for_are_part_of_the_setting():
    words = ["evaluation.protocols=[isotropy]", "evaluation.isotropy.special_tokens=true"]
    plain, other = load_recipe("swav/quick", words[:1]), load_recipe("swav/quick", words)
    assert other.evaluation.settings("isotropy").special_tokens
    assert other.hash() != plain.hash()


def test_a_run_folder_of_before_may_hold_them():
    recipe = load_recipe("meow", ["evaluation.clustering.fits=3"])
    values = recipe.to_dict()
    values["evaluation"] |= {"pair_auc": {"max_images": 9}, "knn": {"k": 3}}
    again = recipe_from_dict(values, "config.yaml")
    assert again.to_dict() == recipe.to_dict() and again.hash() == recipe.hash()
    values["evaluation"]["kmeans"] = {"fits": 3}
    with pytest.raises(ConfigError, match=r"'evaluation\.kmeans"):
        recipe_from_dict(values, "config.yaml")
