"""Stored steps reach masked words and the contrast, and the batch where one follows the other."""

import pytest

from common.config.recipe import load_recipe
from common.data.text import synthetic
from common.steps.points import Length
from common.steps.take import as_taken, take_steps
from common.training.fit import load_data

# The head of the contrast.
HEADS = {"simcse": "head.weight", "whitenedcse": "head.dense.weight"}


@pytest.fixture(scope="module", params=HEADS)
def paper(request):
    return request.param


@pytest.fixture(scope="module")
def taken(paper):
    words = ["data.glossary_entries=10", "data.definitions=16", "data.batch_size=16"]
    words += ["method.pretrain_epochs=2", "trainer.epochs=4"]
    recipe = as_taken(load_recipe(paper, words))
    made = synthetic.make(synthetic.shape_of(load_data(recipe)))
    length = Length(batches=40, epochs=4, samples=160)
    return take_steps(recipe, made, length)


def test_a_point_spans_the_end_of_a_stage_and_the_start_of_the_next(taken):
    told, first, second = taken.values["contrast begins/losses"]
    assert told > 4.5 > 3 > max(first, second)
    rates = taken.values["contrast begins/rates"]
    assert rates[0] == 3e-4 and rates == sorted(rates, reverse=True)


def test_the_optimizer_acts_on_each_stages_own_head(paper, taken):
    head = HEADS[paper]
    names = taken.names["optimizer 0"]
    before, after = (taken.values[f"contrast begins/update {n}/optimizer 0"] for n in (0, 1))
    learnt = [dict(zip(names, each, strict=True)) for each in (before, after)]
    assert learnt[0]["words.head.weight"] and learnt[0][head] is None
    assert learnt[1][head] and learnt[1]["words.head.weight"] is None


def test_the_stage_is_a_quantity_that_follows_the_position(taken):
    found = taken.values["scheduled/stage"]
    assert found == sorted(found) and set(found) == {0.0, 1.0}
