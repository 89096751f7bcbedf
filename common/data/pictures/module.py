"""The data module of all picture papers."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning import LightningDataModule
from torch import nn
from torch.utils.data import DataLoader, Dataset

from common.data.pictures.batch import PictureBatch, ViewBatch
from common.data.pictures.config import PictureConfig, PictureFacts
from common.data.pictures.evaluation import EVALUATION_BATCH, evaluated_pair, raw_pixels
from common.data.pictures.own import read_own
from common.data.pictures.per_sample import PerSampleViews
from common.data.pictures.sets import (
    PictureSet,
    Split,
    check_set,
    fingerprint,
    hold_out,
    to_float,
)
from common.data.pictures.views import make_view_batch, normalise
from common.data.sampler import BatchKey, EpochBatchSampler
from common.errors import ConfigError
from common.evaluation.pictures import LazyFeatures, PictureInputs, embed_frozen
from common.registry import DATASETS


class WholeBatches(Dataset[PictureBatch]):
    """Gives all pictures of a batch at once."""

    def __init__(self, split: Split) -> None:
        self.split = split

    def __len__(self) -> int:
        """Returns the number of pictures."""
        return len(self.split)

    def __getitem__(self, key: BatchKey) -> PictureBatch:
        """Returns the pictures and labels at ``key.rows``."""
        return PictureBatch(self.split.pictures[key.rows], self.split.labels[key.rows], key)


class PictureData(LightningDataModule):
    """Pictures in memory, views made on the batch's device.

    Args:
        config: The ``data:`` section.
        seed: With epoch and position, the seed of order and views.
    """

    def __init__(self, config: PictureConfig, seed: int) -> None:
        super().__init__()
        self.config, self.seed = config, seed
        self.reference_names = ("raw",)
        self.set: PictureSet = {}
        self.fingerprint = ""
        self._sampler: EpochBatchSampler | None = None
        self._batches_seen = 0

    def load(self) -> None:
        """Reads or renders the set and checks it; does nothing the second time.

        Raises:
            DataError: Missing files or unusable pictures.
            ConfigError: More pictures a batch than there are; channels of ``data.mean``.
        """
        if self.set:
            return
        loaded = DATASETS["pictures"].get(self.config.name)(self.config.root)
        check_set(self.config.name, loaded)
        pictures = hold_out(loaded, self.config.holdout)
        self._check_config(pictures["train"])
        self.set, self.fingerprint = pictures, fingerprint(pictures)

    def _check_config(self, train: Split) -> None:
        channels, size = train.pictures.shape[1], self.config.batch_size
        if channels not in (1, 3) and any(v.jitter or v.grey for v in self.config.views):
            raise ConfigError(
                f"data.views: jitter and grey need 1 or 3 channels, not {channels} as in "
                f"{self.config.name}"
            )
        if size > len(train):
            raise ConfigError(
                f"data.batch_size={size}: {self.config.name} has {len(train)} training pictures "
                f"beside its hold-out; use at most that many"
            )
        if len(self.config.mean) not in (0, channels):
            raise ConfigError(f"data.mean: {len(self.config.mean)} values for {channels} channels")

    @property
    def facts(self) -> PictureFacts:
        """What a module must know of the data."""
        self.load()
        train = self.set["train"]
        num_classes = int(max(part.labels.max() for part in self.set.values())) + 1
        channels, size = train.pictures.shape[1], train.pictures.shape[-1]
        return PictureFacts(channels, size, num_classes, len(train))

    def describe(self) -> str:
        """Returns one line for the console."""
        self.load()
        shape = "x".join(str(side) for side in self.set["train"].pictures.shape[1:])
        counts = ", ".join(f"{len(part):,} {name}" for name, part in self.set.items())
        views = " + ".join(f"{view.count} x {view.size}" for view in self.config.views)
        return f"{self.config.name}: {shape}, {counts}; views {views}; data {self.fingerprint}"

    def train_dataloader(self) -> DataLoader[Any]:
        """Returns the loader of whole batches; raises `ConfigError` on an uneven share."""
        self.load()
        rank = self.trainer.global_rank if self.trainer else 0
        world_size = self.trainer.world_size if self.trainer else 1
        size = self.config.batch_size
        if size % world_size:
            near = max(size // world_size, 1) * world_size
            raise ConfigError(
                f"data.batch_size={size} cannot be shared by {world_size} processes; "
                f"use {near} or {near + world_size}"
            )
        train = self.set["train"]
        self._sampler = EpochBatchSampler(len(train), size, self.seed, rank, world_size)
        self._sampler.seek(self._batches_seen)
        # A generator of its own: starting an iterator must not draw from the global one.
        return DataLoader(
            self._dataset(train),
            sampler=self._sampler,
            batch_size=None,
            num_workers=self.config.workers,
            generator=torch.Generator(),
        )

    def _dataset(self, train: Split) -> Dataset[Any]:
        if self.config.pipeline == "batched":
            return WholeBatches(train)
        return PerSampleViews(WholeBatches(train), self.config, self.seed)

    def seek(self, batches_seen: int) -> None:
        """Goes on after ``batches_seen`` batches, also before the loader exists."""
        self._batches_seen = batches_seen
        if self._sampler is not None:
            self._sampler.seek(batches_seen)

    def transfer_batch_to_device(
        self, batch: PictureBatch | ViewBatch, device: torch.device, dataloader_idx: int
    ) -> PictureBatch | ViewBatch:
        """Moves the tensors only: Lightning would walk over every row number of the key."""
        labels = batch.labels.to(device)
        if isinstance(batch, ViewBatch):
            views = [view.to(device, non_blocking=True) for view in batch.views]
            return batch._replace(views=views, labels=labels)
        pictures = batch.pictures.to(device, non_blocking=True)
        return batch._replace(pictures=pictures, labels=labels)

    def on_after_batch_transfer(
        self, batch: PictureBatch | ViewBatch, dataloader_idx: int
    ) -> ViewBatch:
        """Makes the views, unless the workers did."""
        if isinstance(batch, ViewBatch):
            return batch
        return make_view_batch(batch, self.config, self.seed)

    def evaluation_inputs(self, module: nn.Module, split: str) -> PictureInputs:
        """Returns what protocols measure ``module`` by; nothing is embedded before its use.

        Labelled references are the training pictures; for "test" the hold-out too.
        """
        self.load()
        return PictureInputs(module, *evaluated_pair(self.set, split, self.config))

    def references(self, split: str) -> dict[str, LazyFeatures]:
        """Returns the encoders that learn nothing: ``raw`` is the pixels."""
        self.load()
        pair = evaluated_pair(self.set, split, self.config)
        return {"raw": LazyFeatures(lambda: raw_pixels(*pair))}

    def embed_path(self, module: nn.Module, path: Path) -> dict[str, np.ndarray]:
        """Embeds a user's own pictures, a folder or an npz, without views.

        Returns:
            ``embedding`` (num, dim), and for a folder ``name`` (num,) of each picture in it.

        Raises:
            DataError: Nothing to read, or what cannot be used; names the file.
        """
        self.load()
        channels, height, width = self.set["train"].pictures.shape[1:]
        pictures, names = read_own(path, (channels, height, width))
        x = normalise(to_float(pictures), self.config.mean, self.config.std)
        h = torch.cat([embed_frozen(module, part).cpu() for part in x.split(EVALUATION_BATCH)])
        return {"embedding": h.numpy(), **({} if names is None else {"name": names})}
