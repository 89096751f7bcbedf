"""A recipe trained as `papers train` trains it, for as many batches as a benchmark wants."""

import dataclasses
import io
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from lightning import Callback, Trainer
from rich.console import Console

import common.runs.run
import common.training.fit
import common.training.trainer
from common.config.recipe import load_recipe
from common.runs.folder import new_run
from common.training.fit import Experiment

UNWATCHED = ["tracking.mode=disabled", "evaluation.references=[]"]


def make_ready(reference: str, overrides: list[str] | None = None) -> Any:
    """Returns the recipe with its data read and its module built, as the pipeline does."""
    return common.runs.run.prepare_run(load_recipe(reference, [*UNWATCHED, *(overrides or [])]))


def fit_with_callbacks(ready: Experiment, batches: int, clock: Callback) -> None:
    """Trains ``batches`` batches with the whole pipeline, ``clock`` added to its callbacks."""
    settings = dataclasses.replace(ready.recipe.trainer, batches=batches)
    ready = dataclasses.replace(ready, recipe=dataclasses.replace(ready.recipe, trainer=settings))

    def trainer_with_clock(**options: Any) -> Trainer:
        return Trainer(**{**options, "callbacks": [*options["callbacks"], clock]})

    def without_evaluation(*_: Any, **__: Any) -> dict[str, float]:
        return {"test/none": 0.0}

    with (
        TemporaryDirectory() as folder,
        patch.object(common.training.trainer, "Trainer", trainer_with_clock),
        patch.object(common.training.fit, "evaluate", without_evaluation),
    ):
        run = new_run(ready.recipe, Path(folder))
        common.runs.run.train(ready, run, Console(file=io.StringIO()))
