"""A few steps of a setting on synthetic data, at each of its points."""

import gc
import tempfile
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning import LightningModule, Trainer, seed_everything
from torch import Tensor

from common.config.schema import Recipe
from common.data.contract import RunData
from common.paper import get_paper
from common.runs.checkpoints import AtomicCheckpointIO
from common.runs.progress import quieten_lightning
from common.steps.enter_state import enter
from common.steps.float64 import KEPT, in_double, mapped, moved
from common.steps.folding import describe_orders, fold
from common.steps.points import Counts, Length, Point, own_part, points_of
from common.steps.watch import Names, Values, Watch
from common.training.fit import build_module
from common.training.position import Position, read_checkpoint
from common.training.trainer import make_trainer

SCHEDULED = 50
# Diagnostics are no part of a number.
NEVER = 1_000_000_000
FEW_LAYERS = 2


@dataclass
class Taken:
    """What the steps gave; see `common.steps.file_format.Steps`."""

    orders: list[str]
    values: Values
    names: Names


def as_taken(recipe: Recipe) -> Recipe:
    """Returns the recipe on one CPU in full precision, without what moves no number."""
    trainer = replace(
        recipe.trainer,
        accelerator="cpu",
        devices=1,
        nodes=1,
        strategy="auto",
        precision="32-true",
        compile=False,
        channels_last=False,
        threads=1,
        log_every=NEVER,
    )
    method, data = recipe.method, recipe.data
    if hasattr(method, "initial_weights"):
        method = replace(method, initial_weights=None)
    encoder = getattr(method, "encoder", None)
    if encoder is not None and encoder.checkpoint:
        # A record does not keep its sizes, and few layers show what many would.
        method = replace(method, encoder=replace(encoder, checkpoint=None, layers=FEW_LAYERS))
    if hasattr(data, "workers"):
        data = replace(data, workers=0)
    return replace(recipe, trainer=trainer, method=method, data=data)


def synthetic_data(recipe: Recipe, made: Any) -> RunData:
    """Returns the recipe's data module with ``made`` in the place of what is read."""
    kind = get_paper(recipe.paper).data_module()
    data: RunData = kind(recipe.data, recipe.seed, read=lambda *_: made)
    data.load()
    return data


def take_steps(recipe: Recipe, made: Any, length: Length, share: float = 0.0) -> Taken:
    """Takes the steps of each point; all inputs and parameters are moved by ``share`` first.

    Args:
        recipe: From `as_taken`.
        made: What a reader would return.
        length: Length of the recorded training.
        share: By which share each number is moved; 0 leaves them.
    """
    quieten_lightning()
    with in_double(), tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        seed_everything(recipe.seed, verbose=False)
        data = synthetic_data(recipe, made)
        fold(data, length.samples, share)
        return _Runner(recipe, data, length, share, Path(folder)).take()


class _Runner:
    def __init__(
        self, recipe: Recipe, data: RunData, length: Length, share: float, folder: Path
    ) -> None:
        self.recipe, self.data = recipe, data
        loader = data.train_dataloader()
        assert data._sampler is not None
        # Where inputs are whole numbers, such as items, the parameters are moved instead.
        self.moves_state = bool(share) and not _holds_numbers(data, loader)
        self.counts = Counts(
            length.batches, length.epochs, len(data._sampler), recipe.trainer.accumulate
        )
        self.share, self.folder = share, folder
        self.taken = Taken([], {}, {})

    def take(self) -> Taken:
        first, *later = points_of(self.recipe, self.counts)
        path = self.folder / "start.ckpt"
        trainer = self._run(first, None, path)
        self._read_schedules(trainer)
        assert self.data._sampler is not None
        self.taken.orders = describe_orders(self.data._sampler)
        for point in later:
            checkpoint = read_checkpoint(path)
            enter(checkpoint, point, self.counts, trainer)
            if self.moves_state:
                checkpoint["state_dict"] = moved(checkpoint["state_dict"], self.share)
            entered = self.folder / "entered.ckpt"
            AtomicCheckpointIO().save_checkpoint(checkpoint, entered)
            self._run(point, entered, None)
        return self.taken

    def _run(self, point: Point, resumed: Path | None, save: Path | None) -> Trainer:
        recipe = self.recipe
        gc.collect()  # of the point before: a trainer and its module hold each other
        module = build_module(recipe, self.data).double()
        if self.moves_state:
            module.load_state_dict(moved(module.state_dict(), self.share))
        watch = Watch(point.name, point.steps * self.counts.accumulate, save)
        position = Position()
        trainer = make_trainer(recipe, module, [position, watch], self.folder)
        self.data.seek(0)
        seed_everything(recipe.seed, verbose=False)
        trainer.fit(module, datamodule=self.data, ckpt_path=resumed)
        self.taken.values |= watch.values
        self.taken.names |= watch.names
        return trainer

    def _read_schedules(self, trainer: Trainer) -> None:
        """Notes rates and the paper's own quantities at even places over the training."""
        batches = self.counts.batches - 1
        places = [self.counts.place(int(b)) for b in np.linspace(0, batches, SCHEDULED)]
        for number, config in enumerate(trainer.lr_scheduler_configs):
            scheduler, rates = config.scheduler, list[float | None]()
            for place in places:
                scheduler.last_epoch = place.update
                rates.extend(float(rate) for rate in scheduler.get_lr())
            self.taken.values[f"scheduled/rates {number}"] = rates
        scheduled: Callable[..., dict[str, float]] | None = own_part(self.recipe, "scheduled")
        if scheduled is None:
            return
        module: LightningModule = trainer.lightning_module
        for place in places:
            _set_place(module, place.batch, place.update)
            for name, value in scheduled(module, place).items():
                self.taken.values.setdefault(f"scheduled/{name}", []).append(float(value))


def _holds_numbers(data: RunData, loader: Any) -> bool:
    """Tells whether anything in a batch is no whole number."""
    found = list[Tensor]()
    mapped(data.on_after_batch_transfer(next(iter(loader)), 0), found.append, KEPT)
    return bool(found)


def _set_place(module: LightningModule, batch: int, update: int) -> None:
    with torch.no_grad():
        for name, value in (("batches_seen", batch), ("updates", update)):
            if name in dict(module.named_buffers(recurse=False)):
                module.get_buffer(name).fill_(value)
