"""A recipe's data and module with trained weights: a run's, or those of a file."""

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from common.backbones.published import check_fit, read_state_dict
from common.config.build import COMMAND_LINE, build
from common.config.schema import Recipe
from common.errors import LikewiseError, UsageError
from common.paper import get_paper
from common.results.record import read_record
from common.runs.checkpoints import last_good_checkpoint
from common.runs.folder import RunFolder
from common.runs.run import prepare_run
from common.training.fit import Experiment
from common.training.position import read_checkpoint
from common.training.selection import best_state

ACTIONS = "users' actions"
# Settings that are no columns of a user's actions, and the data that they are for.
READ_BY = {"skip_unreadable": "images"}
READ_BY |= dict.fromkeys(("date", "date_format", "fill"), "a series")


class Loaded(NamedTuple):
    """An experiment with the weights of a file.

    ``left_out`` says what of the file or of the module was left out, if anything; ``own`` tells
    that this project's command wrote the file.
    """

    experiment: Experiment
    left_out: str | None
    own: bool


def load_run(run: RunFolder, recipe: Recipe | None = None) -> Experiment:
    """Rebuilds a run's data and module and loads its selected weights, on the CPU.

    Args:
        run: The run's folder.
        recipe: In place of the run's own, with the same module.

    Raises:
        LikewiseError: If it holds no readable checkpoint.
        UsageError: If weights of a file were evaluated in it, which it does not hold.
    """
    if run.record.is_file() and read_record(run.record).weights == "published":
        again = f"papers evaluate|embed {run.read_recipe().reference} --weights FILE"
        raise UsageError(f"{run.path}: holds no weights; name their file again: {again}")
    experiment = prepare_run(recipe or run.read_recipe(), training_follows=False)
    selects_best = experiment.recipe.evaluation.select == "best"
    best = best_state(experiment.recipe, run.checkpoints) if selects_best else None
    if best is not None:
        experiment.module.load_state_dict(best)
    else:
        path, problems = last_good_checkpoint(run.checkpoints)
        if path is None and experiment.recipe.trainer.epochs > 0:
            said = "; ".join([f"{run.checkpoints} holds no readable checkpoint", *problems])
            raise LikewiseError(said)
        if path is not None:
            experiment.module.load_state_dict(read_checkpoint(path)["state_dict"])
            if not run.record.is_file():
                said = f"the run is not finished; its weights are those of {path.name}"
                warnings.warn(f"{run.path}: {said}", stacklevel=2)
    experiment.module.eval()
    return experiment


def read_otherwise(experiment: Experiment, reading: Mapping[str, Any], path: Path) -> None:
    """Has other data read with other settings than the run's own, from now on.

    Args:
        experiment: Whose own data are read as its recipe has them.
        reading: Settings of ``data``: ``skip_unreadable``, columns of users' actions, or how a
            series is read.
        path: The other data.

    Raises:
        UsageError: Settings that are not for data of its kind, columns of what is no table, or
            images that were read whole.
        ConfigError: A value that the setting does not take.
    """
    if not reading:
        return
    from common.data.images.sets import Split
    from common.data.sequences.readers.read import TABLES
    from common.own_data.csv_lines import kind_of

    data: Any = experiment.data
    for key, value in reading.items():
        if not hasattr(data.config, key):
            raise UsageError(f"data.{key}: is for a run on {READ_BY.get(key, ACTIONS)}")
        if key not in READ_BY and isinstance(value, str) and kind_of(path) not in TABLES:
            tables = ", ".join(f".{kind}" for kind in TABLES)
            raise UsageError(f"data.{key}={value}: names a column of {tables}; {path} is none")
    data.load()  # its own data as its recipe has them
    if reading.get("skip_unreadable") and isinstance(data.set["train"], Split):
        raise UsageError(
            f"data.skip_unreadable: is for a run on image files; that on {data.config.name} reads "
            "all images at once. Take unreadable files away"
        )
    data.config = build(data.config, [(COMMAND_LINE, dict(reading))])[0]


def load_weights(recipe: Recipe, weights: Path) -> Loaded:
    """Builds the recipe's data and module and loads the file ``weights``, on the CPU.

    A file that holds every array of the module under its own name is one that a run has
    written. Any other is the paper's reader's.

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
    experiment = prepare_run(recipe, training_follows=False)
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
