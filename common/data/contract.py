"""What a run asks of its data: the one face by which the pipeline knows them."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from lightning import LightningDataModule
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from common.data.sampler import EpochBatchSampler
from common.evaluation.config import EvaluationConfig


class KeyedData(LightningDataModule):
    """A data module whose training batches are a function of seed, epoch and position.

    Args:
        seed: With the epoch, the seed of the order.
        batch_size: The global one; None where a class says itself how many samples a step has.
    """

    def __init__(self, seed: int, batch_size: int | None) -> None:
        super().__init__()
        self.seed, self._batch_size = seed, batch_size
        self._sampler: EpochBatchSampler | None = None
        self._batches_seen = 0

    @property
    def process(self) -> tuple[int, int]:
        """This process and their number; ``(0, 1)`` without a trainer."""
        trainer = self.trainer
        return (trainer.global_rank, trainer.world_size) if trainer else (0, 1)

    @property
    def step_samples(self) -> int:
        """Samples that a step trains on, on all devices together; the rates are counted in them."""
        assert self._batch_size is not None
        return self._batch_size

    def make_sampler(
        self,
        num_samples: int,
        batch_size: int,
        drop_last: bool = True,
        order: Callable[[torch.Generator], Tensor] | None = None,
    ) -> EpochBatchSampler:
        """Returns this process's keys, from the position on that `seek` was given.

        Raises:
            ConfigError: A global batch that the processes cannot share.
        """
        sampler = EpochBatchSampler(
            num_samples, batch_size, self.seed, *self.process, drop_last, order
        )
        sampler.seek(self._batches_seen)
        self._sampler = sampler
        return sampler

    def seek(self, batches_seen: int) -> None:
        """Goes on after ``batches_seen`` batches, also before the loader exists."""
        self._batches_seen = batches_seen
        if self._sampler is not None:
            self._sampler.seek(batches_seen)


def keyed_loader(
    dataset: Dataset[Any], sampler: EpochBatchSampler, workers: int = 0
) -> DataLoader[Any]:
    """Returns the loader of the batches that ``dataset`` gives for the keys of ``sampler``."""
    return DataLoader(
        dataset,
        sampler=sampler,
        batch_size=None,
        collate_fn=_unchanged,
        num_workers=workers,
        # A fresh iterator draws a base seed: not from the generator that dropout uses.
        generator=torch.Generator(),
    )


class Look:
    """A loader of one batch: a function that prepares what protocols measure a module by.

    Args:
        prepare: Takes the module.
    """

    def __init__(self, prepare: Callable[[Any], Any]) -> None:
        self.prepare = prepare

    def __len__(self) -> int:
        """Returns 1."""
        return 1

    def __iter__(self) -> Iterator[Callable[[Any], Any]]:
        """Yields the function."""
        yield self.prepare


def _unchanged(batch: Any) -> Any:
    return batch


class RunData(KeyedData, ABC):
    """A data module as `common.training.fit` uses it; the declarations of `WINGS` name them.

    A recipe's data are built as ``Class(config, seed)`` and read by `load`; all classes here
    take ``read`` as well, a function in place of the reader that ``config.name`` stands for. With
    Lightning's own ``train_dataloader`` the abstract methods are what a class must write. The
    others have a default that asks nothing and says nothing.
    """

    # References that `references` can give, for `evaluation.references`.
    reference_names: tuple[str, ...] = ()
    # 16 hex digits over the loaded data, the same on every machine: records are grouped by it, and
    # a run is resumed and evaluated on no other data.
    fingerprint = ""

    @abstractmethod
    def load(self) -> None:
        """Reads or makes the data, checks them and takes their fingerprint; once.

        Raises:
            DataError: Missing or broken data.
            ConfigError: Settings of ``data:`` that the data rule out.
        """

    @property
    @abstractmethod
    def facts(self) -> Any:
        """What a module must know of the data: ``module_class(method, optimizer, facts)``."""

    @abstractmethod
    def describe(self) -> str:
        """Returns one line for the console and the log."""

    @abstractmethod
    def evaluation_inputs(self, module: nn.Module, split: str) -> Any:
        """Returns what protocols measure ``module`` by on ``split``."""

    @abstractmethod
    def references(self, split: str) -> Mapping[str, Any]:
        """Returns the same of what learns nothing, for each of `reference_names`."""

    @abstractmethod
    def embed_path(self, module: nn.Module, path: Path) -> dict[str, np.ndarray]:
        """Embeds a user's own data at ``path``, for `papers embed`.

        Returns:
            ``embeddings`` (rows, dim); ``ids`` (rows,) where rows have names, else they are
            numbered; ``labels`` (rows,) where they are known; and what else the paper gives.

        Raises:
            DataError: Nothing to read, or what cannot be used; names the file.
        """

    @property
    def warnings(self) -> Sequence[str]:
        """What may be a slip in the data, a line each; a training warns of them."""
        return ()

    # Each check runs before compute is spent, and raises `ConfigError` or `DataError`.

    def check_training(self) -> None:
        """Refuses data that can be measured but not trained on."""
        return

    def check_split(self, split: str) -> None:
        """Refuses a split that protocols cannot measure."""
        return

    def check_evaluation(self, evaluation: EvaluationConfig) -> None:
        """Refuses protocols and references that the data do not serve."""
        return
