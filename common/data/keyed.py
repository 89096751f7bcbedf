"""What all data modules share: batches by key, entered anywhere."""

from collections.abc import Callable
from typing import Any

import torch
from lightning import LightningDataModule
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from common.data.sampler import EpochBatchSampler


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


def _unchanged(batch: Any) -> Any:
    return batch
