"""The stored steps of MCL reach all stages, and the batches where one follows the other."""

import pytest

from common.config.recipe import load_recipe
from common.data.images import synthetic
from common.steps.points import Length
from common.steps.take import as_taken, take_steps
from common.training.fit import load_data


@pytest.fixture(scope="module")
def taken():
    words = ["data.batch_size=16", "method.stage_epochs=2", "trainer.epochs=6"]
    recipe = as_taken(load_recipe("mcl", words))
    made = synthetic.make(synthetic.shape_of(load_data(recipe)), rows=200)
    return take_steps(recipe, made, Length(batches=6 * 40, epochs=6, samples=640))


def test_a_point_spans_the_end_of_a_stage_and_the_start_of_the_next(taken):
    for name in ("stage 1 begins", "stage 2 begins"):
        assert len(taken.values[f"{name}/losses"]) == 3


def test_the_stage_is_a_quantity_that_follows_the_position(taken):
    found = taken.values["scheduled/stage"]
    assert found == sorted(found) and set(found) == {0.0, 1.0, 2.0}
