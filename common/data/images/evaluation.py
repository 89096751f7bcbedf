"""Image splits as protocols take them: whole or in random crops, with classes, maps or boxes."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import reduce
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.ops import masks_to_boxes

from common.data.images.batch import ImageBatch, ViewBatch
from common.data.images.config import ImageConfig, ViewConfig
from common.data.images.lazy import AnySplit, LazySplit, read_images
from common.data.images.loading import CentreCrop, RandomView, image_batches
from common.data.images.per_sample import make_views_singly
from common.data.images.sets import NO_BOX, Objects, plain_objects, to_float
from common.data.images.views import collect_views, make_views, normalise
from common.data.sampler import BatchKey
from common.distributed.draws import keyed_generator
from common.errors import ConfigError, DataError
from common.evaluation.features import PairedViews
from common.evaluation.image_config import CropConfig
from common.registry import READERS

EVALUATION_BATCH = 512
# Larger images come in smaller batches: 167 of 224 x 224.
EVALUATION_PIXELS = EVALUATION_BATCH * 128**2
# A side of the images that serve as features themselves where they lie in files, and are large.
RAW_SIZE = 32


class EvaluatedImages:
    """The labelled images of a split (`common.evaluation.features.LabelledImages`).

    Args:
        split: In memory or read as needed; images without label are left out.
        config: The ``data:`` section.
    """

    def __init__(self, split: AnySplit, config: ImageConfig) -> None:
        labelled = split.labels >= 0
        self.split = split if bool(labelled.all()) else split.rows(labelled)
        self.config = config
        self._test_form = CentreCrop(config.test_resize, config.test_crop)

    def __len__(self) -> int:
        """Returns the number of labelled images."""
        return len(self.split)

    @property
    def labels(self) -> Tensor:
        """(num,) int64; raises `DataError` where no image has one."""
        if not len(self.split):
            raise without_labels(self.config)
        return self.split.labels

    def whole(self, device: torch.device) -> Iterator[Tensor]:
        """Yields all images in order, in the form in which they are tested."""
        for images in self._tested(self._test_form):
            yield self._normalise(images.to(device, non_blocking=True))

    def pixels(self) -> Tensor:
        """Returns ``(num, channels * height * width)`` in 0..1."""
        form, crop = self._test_form, self._test_form.crop
        if isinstance(self.split, LazySplit) and (crop is None or crop > RAW_SIZE):
            form = CentreCrop(RAW_SIZE, RAW_SIZE)
        return torch.cat([to_float(images).flatten(1) for images in self._tested(form)])

    def augmented(
        self,
        rows: Tensor,
        crop: CropConfig,
        batch_size: int,
        key: tuple[int, int],
        device: torch.device,
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Yields one epoch of ``rows`` in random crops, with their labels."""
        seed, epoch = key
        size = crop.size or self._test_size()
        view = RandomView(ViewConfig(size=size, area=crop.area, flip=crop.flip), seed)
        order = rows[torch.randperm(len(rows), generator=keyed_generator(seed, epoch))]
        for images, labels in image_batches(
            self.split, batch_size, view, self.config.workers, order, epoch
        ):
            moved = images.to(device, non_blocking=True)
            yield self._normalise(moved), labels.to(device, non_blocking=True)

    def listed(self, file: str) -> Tensor:
        """Returns the rows of the images that ``file`` names, one a line.

        A name may be the file's alone, as in SimCLR's lists, or begin with folders.

        Args:
            file: Its path; where that is relative, from the data root.

        Raises:
            DataError: No such file, images without names, or a name that is not there or is
                that of several images.
        """
        if not isinstance(self.split, LazySplit):
            raise DataError(
                f"evaluation.finetune.lists: the images of {self.config.name} have no file "
                "names; leave it empty to draw the labels by seed"
            )
        names = READERS.get("image-list")(self.config.root, file)
        return torch.tensor(find_names(self.split, names, file))

    def _tested(self, form: CentreCrop) -> Iterator[Tensor]:
        if not len(self.split):
            raise without_labels(self.config)
        workers = self.config.workers if isinstance(self.split, LazySplit) else 0
        _, height, width = self.split.shape
        area = form.crop**2 if form.crop is not None else (height or 0) * (width or 0)
        size = max(1, min(EVALUATION_BATCH, EVALUATION_PIXELS // max(area, 1)))
        for images, _ in image_batches(self.split, size, form, workers):
            yield images

    def _test_size(self) -> int:
        """Returns the pixels of a tested image's shorter side."""
        return min(self._test_form(read_images(self.split, torch.tensor([0]))).shape[2:])

    def _normalise(self, images: Tensor) -> Tensor:
        return normalise(to_float(images), self.config.mean, self.config.std)


def find_names(split: LazySplit, names: list[str], where: str) -> list[int]:
    """Returns the row of each name; raises `DataError` unless each is that of one image."""
    rows: dict[str, list[int]] = defaultdict(list)
    paths = [split.relative_name(row) for row in range(len(split))]
    for row, path in enumerate(paths):
        rows[path.rpartition("/")[2]].append(row)
    found = []
    for name in names:
        of_file = rows.get(name.rpartition("/")[2], [])
        found.append([row for row in of_file if f"/{paths[row]}".endswith(f"/{name}")])
    wrong = [name for name, of_name in zip(names, found, strict=True) if len(of_name) != 1]
    if wrong:
        raise DataError(
            f"{where}: {len(wrong)} of {len(names)} names, such as {wrong[0]}, are not those of "
            "one labelled image each"
        )
    return [row for (row,) in found]


def without_labels(config: ImageConfig) -> DataError:
    """Returns what to raise where protocols find no label."""
    return DataError(
        f"{config.path or config.name}: its images have no labels, which the protocols need; "
        "use evaluation.protocols=[] evaluation.online=[]"
    )


def split_pair(
    images: Mapping[str, AnySplit], split: str, config: ImageConfig
) -> tuple[AnySplit, AnySplit]:
    """Returns the references and the tested images of ``split``.

    References are the training images; for "test" the hold-out too.

    Raises:
        DataError: If the set has no such split.
    """
    if split not in images:
        raise DataError(f"data.name={config.name} has no split {split!r} (data.holdout keeps val)")
    references: list[Any] = [images[name] for name in reference_names(images, split)]
    return reduce(lambda first, other: first.joined(other), references), images[split]


def reference_names(images: Mapping[str, AnySplit], split: str) -> list[str]:
    """Returns the splits whose images are the references of ``split``."""
    return ["train", "val"] if split != "val" and "val" in images else ["train"]


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
        if isinstance(split, LazySplit):
            boxes = hasattr(split.source, "objects")
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
