"""Steps that are taken again: the loss of chance is the one that the equation gives."""

import math
import warnings

import pytest
import torch

from common.config.recipe import load_recipe
from common.doctor.watch import watch
from common.runs.run import prepare_run

# The recipe, and the loss where nothing is told apart, by the sizes in it.
CASES = {
    "amcl/quick:simclr": lambda recipe: math.log(2 * recipe.data.batch_size - 1),
    "mochi/quick:moco": lambda recipe: math.log(1 + recipe.method.queue_length),
    "swav/quick": lambda recipe: math.log(recipe.method.num_prototypes),
}


@pytest.fixture(scope="module", params=CASES)
def watched(request):
    recipe = load_recipe(request.param)
    experiment = prepare_run(recipe)
    experiment.module.eval()  # as a run's weights are loaded
    before = {name: value.clone() for name, value in experiment.module.state_dict().items()}
    return experiment, watch(experiment, 3, 2), before, CASES[request.param](recipe)


def test_chance_is_what_the_loss_gives_where_nothing_is_told_apart(watched):
    _, steps, _, chance = watched
    assert [step.chance for step in steps] == [pytest.approx(chance, rel=1e-4)] * 2
    assert all(step.scores and step.loss != step.chance for step in steps)


def test_watching_moves_nothing_and_is_in_training_mode(watched):
    experiment, steps, before, _ = watched
    means = [name for name in steps[0].buffers if name.endswith("running_mean")]
    assert any(not torch.equal(steps[0].buffers[name], before[name]) for name in means)
    assert not experiment.module.training, "as it came"
    after = experiment.module.state_dict()
    assert all(torch.equal(value, after[name]) for name, value in before.items())


def test_steps_where_nothing_is_told_apart_warn_of_no_collapse():
    experiment = prepare_run(load_recipe("amcl/quick:simclr", ["trainer.log_every=1"]))
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "collapse")
        (step,) = watch(experiment, 3, 1)
    assert step.loss
