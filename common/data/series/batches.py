"""Batches of sections, cropped at random places that depend on seed and position alone."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.data import Dataset

from common.data.sampler import BatchKey, lone_key
from common.distributed.draws import keyed_generator
from common.errors import DataError, outline

# A stream of its own: far beyond any epoch, so that no draw of the order is repeated.
CROP_STREAM = 2**45


class SeriesBatch(NamedTuple):
    """``x``: (batch, steps, channels); ``informative``: (batch, steps), 1 where not known."""

    x: Tensor
    informative: Tensor
    key: BatchKey


def as_series_batch(batch: object) -> SeriesBatch:
    """Returns a `SeriesBatch` as it is, and makes one of ``x`` or ``(x,)``.

    Args:
        batch: ``x`` is a floating tensor (batch, steps, channels).

    Raises:
        DataError: It is neither.
    """
    if isinstance(batch, SeriesBatch):
        return batch
    x = batch[0] if isinstance(batch, list | tuple) and len(batch) == 1 else batch
    if not isinstance(x, Tensor) or x.ndim != 3:
        raise DataError(f"{outline(batch)}: training_step takes series (batch, steps, channels)")
    return SeriesBatch(x, x.new_ones(x.shape[:2]), lone_key(len(x)))


class CroppedSections(Dataset[SeriesBatch]):
    """Gives whole batches of sections, all cropped at the same random place.

    Args:
        sections: ``(num, steps, channels)``.
        informative: ``(num, steps)``.
        length: Steps of a crop.
        seed: With epoch and batch, the seed of the crop's place.
    """

    def __init__(self, sections: Tensor, informative: Tensor, length: int, seed: int) -> None:
        self.sections, self.informative = sections, informative
        self.length, self.seed = min(length, sections.shape[1]), seed

    def __len__(self) -> int:
        """Returns the number of sections."""
        return len(self.sections)

    def __getitem__(self, key: BatchKey) -> SeriesBatch:
        """Returns the sections at ``key.rows``, cropped."""
        room = self.sections.shape[1] - self.length
        generator = keyed_generator(self.seed, CROP_STREAM, key.epoch, key.batch)
        start = int(torch.randint(room + 1, (), generator=generator))
        cut = slice(start, start + self.length)
        return SeriesBatch(self.sections[key.rows, cut], self.informative[key.rows, cut], key)
