"""One way through a split's images: `image_batches`, for evaluation and for probes.

```python
for images, labels in image_batches(split, 256, CentreCrop(256, 224), workers=8):
    h = module.embed(normalise(to_float(images.to(device)), mean, std))
```
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms.v2 import functional as F

from common.data.images.batch import Images
from common.data.images.config import ViewConfig
from common.data.images.lazy import AnySplit, LazySplit, read_images
from common.data.images.per_sample import make_views_singly
from common.data.images.sets import to_float
from common.data.images.views import make_views, own_parameters
from common.data.sampler import BatchKey
from common.data.workers import dead_workers, died_in_words
from common.errors import DataError, LikewiseError

Transform = Callable[[Images, BatchKey], Tensor]


@dataclass(frozen=True)
class CentreCrop:
    """The usual test images: shorter side to ``resize``, then the central ``crop`` pixels.

    With None for both images stay as they are. uint8 stays uint8, as with Pillow.
    """

    resize: int | None = None
    crop: int | None = None
    filter: F.InterpolationMode = F.InterpolationMode.BILINEAR

    def __call__(self, images: Images, key: BatchKey | None = None) -> Tensor:
        """Returns (batch, channels, height, width)."""
        if isinstance(images, Tensor):
            return self._apply(images)
        made = [self._apply(image) for image in images]
        if len({image.shape for image in made}) > 1:
            raise DataError("data.test_resize: images differ in size; set it and data.test_crop")
        return torch.stack(made)

    def _apply(self, image: Tensor) -> Tensor:
        if self.resize is not None:
            image = F.resize(image, [self.resize], self.filter, antialias=True)
        return image if self.crop is None else F.center_crop(image, [self.crop, self.crop])


@dataclass(frozen=True)
class RandomView:
    """One training view an image, floating in 0..1; a function of (seed, epoch, batch, row).

    Args:
        view: Its operations; ``count`` must be 1.
        seed: Seed of the draws.
    """

    view: ViewConfig
    seed: int

    def __call__(self, images: Images, key: BatchKey) -> Tensor:
        """Returns (batch, channels, size, size)."""
        drawn = own_parameters(self.view, 0, key, images, self.seed)
        if isinstance(images, Tensor):
            return make_views(to_float(images), self.view, drawn)
        return make_views_singly(images, self.view, drawn)


class TransformedImages(Dataset[tuple[Tensor, Tensor]]):
    """Gives a batch of one size."""

    def __init__(self, split: AnySplit, transform: Transform) -> None:
        self.split, self.transform = split, transform

    def __getitem__(self, key: BatchKey) -> tuple[Tensor, Tensor]:
        """Returns images and labels at ``key.rows``."""
        images = self.transform(read_images(self.split, key.rows), key)
        return images, self.split.labels[key.rows]


def image_batches(
    split: AnySplit,
    batch_size: int,
    transform: Transform | None = None,
    workers: int = 0,
    order: Tensor | None = None,
    epoch: int = 0,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yields images (batch, channels, height, width) and labels (batch,), the rest included.

    Args:
        split: In memory or read as needed.
        batch_size: Images at once.
        transform: `CentreCrop` (None: as stored) or `RandomView`; runs where images are read.
        workers: Processes that read.
        order: (num,) rows in the order wanted; None: all, as they lie.
        epoch: With the batch's number, the key of a transform's draws.

    Raises:
        DataError: Naming an image that cannot be read.
        LikewiseError: A worker died; names the image it was at.
    """
    rows = torch.arange(len(split)) if order is None else order
    keys = [
        BatchKey(part, epoch, number, 0, len(part))
        for number, part in enumerate(rows.split(batch_size))
    ]
    split = watched(split, workers)
    dataset = TransformedImages(split, transform or CentreCrop())
    yield from ImageLoader(dataset, split, keys, workers)


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
