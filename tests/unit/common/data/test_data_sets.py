"""What a data set is belongs to the set, and what a method takes to the paper."""

from dataclasses import replace

import pytest

from common.config import recipe
from common.config.recipe import load_recipe
from common.data.catalogue.sources import GIVEN, load_sources
from common.data.modality import DataSets, find_set
from common.errors import ConfigError
from common.paper import get_paper, paper_names
from common.registry import WINGS

PAPERS = [get_paper(name) for name in paper_names()]


def test_no_two_sets_have_one_name():
    names = [name for kind in WINGS for name in DataSets(kind).names()]
    assert len(names) == len(set(names))


def test_the_catalogue_describes_sets_that_a_recipe_may_name_and_weights():
    assert {name for name in (*load_sources(), *GIVEN) if find_set(name) is None} == {
        "mclrec-beauty-weights"
    }


@pytest.mark.parametrize("paper", PAPERS, ids=lambda paper: paper.name)
def test_a_paper_takes_what_sets_of_its_data_module_are_of(paper):
    assert set(paper.modalities) <= {each.modality for _, each in paper.data_sets.sets()}


def test_a_target_and_a_modality_are_two_axes():
    numbers, images = dict(DataSets("number").sets()), dict(DataSets("images").sets())
    assert numbers["agedb"].modality == images["cifar10"].modality != numbers["bike"].modality
    assert get_paper("supremix").data_kind == "number"
    assert get_paper("hydra").data_kind == "images"


def test_a_set_of_a_modality_that_the_paper_does_not_take_is_refused(monkeypatch):
    assert load_recipe("supremix/concrete").data.name == "concrete"
    narrow = replace(get_paper("supremix"), modalities=("images", "text"))
    monkeypatch.setattr(recipe, "get_paper", lambda name: narrow)
    assert load_recipe("supremix/agedb").data.name == "agedb"
    with pytest.raises(ConfigError, match=r"concrete.* tables.* images, text"):
        load_recipe("supremix/concrete")
