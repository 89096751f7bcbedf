"""Image splits as evaluation protocols take them: whole, or in random crops."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import reduce

import torch
from torch import Tensor

from common.data.images.config import ImageConfig, ViewConfig
from common.data.images.lazy import AnySplit, LazySplit, read_images
from common.data.images.loading import CentreCrop, RandomView, image_batches
from common.data.images.sets import Split, merge, to_float
from common.data.images.views import normalise
from common.distributed.draws import keyed_generator
from common.errors import DataError
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
    references = (images[name] for name in reference_names(images, split))
    return reduce(_merge, references), images[split]


def reference_names(images: Mapping[str, AnySplit], split: str) -> list[str]:
    """Returns the splits whose images are the references of ``split``."""
    return ["train", "val"] if split != "val" and "val" in images else ["train"]


def _merge(first: AnySplit, second: AnySplit) -> AnySplit:
    if isinstance(first, Split) and isinstance(second, Split):
        return merge(first, second)
    if isinstance(first, LazySplit) and isinstance(second, LazySplit):
        return first.joined(second)
    raise TypeError("one split in memory, the other read as needed")
