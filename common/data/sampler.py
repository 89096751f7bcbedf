"""Batches in an order that depends on (seed, epoch) alone, resumable in mid-epoch."""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import Sampler

from common.distributed.batch_share import check_share
from common.distributed.draws import keyed_generator


class BatchKey(NamedTuple):
    """Which rows to load and where the batch stands: the seed of every random draw on it.

    ``rows`` are this process's rows, a tensor because Lightning walks over every element of a
    list in a batch, several times a step; the draws of the global batch of ``global_size`` rows are
    made in full and rows ``offset : offset + len(rows)`` of them are used, so that they do not
    depend on the number of processes.
    """

    rows: Tensor
    epoch: int
    batch: int
    offset: int
    global_size: int


def lone_key(num_rows: int) -> BatchKey:
    """Returns the key of a batch that no sampler of ours drew: the first of a training."""
    return BatchKey(torch.arange(num_rows), 0, 0, 0, num_rows)


class EpochBatchSampler(Sampler[BatchKey]):
    """Yields one `BatchKey` a step; pass as ``sampler`` with ``batch_size=None``.

    Args:
        num_samples: Rows in the data set.
        batch_size: Global batch size.
        seed: With the epoch, the seed of the order.
        rank: This process.
        world_size: Number of processes.
        drop_last: Leave out an incomplete last batch (it also stays out if it cannot be
            divided by ``world_size``).
        order: Gives all rows in the order of an epoch; None: any order is as likely.

    Raises:
        ConfigError: A global batch that the processes cannot share.
    """

    def __init__(
        self,
        num_samples: int,
        batch_size: int,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
        drop_last: bool = True,
        order: Callable[[torch.Generator], Tensor] | None = None,
    ) -> None:
        check_share(batch_size, world_size)
        self.num_samples, self.batch_size, self.seed = num_samples, batch_size, seed
        self.rank, self.world_size, self.drop_last = rank, world_size, drop_last
        self.order = order
        self.epoch = 0
        self.first_batch = 0

    def __len__(self) -> int:
        """Returns the batches of a whole epoch, wherever it is entered."""
        full, rest = divmod(self.num_samples, self.batch_size)
        keeps_rest = rest and not self.drop_last and rest % self.world_size == 0
        return full + bool(keeps_rest)

    def set_epoch(self, epoch: int) -> None:
        """Goes to ``epoch``; a new epoch starts at its first batch (Lightning calls this)."""
        if epoch != self.epoch:
            self.epoch, self.first_batch = epoch, 0

    def seek(self, batches_seen: int) -> None:
        """Goes to the position after ``batches_seen`` batches of the whole training."""
        self.epoch, self.first_batch = divmod(batches_seen, max(len(self), 1))

    def __iter__(self) -> Iterator[BatchKey]:
        """Yields the batches of the current epoch from the current position on."""
        generator = keyed_generator(self.seed, self.epoch)
        if self.order is None:
            order = torch.randperm(self.num_samples, generator=generator)
        else:
            order = self.order(generator)
        for batch in range(self.first_batch, len(self)):
            rows = order[batch * self.batch_size : (batch + 1) * self.batch_size]
            share = len(rows) // self.world_size
            offset = self.rank * share
            yield BatchKey(rows[offset : offset + share], self.epoch, batch, offset, len(rows))
