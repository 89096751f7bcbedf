"""Synthetic data that count as many rows as the real set, so that an epoch is as long."""

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from common.data.contract import RunData
from common.data.sampler import BatchKey, EpochBatchSampler
from common.steps.float64 import in_float64, moved

FIRST_ROWS = 20


class FoldedSampler(EpochBatchSampler):
    """The order of ``num_samples`` rows, read from a set of ``held`` rows, again and again."""

    held = 1

    def __iter__(self) -> Iterator[BatchKey]:
        """Yields the keys of `EpochBatchSampler`, each row modulo the rows that there are."""
        for key in super().__iter__():
            yield key._replace(rows=key.rows % self.held)


def fold(data: RunData, samples: int | None, share: float = 0.0) -> None:
    """Lets ``data`` count ``samples`` rows and give its batches in float64.

    Args:
        data: Loaded; its instance is changed.
        samples: Samples of the real set; None: those that there are.
        share: By how much of itself each input is moved.
    """

    def make_sampler(
        num_samples: int,
        batch_size: int,
        drop_last: bool = True,
        order: Callable[[torch.Generator], Tensor] | None = None,
    ) -> EpochBatchSampler:
        count = num_samples if samples is None else samples
        repeated = None if order is None else _repeated(order, count)
        sampler = FoldedSampler(count, batch_size, data.seed, *data.process, drop_last, repeated)
        sampler.held = num_samples
        sampler.seek(data._batches_seen)
        data._sampler = sampler
        return sampler

    finish = data.on_after_batch_transfer

    def on_after_batch_transfer(batch: Any, dataloader_idx: int) -> Any:
        made = in_float64(finish(batch, dataloader_idx))
        return moved(made, share) if share else made

    data.make_sampler = make_sampler  # type: ignore[method-assign]
    data.on_after_batch_transfer = on_after_batch_transfer  # type: ignore[method-assign]


def _repeated(
    order: Callable[[torch.Generator], Tensor], samples: int
) -> Callable[[torch.Generator], Tensor]:
    def whole(generator: torch.Generator) -> Tensor:
        parts, found = [], 0
        while found < samples:
            parts.append(order(generator))
            found += len(parts[-1])
        return torch.cat(parts)[:samples]

    return whole


def describe_orders(sampler: EpochBatchSampler) -> list[str]:
    """Returns of epochs 0 and 1: the first rows and a digest of all, before they are folded."""
    found = []
    for epoch in (0, 1):
        sampler.set_epoch(epoch)
        sampler.first_batch = 0
        rows = torch.cat([key.rows for key in EpochBatchSampler.__iter__(sampler)])
        digest = hashlib.sha256(rows.numpy().astype("<i8").tobytes()).hexdigest()[:12]
        found.append(" ".join(map(str, [*rows[:FIRST_ROWS].tolist(), digest])))
    return found
