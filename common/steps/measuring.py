"""The protocols of a setting on synthetic data: metrics, and the scores that they come from."""

import tempfile
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning import seed_everything

from common.config.schema import Recipe
from common.data.contract import RunData
from common.evaluation.run_protocols import run_protocols
from common.evaluation.scores import recorded
from common.paper import get_paper
from common.runs.progress import quieten_lightning
from common.steps.enter_state import perturb_state
from common.steps.float64 import in_double, moved
from common.steps.folding import fold
from common.steps.points import own_part
from common.steps.take import Taken, synthetic_data
from common.steps.watch import project
from common.training.fit import Experiment, Surroundings, build_module, fit, measure
from common.training.metrics import EPOCH_LOSS

# Batches of a whole training, or epochs where their loss is watched.
WHOLE = 8


def take_measures(recipe: Recipe, made: Any, published: bool, share: float = 0.0) -> Taken:
    """Runs the recipe's protocols on its module, seeded, and on what learns nothing.

    Args:
        recipe: From `as_taken`.
        made: What a reader would return.
        published: Whether the module is filled from a file of the authors' form.
        share: By how much of itself each number of data and module is moved.
    """
    quieten_lightning()
    taken, config = Taken([], {}, {}), recipe.evaluation
    with in_double(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        seed_everything(recipe.seed, verbose=False)
        data = synthetic_data(recipe, moved(made, share) if share else made)
        module = build_module(recipe, data).double()
        state = module.state_dict()
        perturb_state(state, {name for name, _ in module.named_parameters()})
        module.load_state_dict(moved(state, share) if share else state)
        if published:
            _publish_and_load(recipe, module)
        inputs = {"module": data.evaluation_inputs(module, "test")}
        references = data.references("test")
        inputs |= {name: references[name] for name in references if name in config.references}
        for name, given in inputs.items():
            with recorded() as scores:
                found = run_protocols(config.protocols, given, config, recipe.seed, "")
            _note(taken, f"{name} metrics", found)
            sums = {
                f"{key} {number}": project(key, torch.from_numpy(np.asarray(array)))
                for key, arrays in scores.items()
                for number, array in enumerate(arrays)
            }
            _note(taken, f"{name} scores", sums)
        if recipe.evaluation.monitor is not None and not published:
            _note_training(taken, recipe, data, share)
    return taken


def _note(taken: Taken, key: str, found: dict[str, float]) -> None:
    taken.values[f"protocols/{key}"] = list(found.values())
    taken.names[key] = list(found)


def _note_training(taken: Taken, recipe: Recipe, data: RunData, share: float) -> None:
    """Trains and measures as a run does, with looks, early stop and the selected weights."""
    fold(data, None)
    data.train_dataloader()
    assert data._sampler is not None
    recipe = _tiny(recipe, len(data._sampler))
    module = build_module(recipe, data).double()
    if share:
        module.load_state_dict(moved(module.state_dict(), share))
    looks: dict[str, float] = {}

    def report(batch: int, _epoch: int, found: dict[str, float]) -> None:
        looks.update({f"{batch} {key}": value for key, value in found.items()})

    experiment = Experiment(recipe, data, module)
    seed_everything(recipe.seed, verbose=False)
    with tempfile.TemporaryDirectory() as folder:
        fit(experiment, Surroundings(folder=Path(folder), checkpoints=Path(folder), report=report))
        found = measure(experiment, Path(folder))
    named = {f"{found.selection}: {key}": value for key, value in found.metrics.items()}
    for name, row in found.references.items():
        named |= {f"{name}: {key}": value for key, value in row.items()}
    weights = {name: project(name, x) for name, x in module.state_dict().items()}
    for key, numbers in (("looks", looks), ("measured", named), ("weights", weights)):
        taken.values[f"training/{key}"], taken.names[key] = list(numbers.values()), list(numbers)


def _tiny(recipe: Recipe, per_epoch: int) -> Recipe:
    """Returns the recipe with few batches and looks, which a look without gain ends."""
    evaluation = replace(recipe.evaluation, patience=1, references=["untrained"])
    if recipe.evaluation.monitor == EPOCH_LOSS:
        # It falls at first: the largest is looked for, or no look would be without gain.
        evaluation = replace(evaluation, mode="max", every_epochs=1)
        batches = WHOLE * per_epoch
    else:
        evaluation, batches = replace(evaluation, every_batches=2), WHOLE
    return replace(recipe, trainer=replace(recipe.trainer, batches=batches), evaluation=evaluation)


def _publish_and_load(recipe: Recipe, module: Any) -> None:
    """Fills ``module`` from a file of the authors' form that holds what it has."""
    publish = own_part(recipe, "publish")
    assert publish is not None  # a paper that reads such files says how they are written
    with tempfile.TemporaryDirectory() as folder:
        path = publish(module, Path(folder))
        get_paper(recipe.paper).part("weights").load_weights(module, path)
