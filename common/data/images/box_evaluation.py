"""Images with their objects, as the protocol ``detection`` takes them."""

from importlib.util import find_spec

import torch
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.ops import masks_to_boxes

from common.data.images.boxes import NO_BOX, Objects, plain_objects
from common.data.images.config import ImageConfig
from common.data.images.lazy import AnySplit, LazySplit, read_images
from common.data.images.sets import to_float
from common.errors import ConfigError, DataError


class ObjectImages(Dataset[tuple[Tensor, Objects]]):
    """A split's images (channels, height, width) in 0..1, not normalised, with their objects.

    Args:
        split: In memory or read as needed.
        config: The ``data:`` section.
    """

    def __init__(self, split: AnySplit, config: ImageConfig) -> None:
        self.split, self.config = split, config

    def __len__(self) -> int:
        """Returns the number of images."""
        return len(self.split)

    def __getitem__(self, row: int) -> tuple[Tensor, Objects]:
        """Returns one image and its objects."""
        image = read_images(self.split, torch.tensor([row]))[0]
        return to_float(image), self.objects(row)

    @property
    def num_classes(self) -> int:
        """How many classes objects have; the background is none of them."""
        if isinstance(self.split, LazySplit):
            return len(self.split.source.class_names)  # type: ignore[attr-defined]
        if self.split.boxes is None:
            return 1
        return len(self.split.class_names)

    @property
    def workers(self) -> int:
        """Processes that read images from files."""
        return self.config.workers if isinstance(self.split, LazySplit) else 0

    @property
    def normalisation(self) -> tuple[list[float], list[float]]:
        """Mean and deviation of each channel that the module was trained with."""
        channels = self.split.shape[0]
        return self.config.mean or [0.0] * channels, self.config.std or [1.0] * channels

    def objects(self, row: int) -> Objects:
        """Returns the objects of the image at ``row``."""
        split = self.split
        if isinstance(split, LazySplit):
            return split.source.objects(int(split.index[row]))  # type: ignore[attr-defined]
        if split.boxes is not None:
            rows = split.boxes[row]
            rows = rows[rows[:, 4] != NO_BOX]
            return plain_objects(rows[:, :4], rows[:, 4].long())
        assert split.instance_maps is not None
        return from_instances(split.instance_maps[row])

    def check(self, masks: bool) -> None:
        """Raises before compute is spent where ``detection`` could not run.

        Args:
            masks: Whether masks are asked for as well.

        Raises:
            DataError: A set without objects, or without their masks.
            ConfigError: The library that measures is not installed.
        """
        split, name = self.split, self.config.name
        boxes = hasattr(split.source, "objects") if isinstance(split, LazySplit) else None
        if isinstance(split, LazySplit):
            shapes = getattr(split.source, "has_masks", False)
        else:
            shapes = split.instance_maps is not None
            boxes = shapes or split.boxes is not None
        if not boxes:
            raise DataError(f"evaluation.detection: {name} has no objects")
        if masks and not shapes:
            raise DataError(
                f"evaluation.detection.masks: objects of {name} have boxes only; set it to false"
            )
        if find_spec("pycocotools") is None:
            raise ConfigError(
                "evaluation.detection: needs Likewise's extra [detection]: pip install pycocotools "
                "torchmetrics"
            )


def from_instances(instances: Tensor) -> Objects:
    """Returns the objects of one map (height, width) of instance numbers, all of class 0.

    A box reaches from the first pixel of its object to behind the last one.
    """
    numbers = instances.unique()
    masks = instances == numbers[numbers > 0][:, None, None]
    boxes = masks_to_boxes(masks) + torch.tensor([0.0, 0.0, 1.0, 1.0])
    return plain_objects(boxes, torch.zeros(len(masks), dtype=torch.int64), masks)
