"""All images of a split, labelled or not: with label maps, or in pairs of views."""

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from common.data.images.batch import ImageBatch, ViewBatch
from common.data.images.config import ImageConfig, ViewConfig
from common.data.images.evaluation import EvaluatedImages
from common.data.images.lazy import AnySplit, LazySplit, read_images
from common.data.images.per_sample import make_views_singly
from common.data.images.sets import to_float
from common.data.images.views import collect_views, make_views
from common.data.sampler import BatchKey
from common.distributed.draws import keyed_generator
from common.errors import DataError
from common.evaluation.features import PairedViews

PAIR_BATCH = 64


class DenseImages(EvaluatedImages):
    """All images of a split, labelled or not (`common.evaluation.features.MappedImages`).

    Args:
        split: In memory or read as needed.
        config: The ``data:`` section.
    """

    def __init__(self, split: AnySplit, config: ImageConfig) -> None:
        # Labels of whole images do not matter: none is left out.
        super().__init__(replace(split, labels=torch.zeros_like(split.labels)), config)

    @property
    def label_maps(self) -> Tensor:
        """(num, height, width) class of each pixel, -1 for none.

        Raises:
            DataError: A set without label maps, or images that are tested in another form than
                the one that was labelled.
        """
        name = self.config.name
        if isinstance(self.split, LazySplit) or self.split.label_maps is None:
            raise DataError(f"evaluation.dense_probe: {name} has no classes of pixels")
        if self.config.test_resize is not None or self.config.test_crop is not None:
            raise DataError(
                "evaluation.dense_probe: pixels are classed as stored; data.test_resize and "
                "data.test_crop must be null"
            )
        return self.split.label_maps

    def pairs(
        self, key: tuple[int, int], device: torch.device, most: int | None = None
    ) -> Iterator[PairedViews]:
        """Yields two views of every image, in batches, with crops and sizes.

        They are drawn like the first two of ``data.views`` (like the only one, where it is one).

        Args:
            key: A seed and an epoch: the draws are a function of them.
            device: Where the views are made.
            most: So many images, drawn by the key, where there are more: sets lie by class.
        """
        seed, epoch = key
        config = replace(self.config, views=first_two(self.config.views))
        chosen = torch.arange(len(self.split))
        if most is not None and most < len(chosen):
            chosen = torch.randperm(len(chosen), generator=keyed_generator(seed, epoch))[:most]
        for number, rows in enumerate(chosen.split(PAIR_BATCH)):
            images = read_images(self.split, rows)
            place = BatchKey(rows, epoch, number, 0, len(rows))
            labels = self.labels[rows].to(device)
            if isinstance(images, Tensor):
                moved = ImageBatch(to_float(images.to(device)), labels, place)
                made = collect_views(moved, config, seed, make_views)
            else:
                stored = ImageBatch(images, labels.cpu(), place)
                made = collect_views(stored, config, seed, make_views_singly)
            yield _paired(made, device)


def first_two(views: list[ViewConfig]) -> list[ViewConfig]:
    """Returns two entries that draw one view each."""
    single = [replace(view, count=1) for view in views for _ in range(view.count)]
    return (single * 2)[:2]


def _paired(batch: ViewBatch, device: torch.device) -> PairedViews:
    assert batch.sizes is not None  # `collect_views` fills it
    views = [view.to(device) for view in batch.views]
    crops = [crop.to(device) for crop in batch.crops]
    return PairedViews(views, crops, batch.sizes.to(device))
