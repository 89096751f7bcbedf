"""One way through a split's pictures: `picture_batches`, for evaluation and for probes.

```python
for pictures, labels in picture_batches(split, 256, CentreCrop(256, 224), workers=8):
    h = module.embed(normalise(to_float(pictures.to(device)), mean, std))
```
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.transforms.v2 import functional as F

from common.data.pictures.batch import Pictures
from common.data.pictures.config import ViewConfig
from common.data.pictures.lazy import AnySplit, read_pictures
from common.data.pictures.per_sample import make_views_singly
from common.data.pictures.sets import to_float
from common.data.pictures.views import make_views, own_parameters
from common.data.pictures.workers import PictureLoader, watched
from common.data.sampler import BatchKey
from common.errors import DataError

Transform = Callable[[Pictures, BatchKey], Tensor]


@dataclass(frozen=True)
class CentreCrop:
    """The usual test pictures: shorter side to ``resize``, then the central ``crop`` pixels.

    With None for both pictures stay as they are. uint8 stays uint8, as with Pillow.
    """

    resize: int | None = None
    crop: int | None = None

    def __call__(self, pictures: Pictures, key: BatchKey | None = None) -> Tensor:
        """Returns (batch, channels, height, width)."""
        if isinstance(pictures, Tensor):
            return self._apply(pictures)
        made = [self._apply(picture) for picture in pictures]
        if len({picture.shape for picture in made}) > 1:
            raise DataError("data.test_resize: pictures differ in size; set it and data.test_crop")
        return torch.stack(made)

    def _apply(self, picture: Tensor) -> Tensor:
        if self.resize is not None:
            picture = F.resize(picture, [self.resize], antialias=True)
        return picture if self.crop is None else F.center_crop(picture, [self.crop, self.crop])


@dataclass(frozen=True)
class RandomView:
    """One training view a picture, floating in 0..1; a function of (seed, epoch, batch, row).

    Args:
        view: Its operations; ``count`` must be 1.
        seed: Of the draws.
    """

    view: ViewConfig
    seed: int

    def __call__(self, pictures: Pictures, key: BatchKey) -> Tensor:
        """Returns (batch, channels, size, size)."""
        drawn = own_parameters(self.view, 0, key, pictures, self.seed)
        if isinstance(pictures, Tensor):
            return make_views(to_float(pictures), self.view, drawn)
        return make_views_singly(pictures, self.view, drawn)


class TransformedPictures(Dataset[tuple[Tensor, Tensor]]):
    """Gives a batch of one size."""

    def __init__(self, split: AnySplit, transform: Transform) -> None:
        self.split, self.transform = split, transform

    def __getitem__(self, key: BatchKey) -> tuple[Tensor, Tensor]:
        """Returns pictures and labels at ``key.rows``."""
        pictures = self.transform(read_pictures(self.split, key.rows), key)
        return pictures, self.split.labels[key.rows]


def picture_batches(
    split: AnySplit,
    batch_size: int,
    transform: Transform | None = None,
    workers: int = 0,
    order: Tensor | None = None,
    epoch: int = 0,
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yields pictures (batch, channels, height, width) and labels (batch,), the rest included.

    Args:
        split: In memory or read as needed.
        batch_size: Pictures at once.
        transform: `CentreCrop` (None: as stored) or `RandomView`; runs where pictures are read.
        workers: Processes that read.
        order: (num,) rows in the order wanted; None: all, as they lie.
        epoch: With the batch's number, the key of a transform's draws.

    Raises:
        DataError: Naming a picture that cannot be read.
        LikewiseError: A worker died; names the picture it was at.
    """
    rows = torch.arange(len(split)) if order is None else order
    keys = [
        BatchKey(part, epoch, number, 0, len(part))
        for number, part in enumerate(rows.split(batch_size))
    ]
    split = watched(split, workers)
    dataset = TransformedPictures(split, transform or CentreCrop())
    yield from PictureLoader(dataset, split, keys, workers)
