"""The data module of samples whose labels are numbers."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from common.data.contract import RunData, keyed_loader
from common.data.modality import DataSets
from common.data.sampler import BatchKey, EpochBatchSampler
from common.data.targets.regression.config import RegressionConfig, RegressionFacts
from common.data.targets.regression.samples import (
    VAL,
    InputScale,
    RegressionSet,
    check_numbers,
    check_samples,
    choose_split,
    fingerprint_samples,
    measure_scale,
    thin,
)
from common.data.targets.regression.views import RegressionBatch, change_inputs, prepared
from common.errors import ConfigError
from common.evaluation.regression_inputs import RegressionInputs, Samples
from common.registry import READERS


class SampleBatches(Dataset[RegressionBatch]):
    """Gives all samples of a batch at once."""

    def __init__(self, samples: Samples) -> None:
        self.samples = samples

    def __len__(self) -> int:
        """Returns the number of samples."""
        return len(self.samples.targets)

    def __getitem__(self, key: BatchKey) -> RegressionBatch:
        """Returns the samples at ``key.rows``."""
        inputs, targets = self.samples
        return RegressionBatch(inputs[key.rows], targets[key.rows], key)


class RegressionData(RunData):
    """Samples in memory with numbers as labels; views are made on the batch's device.

    Args:
        config: The ``data:`` section.
        seed: With epoch and position, the seed of order and views; without ``data.split`` it
            chooses the split.
        read: Takes the configuration and returns the set; None: the reader of ``config.name``.
    """

    reference_names = ("raw", "trees")

    def __init__(
        self,
        config: RegressionConfig,
        seed: int,
        read: Callable[[RegressionConfig], RegressionSet] | None = None,
    ) -> None:
        super().__init__(seed, config.batch_size)
        self.config, self._read = config, read
        self.parts: dict[str, Samples] = {}
        self.scale: InputScale | None = None
        self._set: RegressionSet | None = None
        self._counted: Tensor | None = None

    def load(self) -> None:
        """Reads or renders the set, checks it and chooses the split; once.

        Raises:
            DataError: Missing files, labels that are constant or no numbers, inputs with NaN.
            ConfigError: An unknown split, or a batch larger than the training part.
        """
        if self.parts:
            return
        config = self.config
        reader = self._read or DataSets("number").get(config.name)
        found: RegressionSet = reader(config)
        check_samples(self._title, found)
        parts = choose_split(self._title, found, config.split, self.seed, config.holdout)
        if config.num_train is None and config.imbalance == 1 and not (found.splits == VAL).any():
            # The hold-out was carved from the training part, which is as it was.
            self._counted = torch.cat([parts[name].targets for name in ("train", "val")])
        parts["train"] = thin(parts["train"], config.num_train, config.imbalance)
        # A few that differed may be in the hold-out, or thinned away.
        check_numbers(
            parts["train"].targets, self._title, "beside the hold-out, as they are thinned"
        )
        num = len(parts["train"].targets)
        if config.batch_size > num:
            raise ConfigError(
                f"data.batch_size={config.batch_size}: {self._title} has {num} training samples "
                "beside its hold-out; use at most that many"
            )
        self._check_views(found)
        self.scale = measure_scale(parts["train"].inputs) if config.standardise else None
        if self.scale is not None:
            scale = self.scale
            parts = {k: p._replace(inputs=scale.apply(p.inputs)) for k, p in parts.items()}
        self.fingerprint = fingerprint_samples(found)
        self._set, self.parts = found, parts

    @property
    def whole(self) -> RegressionSet:
        """All samples and all splits, read if they were not."""
        self.load()
        assert self._set is not None
        return self._set

    @property
    def _title(self) -> str:
        return self.config.path or self.config.name

    def _check_views(self, found: RegressionSet) -> None:
        shape = tuple(found.inputs.shape[1:])
        given = [name for name in ("views", "mean", "std") if getattr(self.config, name)]
        if given and len(shape) != 3:
            raise ConfigError(
                f"data.{given[0]}: for images, an input of {self._title} has shape {shape}; "
                "leave it out"
            )
        if len(self.config.mean) not in (0, 1, shape[0]):
            raise ConfigError(
                f"data.mean: {len(self.config.mean)} numbers for the {shape[0]} channels of "
                f"{self._title}"
            )
        if self.config.shift and found.inputs.ndim < 3:
            raise ConfigError(
                f"data.shift={self.config.shift}: rows of the table {self._title} have no "
                "order to shift along; use noise or swap"
            )

    @property
    def facts(self) -> RegressionFacts:
        """What a module must know of the data."""
        self.load()
        train = self.parts["train"]
        sampler = EpochBatchSampler(len(train.targets), self.config.batch_size, self.seed)
        ranges = [float(np.ptp(train.targets[key.rows].numpy())) for key in sampler]
        return RegressionFacts(
            tuple(train.inputs.shape[1:]),
            len(train.targets),
            float(train.targets.double().mean()),
            float(train.targets.double().std(correction=0)),
            max(ranges),
            (float(train.targets.min()), float(train.targets.max())),
        )

    def describe(self) -> str:
        """Returns one line for the console."""
        self.load()
        counts = ", ".join(f"{len(part.targets):,} {name}" for name, part in self.parts.items())
        shape = "x".join(map(str, self.parts["train"].inputs.shape[1:]))
        labels = self.parts["train"].targets
        return (
            f"{self._title}: {shape}, {counts}; labels "
            f"{labels.min().item():g} to {labels.max().item():g}; data {self.fingerprint}"
        )

    def train_dataloader(self) -> DataLoader[RegressionBatch]:
        """Returns whole batches in an order that depends on (seed, epoch) alone.

        Raises:
            ConfigError: A global batch that the processes cannot share.
        """
        self.load()
        dataset = SampleBatches(self.parts["train"])
        sampler = self.make_sampler(len(dataset), self.config.batch_size)
        return keyed_loader(dataset, sampler, self.config.workers)

    def transfer_batch_to_device(
        self, batch: RegressionBatch, device: torch.device, dataloader_idx: int
    ) -> RegressionBatch:
        """Moves the tensors only: Lightning would walk over every row number of the key."""
        inputs, targets = (part.to(device, non_blocking=True) for part in batch[:2])
        return batch._replace(inputs=inputs, targets=targets)

    def on_after_batch_transfer(
        self, batch: RegressionBatch, dataloader_idx: int
    ) -> RegressionBatch:
        """Makes the views."""
        return change_inputs(batch, self.config, self.parts["train"], self.seed)

    def evaluation_inputs(self, module: nn.Module, split: str) -> RegressionInputs:
        """Returns what protocols measure ``module`` by; nothing is embedded before its use."""
        self.load()
        return self._inputs(split, module)

    def references(self, split: str) -> dict[str, RegressionInputs]:
        """Returns what learns no representation.

        ``raw``: the inputs themselves, so that the probe is ridge regression. ``trees``:
        scikit-learn's gradient-boosted trees on the same samples, measured by their own output.
        """
        self.load()
        return {"raw": self._inputs(split), "trees": self._inputs(split, trees=True)}

    @property
    def _prepare(self) -> partial[torch.Tensor]:
        return partial(prepared, config=self.config)

    def _inputs(
        self, split: str, module: nn.Module | None = None, trees: bool = False
    ) -> RegressionInputs:
        parts = {**self.parts, "test": self.parts[split]}
        return RegressionInputs(parts, module, trees, self._prepare, self._counted)

    def embed_path(self, module: nn.Module, path: Path) -> dict[str, np.ndarray]:
        """Embeds a user's own samples: a .csv[.gz] with the run's columns, images, or an npz.

        Returns:
            ``embeddings`` (num, dim), in the order of the file; ``ids`` and ``labels`` where known.

        Raises:
            DataError: Nothing to read, columns missing, or another shape; names the file.
        """
        columns, shape = self.whole.columns, tuple(self.parts["train"].inputs.shape[1:])
        inputs, known = READERS.get("number")(path, shape, columns, self.config)
        if self.scale is not None:
            inputs = self.scale.apply(inputs)
        part = Samples(inputs, torch.zeros(len(inputs)))
        found = RegressionInputs({"test": part}, module, prepare=self._prepare).features("test")
        return {"embeddings": found.float().numpy(), **known}
