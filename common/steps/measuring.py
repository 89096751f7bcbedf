"""The protocols of a setting on synthetic data: metrics, and the scores that they come from."""

import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning import seed_everything

from common.config.schema import Recipe
from common.evaluation.run_protocols import run_protocols
from common.evaluation.scores import recorded
from common.paper import get_paper
from common.steps.enter_state import perturb_state
from common.steps.float64 import in_double, moved
from common.steps.points import own_part
from common.steps.take import Taken, synthetic_data
from common.steps.watch import project
from common.training.fit import build_module


def take_measures(recipe: Recipe, made: Any, published: bool, share: float = 0.0) -> Taken:
    """Runs the recipe's protocols on its module, seeded, and on what learns nothing.

    Args:
        recipe: From `as_taken`.
        made: What a reader would return.
        published: Whether the module is filled from a file of the authors' form.
        share: By how much of itself each number of data and module is moved.
    """
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
    return taken


def _note(taken: Taken, key: str, found: dict[str, float]) -> None:
    taken.values[f"protocols/{key}"] = list(found.values())
    taken.names[key] = list(found)


def _publish_and_load(recipe: Recipe, module: Any) -> None:
    """Fills ``module`` from a file of the authors' form that holds what it has."""
    publish = own_part(recipe, "publish")
    assert publish is not None  # a paper that reads such files says how they are written
    with tempfile.TemporaryDirectory() as folder:
        path = publish(module, Path(folder))
        get_paper(recipe.paper).part("weights").load_weights(module, path)
