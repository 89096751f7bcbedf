"""Training steps on a device that is not the CPU: all that would make a GPU wait is listed here.

A GPU runs behind the host. A look at a value, or a copy from memory that is not pinned, holds the
host until all that was queued is done. What is made on the wrong device ends the run.
"""

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import torch
from lightning import Callback, LightningModule, Trainer, seed_everything
from torch import Tensor

from common.config.recipe import load_recipe
from common.paper import paper_names
from common.results.steps.take import NEVER, as_taken
from common.runs.lightning_notices import quieten_lightning
from common.training import trainer as training
from common.training.fit import Experiment, build_module, evaluate, load_data
from papers.swav.module import SwAV
from tests.fake_device import Device, DeviceStrategy, device
from tests.recipes import BASELINES

BATCHES = 4
PAPERS = [f"{paper}/quick" for paper in paper_names()]
OTHERS = [pytest.param(name, marks=pytest.mark.slow) for name in BASELINES.values()]

LOOKS = "an integer of the state that no copy on the host is kept of"
COPIES = "small numbers of the host, copied from memory that is not pinned"
LENGTHS = "how many there are is known from the labels or masks only"
# What a step may wait for, by the reason that it does.
ALLOWED = {}


class Watch(Callback):
    """Notes waits after the first batch, which may look at what the next ones know.

    The first batch's diagnostics are written, so that these run on the device, too.
    """

    def __init__(self, found: Device) -> None:
        self.found, self.seen = found, 0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Lets the first batch be written."""
        trainer.log_every_n_steps = 1

    def on_train_batch_end(self, trainer: Trainer, *_: Any) -> None:
        """Watches from here to the end of the last batch."""
        self.seen += 1
        trainer.log_every_n_steps = NEVER
        self.found.watching = self.seen < BATCHES
        trainer.should_stop = self.seen == BATCHES


def train(reference: str, folder: Path, strategy: Any) -> tuple[Experiment, set[str]]:
    """Trains a few batches; returns what was trained, and a line for each wait or refusal."""
    quieten_lightning()
    recipe = as_taken(load_recipe(reference))
    seed_everything(recipe.seed, verbose=False)
    data = load_data(recipe)
    module = build_module(recipe, data)

    def on(**options: Any) -> Trainer:
        return Trainer(**{**options, "accelerator": "auto", "strategy": strategy})

    with device() as found, patch.object(training, "Trainer", on), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        trainer = training.make_trainer(recipe, module, [Watch(found)], folder)
        trainer.fit(module, datamodule=data)
    assert trainer.global_step
    return Experiment(recipe, data, module), found.found
