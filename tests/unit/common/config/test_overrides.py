import dataclasses
from dataclasses import dataclass, field

import pytest

from common.config.build import COMMAND_LINE, build
from common.config.overrides import changed_words
from common.config.recipe import load_recipe
from common.config.yaml_io import parse_overrides


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["optimizer.lr=0.25", "tracking.name='on'", "tracking.tags=['a b','#1',x]"],
        ["trainer.threads=2", "data.root=some folder", "evaluation.knn.k=3", "arm=ablation/own"],
        ["evaluation.protocols=[clustering]"],  # which the paper does not declare
        ["evaluation.protocols=[clustering]", "evaluation.clustering.fits=3"],
        ["baseline=simclr", "method.temperature=0.3", "evaluation.protocols=[knn]"],
        ['data.views=[{"size":20,"count":2}]', "trainer.batches=null", "evaluation.references=[]"],
    ],
)
def test_the_words_make_the_same_recipe_again(words):
    recipe = load_recipe("swav/quick:two-crops", ["seed=3", *words])
    found = changed_words(recipe)
    assert load_recipe("swav/quick:two-crops", ["seed=3", *found]).to_dict() == recipe.to_dict()
    more = {word.partition("=")[0] for word in found} - {w.partition("=")[0] for w in words}
    # A baseline's own settings are all named: they are others than the file's.
    assert not more or (recipe.baseline and all(key.startswith("method.") for key in more))


def test_plain_values_need_no_quotes_and_a_recipe_that_is_gone_has_no_words():
    recipe = load_recipe("swav/quick:two-crops", ["tracking.mode=disabled", "data.root='3'"])
    assert changed_words(recipe) == ['data.root="3"', "tracking.mode=disabled"]
    assert changed_words(dataclasses.replace(recipe, variant="gone")) == []


@dataclass
class Part:
    size: int = 1
    count: int = 2


@dataclass
class Own:
    part: Part | None = None
    other: Part = field(default_factory=Part)


@dataclass
class Whole:
    method: Own = field(default_factory=Own)


@pytest.mark.parametrize("part", [None, Part(), Part(size=3)])
def test_a_section_that_is_null_by_default_is_one_word(part):
    mine = Own(part, Part(count=5))
    plain = load_recipe("swav/quick")
    words = changed_words(dataclasses.replace(plain, method=mine))
    assert build(Whole(), [(COMMAND_LINE, parse_overrides(words))])[0] == Whole(mine)
