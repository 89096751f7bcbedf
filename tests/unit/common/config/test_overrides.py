import dataclasses

import pytest

from common.config.overrides import changed_words
from common.config.recipe import load_recipe


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["optimizer.lr=0.25", "tracking.name='on'", "tracking.tags=['a b','#1',x]"],
        ["trainer.threads=2", "data.root=some folder", "evaluation.knn.k=3", "arm=ablation/own"],
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
