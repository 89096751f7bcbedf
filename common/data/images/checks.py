"""What is asked of images before compute is spent: the labels and sizes that protocols need."""

from collections.abc import Mapping

import torch
from rich.console import Console
from rich.progress import track
from torch import Tensor

from common.data.images.config import ImageConfig
from common.data.images.evaluation import reference_names, without_labels
from common.data.images.lazy import AnySplit, LazySplit
from common.errors import DataError

# Tested images whose headers are looked at in any case: a second or two.
FEW = 1000
NAMED = 3


def check_labels(images: Mapping[str, AnySplit], split: str, data: ImageConfig) -> None:
    """Raises `DataError` unless ``split`` and its references have labels, of 2 classes at least."""
    references = [images[name] for name in reference_names(images, split)]
    labels = _labels(references)
    if not len(labels) or not len(_labels([images[split]])):
        raise without_labels(data)
    if len(labels.unique()) < 2:
        raise _one_class(labels, references[0], data)


def describe_labels(images: Mapping[str, AnySplit]) -> str:
    """Returns how many classes there are, and how many images have one unless all do."""
    labels, num = _labels([*images.values()]), sum(map(len, images.values()))
    if not len(labels):
        return "no labels of whole images"
    classes = len(labels.unique())
    text = f"{classes:,} class{'es' * (classes > 1)}"
    return text if len(labels) == num else f"{text}, {len(labels):,} of {num:,} labelled"


def find_warnings(images: Mapping[str, AnySplit]) -> list[str]:
    """Returns what may be a slip: classes without images to train on."""
    found = []
    trained = _labels([images["train"]]).unique()
    for split, part in images.items():
        tested = _labels([part]).unique()
        foreign = tested[~torch.isin(tested, trained)].tolist()
        if foreign and len(trained):
            names = [_class_name(part, label) for label in foreign]
            found.append(f"{split} images of classes without training images: {_few(names)}")
    return found


def _labels(parts: list[AnySplit]) -> Tensor:
    labels = torch.cat([part.labels for part in parts])
    return labels[labels >= 0]


def _class_name(part: AnySplit, label: int) -> str:
    # Shards give their classes numbers only.
    return part.class_names[label] if part.class_names else str(label)


def _few(names: list[str]) -> str:
    return ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" * (len(names) > NAMED))


def _one_class(labels: Tensor, part: AnySplit, data: ImageConfig) -> DataError:
    name = _class_name(part, int(labels[0]))
    return DataError(
        f"{data.path or data.name}: all labelled images are of 1 class ({name}), and protocols "
        f"tell at least 2 apart; train with evaluation.protocols=[] evaluation.online=[]"
    )


def check_files(images: Mapping[str, AnySplit], measured: list[str], data: ImageConfig) -> None:
    """Looks at the headers of the labelled images in files of splits that are ``measured``.

    Where nothing crops what is tested to one size, at those of their references too: all must
    show one.

    Raises:
        DataError: Images of several sizes, or a broken header.
    """
    names = set(measured)
    if data.test_crop is None:
        names.update(*(reference_names(images, split) for split in measured))
    parts = [part for name, part in images.items() if name in names]
    files = [part.rows(part.labels >= 0) for part in parts if isinstance(part, LazySplit)]
    if data.test_crop is not None:
        files = [part for part in files if len(part) <= FEW]
    rows = [(part, row) for part in files for row in range(len(part))]
    console = Console(stderr=True)
    first: tuple[str, tuple[int, int]] | None = None
    for part, row in track(rows, "reading headers", console=console, disable=len(rows) <= FEW):
        size = scaled_size(part.size(row), data.test_resize)
        first = first or (part.name(row), size)
        if data.test_crop is None and size != first[1]:
            raise DataError(
                f"{part.name(row)} has {size[0]} x {size[1]} pixels, {first[0]} {first[1][0]} x "
                f"{first[1][1]}: set data.test_resize and data.test_crop"
            )


def scaled_size(size: tuple[int, int], shorter: int | None) -> tuple[int, int]:
    """Returns (height, width) as torchvision's resize makes them of ``size``."""
    height, width = size
    if shorter is None:
        return size
    if height <= width:
        return shorter, int(shorter * width / height)
    return int(shorter * height / width), shorter
