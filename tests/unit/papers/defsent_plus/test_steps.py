"""The stored steps of DefSent+ reach both rounds, and the batch where one follows the other."""

import pytest

from common.config.recipe import load_recipe
from common.data.text import synthetic
from common.steps.points import Length
from common.steps.take import as_taken, take_steps
from common.training.fit import load_data


@pytest.fixture(scope="module")
def taken():
    words = ["data.glossary_entries=40", "data.batch_size=16", "optimizer.warmup_epochs=0"]
    words += ["method.round_epochs=2", "trainer.epochs=4"]
    recipe = as_taken(load_recipe("defsent_plus", words))
    made = synthetic.make(synthetic.shape_of(load_data(recipe)))
    return take_steps(recipe, made, Length(batches=40, epochs=4, samples=160))


def test_a_point_spans_the_end_of_a_round_and_the_start_of_the_next(taken):
    rates = taken.values["round-2 begins/rates"]
    assert rates[0] == 2e-3 and rates == sorted(rates, reverse=True)
    assert len(taken.values["round-2 begins/losses"]) == 3


def test_the_round_is_a_quantity_that_follows_the_position(taken):
    found = taken.values["scheduled/round"]
    assert found == sorted(found) and set(found) == {1.0, 2.0}
