"""Features of images with their labels, and the images and the module that they are made from."""

from collections.abc import Iterator
from functools import cached_property
from typing import Any, NamedTuple, Protocol

import torch
from torch import Tensor, nn

from common.evaluation.frozen import embed_frozen, map_frozen, require_finite
from common.evaluation.image_config import CropConfig
from common.evaluation.progress import show_progress
from common.evaluation.vectors import FeatureSet, Part, Vectors


class LabelledImages(Protocol):
    """Labelled images of a split, in batches normalised as the module was trained with."""

    def __len__(self) -> int:
        """Returns their number, perhaps 0."""
        ...

    @property
    def labels(self) -> Tensor:
        """Classes, ``(num,)``; raises `DataError` where there are none."""
        ...

    def whole(self, device: torch.device) -> Iterator[Tensor]:
        """Yields all images in order, ``(batch, channels, height, width)``, as tested."""

    def pixels(self) -> Tensor:
        """Returns all images in order as vectors, ``(num, dim)`` in 0..1."""
        ...

    def augmented(
        self,
        rows: Tensor,
        crop: CropConfig,
        batch_size: int,
        key: tuple[int, int],
        device: torch.device,
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yields one epoch of ``rows``: crops and their labels, on ``device``.

        Order and crops are a function of ``key``, a seed and an epoch.
        """

    def listed(self, file: str) -> Tensor:
        """Returns the rows of the images that a file of names lists."""


class PairedViews(NamedTuple):
    """Two views of each image of a batch.

    ``views``: two tensors (batch, channels, height, width). ``crops``: for each of them (batch, 6):
    top, left, height and width of the crop in pixels of the image, 1 where it was mirrored, and
    its rotation in radians. ``sizes``: (batch, 2) height and width of the images.
    """

    views: list[Tensor]
    crops: list[Tensor]
    sizes: Tensor


class MappedImages(Protocol):
    """All images of a split, labelled or not."""

    @property
    def label_maps(self) -> Tensor:
        """(num, height, width) class of each pixel, -1 for none."""
        ...

    def whole(self, device: torch.device) -> Iterator[Tensor]:
        """Yields all images in order, ``(batch, channels, height, width)``, as tested."""

    def pairs(
        self, key: tuple[int, int], device: torch.device, most: int | None = None
    ) -> Iterator[PairedViews]:
        """Yields two views of each image, a function of ``key``, a seed and an epoch.

        Where there are more than ``most`` images, that many are drawn by the same key.
        """


class ImageInputs:
    """Images and a module or none; ``features`` are embedded at first use and kept.

    Made for one evaluation of the module as it stands: training on makes the features stale.

    Args:
        module: Has ``embed``; left with its weights and mode. None: pixels are the features.
        train: The labelled references.
        test: The split that is measured.
        dense: Both with all their images, for protocols without labels.
        objects: Both with the objects in their images, in the form that detection takes.
    """

    def __init__(
        self,
        module: nn.Module | None,
        train: LabelledImages,
        test: LabelledImages,
        dense: tuple[MappedImages, MappedImages] | None = None,
        objects: tuple[Any, Any] | None = None,
    ) -> None:
        self.module: Any = module
        self.train, self.test = train, test
        self._dense, self._objects = dense, objects

    @property
    def device(self) -> torch.device:
        """The module's device."""
        device: torch.device = next(self.module.parameters()).device
        return device

    @property
    def dense_pair(self) -> tuple[MappedImages, MappedImages]:
        """The references and the measured split, with all their images."""
        if self._dense is None:
            raise ValueError("made without images for protocols without labels")
        return self._dense

    @property
    def object_pair(self) -> tuple[Any, Any]:
        """The references and the measured split, with the objects in their images."""
        if self._objects is None:
            raise ValueError("made without images for detection")
        return self._objects

    @property
    def num_classes(self) -> int:
        """One more than the largest label."""
        return int(max(self.train.labels.max(), self.test.labels.max())) + 1

    @cached_property
    def one_embedded(self) -> Tensor:
        """The embedding of one image, ``(1, num_features)``: its length and type."""
        return self.embed(next(self.test.whole(self.device))[:1])

    @property
    def num_features(self) -> int:
        """The length of an embedding."""
        return self.one_embedded.shape[1]

    @property
    def features(self) -> FeatureSet:
        """Embeddings of whole images with their labels, on the CPU."""
        return FeatureSet(self.train_x, self.train.labels, self.test_x, self.test.labels)

    @property
    def vectors(self) -> Vectors:
        """Embeddings of whole images; without any label those of all images."""
        if len(self.test):
            test = Part(lambda: self.test_x, self.test.labels)
        else:
            unlabelled: Any = self.dense_pair[1]
            test = Part(lambda: self._embed_all(unlabelled))
        train = Part(lambda: self.train_x, self.train.labels) if len(self.train) else None
        return Vectors(test, train, learnt=self.module is not None)

    @cached_property
    def train_x(self) -> Tensor:
        """``(num_train, num_features)``."""
        return self._embed_all(self.train)

    @cached_property
    def test_x(self) -> Tensor:
        """``(num_test, num_features)``."""
        return self._embed_all(self.test)

    def embed(self, images: Tensor) -> Tensor:
        """Returns float features on the module's device; evaluation mode, no gradient.

        Raises:
            LikewiseError: They are not finite.
        """
        return require_finite(embed_frozen(self.module, images))

    def embed_map(self, images: Tensor) -> Tensor:
        """Returns ``(batch, channels, rows, columns)``; evaluation mode, no gradient.

        Raises:
            LikewiseError: They are not finite.
        """
        return require_finite(map_frozen(self.module, images), "feature maps")

    def _embed_all(self, images: LabelledImages) -> Tensor:
        if self.module is None:
            return images.pixels()
        found, total = [], len(images.labels)
        with show_progress("embedding", total) as advance:
            for batch in images.whole(self.device):
                found.append(self.embed(batch).cpu())
                advance(len(batch), "")
        return torch.cat(found)
