"""A recipe trained as `papers train` trains it, for as many batches as a benchmark wants."""

import io
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from unittest.mock import patch

from lightning import Trainer
from rich.console import Console

import common.train
from benchmarks.timing import StepClock
from common.config import load_recipe
from common.runs import new_run

# A record needs a metric; k-NN is the cheapest.
UNWATCHED = ["tracking.mode=disabled", "evaluation.protocols=[knn]", "evaluation.references=[]"]


def make_ready(reference: str, overrides: list[str] | None = None) -> Any:
    """Returns the recipe with its data read and its module built, as the pipeline does."""
    return common.train.prepare(load_recipe(reference, [*UNWATCHED, *(overrides or [])]))


def fit_with_callbacks(reference: str, batches: int, clock: StepClock) -> None:
    """Trains ``batches`` batches with the whole pipeline, ``clock`` added to its callbacks."""
    recipe = load_recipe(reference, [*UNWATCHED, f"trainer.batches={batches}"])

    def trainer_with_clock(**options: Any) -> Trainer:
        return Trainer(**{**options, "callbacks": [*options["callbacks"], clock]})

    with TemporaryDirectory() as folder, patch.object(common.train, "Trainer", trainer_with_clock):
        run = new_run(recipe, Path(folder))
        common.train.train(common.train.prepare(recipe), run, Console(file=io.StringIO()))
