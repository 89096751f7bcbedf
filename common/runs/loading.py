"""Weights from a file into a recipe's module: the authors' published ones, and this project's."""

from pathlib import Path
from typing import NamedTuple

from common.backbones.published import check_fit, read_state_dict
from common.config.schema import Recipe
from common.errors import UsageError
from common.paper import get_paper
from common.runs.run import prepare
from common.training.fit import Experiment


class Loaded(NamedTuple):
    """An experiment with the weights of a file.

    ``left_out`` says what of the file or of the module was left out, if anything; ``own`` tells
    that this project's command wrote the file.
    """

    experiment: Experiment
    left_out: str | None
    own: bool


def load_weights(recipe: Recipe, weights: Path) -> Loaded:
    """Builds the recipe's data and module and loads the file ``weights``, on the CPU.

    A file that holds every array of the module under its own name is one that `papers weights` or
    a run has written. Any other is the paper's reader's.

    Raises:
        UsageError: The file is missing or holds other weights, and the paper reads no published
            ones.
        DataError: An array of another shape than the recipe's module has.
    """
    if not weights.is_file():
        raise UsageError(f"{weights}: no such file of weights")
    try:
        reader = get_paper(recipe.paper).part("weights")
    except ModuleNotFoundError:
        reader = None
    experiment = prepare(recipe, training_follows=False)
    wanted = experiment.module.state_dict()
    arrays = read_state_dict(weights)
    own, left_out = reader is None or arrays.keys() == wanted.keys(), None
    if own:
        other = f"the file is of another recipe than {recipe.reference}"
        check_fit(weights, arrays, wanted, "the recipe's method", lambda _name, _array: other)
        experiment.module.load_state_dict(arrays)
    else:
        left_out = reader.load_weights(experiment.module, weights)
    experiment.module.eval()
    return Loaded(experiment, left_out, own)
