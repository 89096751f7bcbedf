"""Picture splits as evaluation protocols take them: whole, or in random crops."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import reduce

import torch
from torch import Tensor

from common.data.pictures.config import PictureConfig, ViewConfig
from common.data.pictures.lazy import AnySplit, LazySplit, read_pictures
from common.data.pictures.loading import CentreCrop, RandomView, picture_batches
from common.data.pictures.sets import Split, merge, to_float
from common.data.pictures.views import normalise
from common.data.sampler import keyed_generator
from common.errors import DataError
from common.evaluation.crop import CropConfig
from common.registry import READERS

EVALUATION_BATCH = 512
# Larger pictures come in smaller batches: 167 of 224 x 224.
EVALUATION_PIXELS = EVALUATION_BATCH * 128**2
# A side of the pictures that serve as features themselves where they lie in files, and are large.
RAW_SIZE = 32


class EvaluatedPictures:
    """The labelled pictures of a split (`common.evaluation.pictures.LabelledPictures`).

    Args:
        split: In memory or read as needed; pictures without label are left out.
        config: The ``data:`` section.
    """

    def __init__(self, split: AnySplit, config: PictureConfig) -> None:
        labelled = split.labels >= 0
        self.split = split if bool(labelled.all()) else split.rows(labelled)
        self.config = config
        self._test_form = CentreCrop(config.test_resize, config.test_crop)

    @property
    def labels(self) -> Tensor:
        """(num,) int64; raises `DataError` where no picture has one."""
        if not len(self.split):
            raise without_labels(self.config)
        return self.split.labels

    def whole(self, device: torch.device) -> Iterator[Tensor]:
        """Yields all pictures in order, in the form in which they are tested."""
        for pictures in self._tested(self._test_form):
            yield self._normalise(pictures.to(device, non_blocking=True))

    def pixels(self) -> Tensor:
        """Returns ``(num, channels * height * width)`` in 0..1."""
        form, crop = self._test_form, self._test_form.crop
        if isinstance(self.split, LazySplit) and (crop is None or crop > RAW_SIZE):
            form = CentreCrop(RAW_SIZE, RAW_SIZE)
        return torch.cat([to_float(pictures).flatten(1) for pictures in self._tested(form)])

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
        for pictures, labels in picture_batches(
            self.split, batch_size, view, self.config.workers, order, epoch
        ):
            moved = pictures.to(device, non_blocking=True)
            yield self._normalise(moved), labels.to(device, non_blocking=True)

    def listed(self, file: str) -> Tensor:
        """Returns the rows of the pictures that ``file`` names, one a line.

        A name may be the file's alone, as in SimCLR's lists, or begin with folders.

        Args:
            file: Its path; where that is relative, from the data root.

        Raises:
            DataError: No such file, pictures without names, or a name that is not there or is
                that of several pictures.
        """
        if not isinstance(self.split, LazySplit):
            raise DataError(
                f"evaluation.finetune.lists: the pictures of {self.config.name} have no file "
                "names; leave it empty to draw the labels by seed"
            )
        names = READERS.get("picture-list")(self.config.root, file)
        return torch.tensor(find_names(self.split, names, file))

    def _tested(self, form: CentreCrop) -> Iterator[Tensor]:
        if not len(self.split):
            raise without_labels(self.config)
        workers = self.config.workers if isinstance(self.split, LazySplit) else 0
        _, height, width = self.split.shape
        area = form.crop**2 if form.crop is not None else (height or 0) * (width or 0)
        size = max(1, min(EVALUATION_BATCH, EVALUATION_PIXELS // max(area, 1)))
        for pictures, _ in picture_batches(self.split, size, form, workers):
            yield pictures

    def _test_size(self) -> int:
        """Returns the pixels of a tested picture's shorter side."""
        return min(self._test_form(read_pictures(self.split, torch.tensor([0]))).shape[2:])

    def _normalise(self, pictures: Tensor) -> Tensor:
        return normalise(to_float(pictures), self.config.mean, self.config.std)


def find_names(split: LazySplit, names: list[str], where: str) -> list[int]:
    """Returns the row of each name; raises `DataError` unless each is that of one picture."""
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
            "one labelled picture each"
        )
    return [row for (row,) in found]


def without_labels(config: PictureConfig) -> DataError:
    """Returns what to raise where protocols find no label."""
    return DataError(
        f"{config.path or config.name}: its pictures have no labels, which the protocols need; "
        "use evaluation.protocols=[] evaluation.online=[]"
    )


def split_pair(
    pictures: Mapping[str, AnySplit], split: str, config: PictureConfig
) -> tuple[AnySplit, AnySplit]:
    """Returns the references and the tested pictures of ``split``.

    References are the training pictures; for "test" the hold-out too.

    Raises:
        DataError: If the set has no such split.
    """
    if split not in pictures:
        raise DataError(f"data.name={config.name} has no split {split!r} (data.holdout keeps val)")
    references = (pictures[name] for name in reference_names(pictures, split))
    return reduce(_merge, references), pictures[split]


def reference_names(pictures: Mapping[str, AnySplit], split: str) -> list[str]:
    """Returns the splits whose pictures are the references of ``split``."""
    return ["train", "val"] if split != "val" and "val" in pictures else ["train"]


def _merge(first: AnySplit, second: AnySplit) -> AnySplit:
    if isinstance(first, Split) and isinstance(second, Split):
        return merge(first, second)
    if isinstance(first, LazySplit) and isinstance(second, LazySplit):
        return first.joined(second)
    raise TypeError("one split in memory, the other read as needed")
