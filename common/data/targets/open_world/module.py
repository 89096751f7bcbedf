"""The data module of known and novel classes, and the order of its labelled and other rows."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from common.data.contract import RunData, keyed_loader
from common.data.images.sets import to_float
from common.data.images.views import normalise
from common.data.modality import DataSets
from common.data.sampler import BatchKey
from common.data.targets.open_world.batch import OpenWorldBatch, make_view
from common.data.targets.open_world.config import OpenWorldConfig, OpenWorldFacts
from common.data.targets.open_world.samples import (
    LABELLED,
    ImageFiles,
    OpenWorldSet,
    Part,
    check_parts,
    with_labels,
)
from common.errors import ConfigError, DataError
from common.evaluation.open_world_inputs import OpenWorldInputs
from common.registry import READERS


class SplitBatches(Dataset[OpenWorldBatch]):
    """Gives all rows of a batch at once, labelled ones first."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.labelled = part.tags == LABELLED
        self.places = (~self.labelled).cumsum(0) - 1

    def __getitem__(self, key: BatchKey) -> OpenWorldBatch:
        """Returns the rows of ``key``."""
        labelled = self.labelled[key.rows]
        order = torch.cat([labelled.nonzero()[:, 0], (~labelled).nonzero()[:, 0]])
        rows, num = key.rows[order], int(labelled.sum())
        labels, places = self.part.labels[rows[:num]], self.places[rows[num:]]
        return OpenWorldBatch(self.part.images[rows], labels, places, order, key)


