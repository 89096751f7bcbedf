"""A loader whose failures name the image: one that cannot be read, or that killed its reader."""

from collections.abc import Iterator
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from common.data.images.lazy import AnySplit, LazySplit
from common.data.workers import dead_workers, died_in_words
from common.errors import DataError, LikewiseError


class Guarded(Dataset[Any]):
    """Gives batches of ``dataset``, or the error that prevents one.

    An error raised in a worker would reach the user wrapped in the worker's traceback.
    """

    def __init__(self, dataset: Dataset[Any]) -> None:
        self.dataset = dataset

    def __getitem__(self, key: Any) -> Any:
        """Returns the batch or the `DataError`."""
        try:
            return self.dataset[key]
        except DataError as error:
            return error


class ImageLoader(DataLoader[Any]):
    """Loads whole batches, one a key of ``sampler``.

    Args:
        dataset: Returns a batch for a key; reads ``split``.
        split: As `watched` returned it.
        sampler: The keys.
        workers: Processes that read; they live as long as the loader.
        prefetch: Batches that each makes ahead.
    """

    def __init__(
        self, dataset: Dataset[Any], split: AnySplit, sampler: Any, workers: int, prefetch: int = 2
    ) -> None:
        super().__init__(
            Guarded(dataset),
            sampler=sampler,
            batch_size=None,
            num_workers=workers,
            prefetch_factor=prefetch if workers else None,
            persistent_workers=workers > 0,
            pin_memory=workers > 0 and torch.cuda.is_available(),
            # Its own: starting an iterator must not draw from the global one.
            generator=torch.Generator(),
        )
        self.split = split

    def __iter__(self) -> Iterator[Any]:  # type: ignore[override]
        """Yields batches.

        Raises:
            DataError: An image that cannot be read.
            LikewiseError: A worker that died or failed; names the image it was at.
        """
        try:
            for batch in super().__iter__():
                if isinstance(batch, DataError):
                    raise batch
                yield batch
        except RuntimeError as error:
            raise LikewiseError(explain(error, self.split)) from error


def watched(split: AnySplit, workers: int) -> AnySplit:
    """Returns ``split`` with a table in which each of ``workers`` notes what it reads."""
    return split.watched(workers) if isinstance(split, LazySplit) and workers else split


def explain(error: RuntimeError, split: AnySplit) -> str:
    """Returns what happened to a worker and which image it was at."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    # A traceback's last line says what.
    what = lines[-1].strip() if lines else repr(error)
    at = split.reading(dead_workers(error)) if isinstance(split, LazySplit) else []
    place = f" while reading {' or '.join(at)}" if at else ""
    return died_in_words(error, place) or f"a process that makes batches failed{place}: {what}"
