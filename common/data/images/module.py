"""The data module of all image papers."""

import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from common.data.contract import Look, RunData
from common.data.images.batch import Unfinished, move_batch
from common.data.images.checks import check_files, check_labels, describe_labels, find_warnings
from common.data.images.config import FILE_SETS, ImageConfig, ImageFacts
from common.data.images.evaluation import DenseImages, EvaluatedImages, ObjectImages, split_pair
from common.data.images.lazy import (
    AnySplit,
    ImageBatches,
    Kind,
    fingerprint_files,
    hold_out,
    keep_labelled,
)
from common.data.images.loading import ImageLoader, watched
from common.data.images.per_sample import Cuts, finish_views
from common.data.images.sets import ImageSet, Split, check_set, fingerprint
from common.data.modality import DataSets
from common.errors import ConfigError
from common.evaluation.config import EvaluationConfig, check_asked
from common.evaluation.features import ImageInputs
from common.evaluation.frozen import embed_frozen
from common.registry import READERS


class ImageData(RunData):
    """Images in memory or in files, views made on the batch's device or where they are read.

    Args:
        config: The ``data:`` section.
        seed: With epoch and position, the seed of order and views.
        read: Takes ``config.root`` and returns the set, in memory; None: the set's own reader.
    """

    reference_names = ("raw",)

    def __init__(
        self,
        config: ImageConfig,
        seed: int,
        read: Callable[[str | None], ImageSet] | None = None,
    ) -> None:
        super().__init__(seed, config.batch_size)
        self.config, self._read = config, read
        self.set: dict[str, AnySplit] = {}
        self._left_out = ""

    def load(self) -> None:
        """Reads or renders the set and checks it; does nothing the second time.

        Raises:
            DataError: Missing files or unusable images.
            ConfigError: Channels that the views or ``data.mean`` do not fit.
        """
        if self.set:
            return
        config = self.config
        reader: Any = self._read or DataSets("images").get(config.name)
        if self._read is None and config.name in FILE_SETS:
            opened, self._left_out = READERS.get("readable-images")(reader(config), config)
            files = _choose(opened, config)
            images, digest = dict[str, AnySplit](files), fingerprint_files(files)
        else:
            loaded = reader(config.root)
            check_set(config.name, loaded)
            loaded = _choose(loaded, config)
            images, digest = dict[str, AnySplit](loaded), fingerprint(loaded)
        self._check_config(images["train"])
        self.set, self.fingerprint = images, digest

    def _check_config(self, train: AnySplit) -> None:
        channels = train.shape[0]
        if channels not in (1, 3) and any(v.jitter or v.grey for v in self.config.views):
            raise ConfigError(
                f"data.views: jitter and grey need 1 or 3 channels, not {channels} as in "
                f"{self.config.name}"
            )
        if len(self.config.mean) not in (0, channels):
            raise ConfigError(f"data.mean: {len(self.config.mean)} values for {channels} channels")

    @property
    def facts(self) -> ImageFacts:
        """What a module must know of the data."""
        self.load()
        train = self.set["train"]
        num_classes = int(max(part.labels.max() for part in self.set.values())) + 1
        channels, _, width = train.shape
        size = width or max(view.size for view in self.config.views)
        num_unlabelled = int((train.labels < 0).sum())
        return ImageFacts(channels, size, num_classes, len(train), num_unlabelled)

    def check_evaluation(self, evaluation: EvaluationConfig) -> None:
        """Checks, before compute is spent, that protocols will find what they need.

        Raises:
            DataError: Images without the labels that protocols need, or of several sizes.
            ConfigError: Fewer labelled images than a protocol asks for.
        """
        self.load()
        measured = []
        for split, names in (
            (evaluation.split, evaluation.protocols),
            (evaluation.online_split, evaluation.online),
        ):
            asked = [evaluation.settings(name) for name in names]
            if any(one.needs for one in asked) and split in self.set:
                check_labels(self.set, split, self.config)
                measured.append(split)
        check_asked(evaluation, "images", lambda split: self.evaluation_inputs(None, split))
        check_files(self.set, measured, self.config)

    @property
    def warnings(self) -> list[str]:
        """What may be a slip in the data, a line each."""
        self.load()
        return find_warnings(self.set)

    def check_training(self) -> None:
        """Raises `ConfigError` if a batch takes more images than there are."""
        self.load()
        size, num = self.config.batch_size, len(self.set["train"])
        if size > num:
            beside = " beside its hold-out" if self.config.holdout else ""
            raise ConfigError(
                f"data.batch_size={size}: {self.config.name} has {num} training "
                f"images{beside}; use at most that many"
            )

    def describe(self) -> str:
        """Returns one line for the console."""
        self.load()
        channels, height, width = self.set["train"].shape
        shape = f"{channels}x{height}x{width}" if height else "RGB of any size"
        counts = ", ".join(f"{len(part):,} {name}" for name, part in self.set.items())
        counts = f"{counts}, {describe_labels(self.set)}"
        views = " + ".join(f"{view.count} x {view.size}" for view in self.config.views)
        name = self.config.path or self.config.name
        return f"{name}: {shape}, {counts}{self._left_out}; views {views}; data {self.fingerprint}"

    def train_dataloader(self) -> ImageLoader:
        """Returns the loader of whole batches.

        Raises:
            ConfigError: A batch of more images than there are, or that processes cannot share.
        """
        self.check_training()
        config = self.config
        train = watched(self.set["train"], config.workers)
        order = None if isinstance(train, Split) else partial(train.order, config.shuffle_window)
        sampler = self.make_sampler(len(train), config.batch_size, order=order)
        batches: Any = ImageBatches(train)
        if config.pipeline == "hybrid":
            batches = Cuts(batches, config, self.seed)
        return ImageLoader(batches, train, sampler, config.workers, config.prefetch)

    def val_dataloader(self) -> list[Any]:
        """Returns what `Trainer.validate` measures: the split "val", prepared by this module.

        Raises:
            DataError: There is none; a training does without.
        """
        self.load()
        if "val" not in self.set and self.trainer is not None and self.trainer.state.fn == "fit":
            return []
        return self._measured("val")

    def test_dataloader(self) -> list[Any]:
        """Returns what `Trainer.test` measures: the split "test", prepared by this module."""
        return self._measured("test")

    def _measured(self, split: str) -> list[Any]:
        self.load()
        self.check_split(split)
        # One loader of one batch, which a module's `Probe` calls.
        return [Look(partial(self.evaluation_inputs, split=split))]

    def transfer_batch_to_device(
        self, batch: Unfinished, device: torch.device, dataloader_idx: int
    ) -> Unfinished:
        """Moves the tensors only: Lightning would walk over every row number of the key."""
        # A look prepares its images itself.
        return move_batch(batch, device) if isinstance(batch, Unfinished) else batch

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        """Makes the views, or what the workers left to make of them."""
        if isinstance(batch, Unfinished):
            return finish_views(batch, self.config, self.seed)
        return batch

    def evaluation_inputs(self, module: nn.Module | None, split: str) -> ImageInputs:
        """Returns what protocols measure ``module``, or raw pixels, by; embedded at its use.

        Labelled references are the training images; for "test" the hold-out too.
        """
        self.load()
        pair, config = split_pair(self.set, split, self.config), self.config
        train, test = (EvaluatedImages(part, config) for part in pair)
        dense, tested_dense = (DenseImages(part, config) for part in pair)
        objects, tested_objects = (ObjectImages(part, config) for part in pair)
        return ImageInputs(module, train, test, (dense, tested_dense), (objects, tested_objects))

    def check_split(self, split: str) -> None:
        """Raises `DataError` unless protocols can measure ``split``."""
        split_pair(self.set, split, self.config)

    def references(self, split: str) -> dict[str, ImageInputs]:
        """Returns the encoders that learn nothing: ``raw`` is the pixels."""
        return {"raw": self.evaluation_inputs(None, split)}

    def embed_path(self, module: nn.Module, path: Path) -> dict[str, np.ndarray]:
        """Embeds a user's own images, a folder or an npz, without views.

        Of files those that cannot be read are left out with a warning, if ``data.skip_unreadable``.

        Returns:
            ``embeddings`` (num, dim), and ``ids`` and ``labels`` (num,) where they are known.

        Raises:
            DataError: Nothing to read, or what cannot be used; names the file.
        """
        self.load()
        split: AnySplit
        if isinstance(self.set["train"], Split):
            channels, height, width = self.set["train"].images.shape[1:]
            images, known = READERS.get("images")(path, (channels, height, width))
            split = Split(images, torch.zeros(len(images)))
        else:
            listed, known = READERS.get("image-files")(path)
            kept, left_out = READERS.get("readable-images")({"test": listed}, self.config)
            known = {name: rows[kept["test"].index.numpy()] for name, rows in known.items()}
            split = kept["test"]
            if left_out:
                warnings.warn(f"{path}{left_out}", stacklevel=2)
        device = next(module.parameters()).device
        whole = EvaluatedImages(split, self.config).whole(device)
        h = torch.cat([embed_frozen(module, part).cpu() for part in whole])
        return {"embeddings": h.numpy(), **known}


def _choose(images: dict[str, Kind], config: ImageConfig) -> dict[str, Kind]:
    held = hold_out(images, config.holdout)
    return keep_labelled(config.path or config.name, held) if config.labelled_only else held