class OpenWorldData(RunData):
    """Images of known and novel classes; a view of each is made on the batch's device.

    Args:
        config: The ``data:`` section.
        seed: With epoch and position, the seed of order and views; not of the images.
        read: Takes the configuration and returns the set; None: the reader of ``config.name``.
    """

    reference_names = ("raw",)

    def __init__(
        self,
        config: OpenWorldConfig,
        seed: int,
        read: Callable[[OpenWorldConfig], OpenWorldSet] | None = None,
    ) -> None:
        super().__init__(seed, config.batch_size)
        self.config, self._read = config, read
        self._set: OpenWorldSet | None = None

    def load(self) -> None:
        """Reads or generates the set and checks it; once.

        Raises:
            DataError: Missing files, no labelled image, a novel class among the known ones.
        """
        if self._set is not None:
            return
        config = self.config
        reader = self._read or DataSets("known-and-novel classes").get(config.name)
        found: OpenWorldSet = reader(config)
        check_parts(config.name, found)
        self._set, self.fingerprint = found, found.fingerprint

    def check_training(self) -> None:
        """Raises `ConfigError` for a batch larger than the training part."""
        size, num = self.config.batch_size, len(self.train_part.labels)
        if size > num:
            raise ConfigError(
                f"data.batch_size={size}: {self.config.name} has {num} training images; use at "
                "most that many"
            )

    @property
    def whole(self) -> OpenWorldSet:
        """The set, read if it was not."""
        self.load()
        assert self._set is not None
        return self._set

    @property
    def train_part(self) -> Part:
        """The training part, as the arm may see it."""
        return with_labels(self.whole.train, self.config.labels)

    @property
    def facts(self) -> OpenWorldFacts:
        """What a module must know of the data."""
        found, train = self.whole, self.train_part
        return OpenWorldFacts(
            channels=3,
            size=found.size,
            num_classes=len(found.class_names),
            num_known=found.num_known,
            num_samples=len(train.labels),
            num_unlabelled=int((train.tags != LABELLED).sum()),
        )

    def describe(self) -> str:
        """Returns one line for the console."""
        found, facts = self.whole, self.facts
        return (
            f"{self.config.name}: {facts.size}x{facts.size}, {facts.num_known} known and "
            f"{facts.num_classes - facts.num_known} novel classes; "
            f"{facts.num_samples - facts.num_unlabelled:,} labelled, {facts.num_unlabelled:,} "
            f"unlabelled, {len(found.test.labels):,} test; "
            f"{found.note + '; ' if found.note else ''}data {self.fingerprint}"
        )

    @property
    def warnings(self) -> list[str]:
        """What a training warns of: another table than the published, nothing novel to find."""
        found = [self.whole.warning] if self.whole.warning else []
        if self.facts.num_known == self.facts.num_classes:
            found.append("no class is novel: novel_acc, novel_nmi and novel_ari are nan")
        return found

    def check_split(self, split: str) -> None:
        """Raises `ConfigError` for a split that there is not."""
        if split != "test":
            raise ConfigError(f"evaluation: {self.config.name} has no split {split!r}; use test")

    def train_dataloader(self) -> DataLoader[OpenWorldBatch]:
        """Returns whole batches in an order that depends on (seed, epoch) alone.

        Raises:
            ConfigError: A global batch whose halves the processes cannot share.
        """
        part, size = self.train_part, self.config.batch_size
        _, world_size = self.process
        unit = world_size * (2 if self.facts.num_unlabelled else 1)
        if size % unit:
            near = max(size // unit, 1) * unit
            raise ConfigError(
                f"data.batch_size={size} cannot be shared by {world_size} processes, half of "
                f"each share labelled; use {near} or {near + unit}"
            )
        labelled, even = part.tags == LABELLED, len(part.labels) // 2 * 2
        order = partial(alternating_order, part.labels, labelled)
        sampler = self.make_sampler(even, size, order=order)
        return keyed_loader(SplitBatches(part), sampler, self.config.workers)

    def transfer_batch_to_device(
        self, batch: OpenWorldBatch, device: torch.device, dataloader_idx: int
    ) -> OpenWorldBatch:
        """Moves what is computed with; row numbers stay."""
        images, labels, places = (part.to(device, non_blocking=True) for part in batch[:3])
        return batch._replace(images=images, labels=labels, places=places)

    def on_after_batch_transfer(self, batch: OpenWorldBatch, dataloader_idx: int) -> OpenWorldBatch:
        """Makes the view."""
        return make_view(batch, self.config, self.seed)

    def prepare_images(self, images: torch.Tensor) -> torch.Tensor:
        """Returns stored images as a module takes them, unchanged by any draw."""
        return normalise(to_float(images), self.config.mean, self.config.std)

    def evaluation_inputs(self, module: nn.Module, split: str) -> OpenWorldInputs:
        """Returns what protocols measure ``module`` by; nothing is computed before its use."""
        self.check_split(split)
        return self._inputs(self.whole.test, module)

    def references(self, split: str) -> dict[str, OpenWorldInputs]:
        """Returns ``raw``: the pixels, which `feature-clusters` clusters."""
        self.check_split(split)
        return {"raw": self._inputs(self.whole.test)}

    def _inputs(self, part: Part, module: nn.Module | None = None) -> OpenWorldInputs:
        known, prepare = self.whole.num_known, self.prepare_images
        return OpenWorldInputs(part.images, part.labels, known, prepare, module)

    def embed_path(self, module: nn.Module, path: Path) -> dict[str, np.ndarray]:
        """Embeds the user's images: files of a folder, scaled to the set's size.

        Returns:
            ``embeddings`` (num, dim), ``ids`` (num,), the images' paths below ``path``, sorted, and
            ``heads`` (num,), the largest score of each.

        Raises:
            DataError: No images there.
        """
        names = READERS.get("known-and-novel classes")(path)
        if not names:
            raise DataError(f"{path}: no images; give an image or a folder of them")
        path = path.expanduser()
        folder = path if path.is_dir() else path.parent
        files = ImageFiles([Path(name) for name in names], self.whole.size)
        nothing = torch.full((len(names),), -1)
        part = Part(files, nothing, nothing)
        inputs = self._inputs(part, module)
        return {
            "embeddings": inputs.features.float().numpy(),
            "ids": np.array([Path(name).relative_to(folder).as_posix() for name in names]),
            "heads": inputs.logits.argmax(dim=1).numpy(),
        }


def alternating_order(labels: Tensor, labelled: Tensor, generator: torch.Generator) -> Tensor:
    """Returns rows ``unlabelled, labelled, unlabelled, ...``, as many as there are rows (even).

    The shorter pool is gone through again, in a new order. Without unlabelled rows all are
    labelled draws.

    Args:
        labels: ``(rows,)`` classes.
        labelled: ``(rows,)`` bool.
        generator: Generator of this epoch.
    """
    known, rest = labelled.nonzero()[:, 0], (~labelled).nonzero()[:, 0]
    if len(rest) == 0:
        return balanced_draws(known, labels[known], len(labels), generator)
    half = len(labels) // 2
    first = _cycled(rest, half, generator)
    second = balanced_draws(known, labels[known], half, generator)
    return torch.stack([first, second], dim=1).flatten()


def balanced_draws(rows: Tensor, labels: Tensor, num: int, generator: torch.Generator) -> Tensor:
    """Returns ``num`` of ``rows``: every class once, in a random order, then every class again.

    Args:
        rows: ``(rows,)``.
        labels: ``(rows,)`` their classes.
        num: How many to draw; a class's rows are gone through before any comes again.
        generator: Generator of this epoch.
    """
    kinds = labels.unique()
    rounds = -(-num // len(kinds))
    turns = torch.rand(rounds, len(kinds), generator=generator).argsort(dim=1).flatten()[:num]
    drawn = torch.empty(num, dtype=rows.dtype)
    for kind, label in enumerate(kinds):
        mine = turns == kind
        drawn[mine] = _cycled(rows[labels == label], int(mine.sum()), generator)
    return drawn


def _cycled(rows: Tensor, num: int, generator: torch.Generator) -> Tensor:
    passes = -(-num // len(rows))
    orders = [rows[torch.randperm(len(rows), generator=generator)] for _ in range(passes)]
    return torch.cat([rows[:0], *orders])[:num]
