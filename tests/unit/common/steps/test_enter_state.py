"""A checkpoint entered at its own place is the one that was written there."""

import copy
from pathlib import Path
from typing import Any

import pytest
import torch
from lightning import Callback, LightningModule, Trainer

from common.config.recipe import load_recipe
from common.data.images.module import ImageData
from common.data.images.synthetic import make
from common.steps.enter_state import enter, perturb_state
from common.steps.points import Counts, Point
from common.steps.take import as_taken
from common.training.fit import build_module
from common.training.position import Position, read_checkpoint
from common.training.trainer import make_trainer
from tests.shapes import IMAGES

EPOCHS = 3


class Keep(Callback):
    """Writes checkpoints where a run's own are written: within an epoch, and at its end."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def on_train_batch_end(
        self, trainer: Trainer, module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        if batch_idx == 1:
            self._save(trainer)

    def on_train_epoch_end(self, trainer: Trainer, module: LightningModule) -> None:
        self._save(trainer)

    def _save(self, trainer: Trainer) -> None:
        seen = int(trainer.lightning_module.get_buffer("batches_seen"))
        trainer.save_checkpoint(self.folder / f"{seen}.ckpt", weights_only=False)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Trainer, Counts]:
    settings = ["data.batch_size=32", f"trainer.epochs={EPOCHS}", "optimizer.warmup_epochs=1"]
    recipe = as_taken(load_recipe("swav/quick", settings))
    data = ImageData(recipe.data, recipe.seed, read=lambda _root: make(IMAGES, rows=100))
    data.load()
    folder = tmp_path_factory.mktemp("checkpoints")
    module = build_module(recipe, data).double()
    trainer = make_trainer(recipe, module, [Position(), Keep(folder)], folder)
    trainer.fit(module, datamodule=data)
    batches = int(trainer.num_training_batches)
    return folder, trainer, Counts(EPOCHS * batches, EPOCHS, batches)


def test_the_counters_are_lightnings_own(trained: tuple[Path, Trainer, Counts]) -> None:
    folder, trainer, counts = trained
    paths = sorted(folder.glob("*.ckpt"))
    assert len(paths) == 2 * EPOCHS
    first = read_checkpoint(folder / "2.ckpt")
    for path in paths:
        written, made = read_checkpoint(path), copy.deepcopy(first)
        enter(made, Point("here", int(path.stem)), counts, trainer)
        for name in ("epoch_progress", "epoch_loop.batch_progress"):
            assert made["loops"]["fit_loop"][name] == written["loops"]["fit_loop"][name], path
        assert made["lr_schedulers"] == written["lr_schedulers"]
        assert made["epoch"] == written["epoch"]
        assert made["likewise"]["batches_seen"] == written["likewise"]["batches_seen"]
        rates = [
            [group["lr"] for group in checkpoint["optimizer_states"][0]["param_groups"]]
            for checkpoint in (made, written)
        ]
        assert rates[0] == rates[1]


def test_a_perturbed_state_is_valid_and_another_one() -> None:
    state = {
        "weight": torch.zeros(4),
        "variance": torch.tensor([1.0, 0.0, 2.0]),
        "count": torch.tensor(3),
    }
    perturb_state(state, {"weight"})
    assert bool((state["weight"] != 0).all())
    assert bool((state["variance"] >= 0).all()) and state["variance"][1] == 0
    assert float(state["variance"][0]) != 1 and int(state["count"]) == 3
