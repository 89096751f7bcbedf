"""Vectors of entries: the mean over an entry's definitions."""

import torch
from torch import Tensor

from common.distributed.collectives import all_reduce_sum
from common.errors import ConfigError


class EntryMeans:
    """Adds up definitions batch by batch; under several processes each adds those of its own.

    Args:
        sums: Zeros, ``(entries, dim)``, to which vectors are added.
    """

    def __init__(self, sums: Tensor) -> None:
        self.sums, self.counts = sums, sums.new_zeros(len(sums))

    def add(self, vectors: Tensor, entries: Tensor) -> None:
        """Adds definitions ``vectors (definitions, dim)`` of ``entries (definitions,)``.

        Every definition weighs the same, whatever its length.
        """
        vectors = vectors.to(self.sums.dtype)
        self.sums.index_add_(0, entries, vectors)
        self.counts.index_add_(0, entries, torch.ones_like(vectors[:, 0]))

    def means(self) -> Tensor:
        """Returns ``(entries, dim)``.

        Raises:
            ConfigError: An entry without a definition.
        """
        sums, counts = all_reduce_sum(self.sums), all_reduce_sum(self.counts)
        missing = int((counts == 0).sum())
        if missing:
            raise ConfigError(
                f"data: {missing} of {len(counts)} entries have no definition in the batches of an "
                "epoch; set data.drop_last=false"
            )
        return sums / counts[:, None]
