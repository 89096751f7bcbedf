"""CIFAR-10 at half strength, of which the second half has a symbol laid over: the overlay set."""

from pathlib import Path

import torch
import torch.nn.functional as F
from torchvision.datasets import MNIST

from common.data.catalogue.root import data_root
from common.data.images.readers.cifar_stl import CIFAR10_NAMES, cifar10
from common.data.images.readers.packed_sets import cifar10_jpeg, fashion_mnist_full
from common.data.images.sets import ImageSet, Split
from common.errors import DataError

SYMBOLS = 10
# Code: the first images of each set are tested.
NUM_TEST = 1000
CLASS_NAMES = (
    *(name for name in CIFAR10_NAMES for _ in range(SYMBOLS)),
    *(f"{name}, symbol {number}" for name in CIFAR10_NAMES for number in range(SYMBOLS)),
)


def cifar10_mnist(root: str | None = None) -> ImageSet:
    """Makes the published overlay set of CIFAR-10 and MNIST: 50,000 and 1,000 images (3, 32, 32).

    Raises:
        DataError: Files that are missing; names them.
    """
    return overlaid(cifar10(root), {split: _mnist(root, split) for split in ("train", "test")})


def cifar10_jpeg_fashion(root: str | None = None) -> ImageSet:
    """Makes a stand-in of the JPEG copy of CIFAR-10, LOSSY, and Fashion-MNIST, of the same form."""
    return overlaid(cifar10_jpeg(root), fashion_mnist_full(root))


def overlaid(objects: ImageSet, symbols: ImageSet) -> ImageSet:
    """Returns pairs by index: half of each image, and in the second half of them of each symbol.

    A label is ``100 * target + 10 * object + symbol``; the background has no symbol, and 0 stands
    in its labels.

    Args:
        objects: uint8 (num, 3, 32, 32), the splits "train" and "test".
        symbols: uint8 (num, 1, 28, 28) of 10 classes; as many are used as there are objects.
    """
    test = torch.arange(min(NUM_TEST, len(objects["test"]), len(symbols["test"])))
    return {
        "train": _lay_over(objects["train"], symbols["train"]),
        "test": _lay_over(objects["test"].rows(test), symbols["test"].rows(test)),
    }


def _lay_over(objects: Split, symbols: Split) -> Split:
    num = min(len(objects), len(symbols))
    is_target = torch.arange(num) >= num // 2
    centred = F.pad(symbols.images[:num], [2] * 4)
    images = (objects.images[:num].int() + is_target[:, None, None, None] * centred.int()) // 2
    symbol = symbols.labels[:num] * is_target
    labels = SYMBOLS * (len(CIFAR10_NAMES) * is_target + objects.labels[:num]) + symbol
    return Split(images.to(torch.uint8), labels, class_names=CLASS_NAMES)


def _mnist(root: str | None, split: str) -> Split:
    folder = data_root(root)
    try:
        read = MNIST(str(folder), train=split == "train")
    except (RuntimeError, OSError) as error:
        raise DataError(
            f"{Path(folder, 'MNIST', 'raw')}: MNIST's files are missing or broken; let "
            "torchvision.datasets.MNIST fetch them into the data root"
        ) from error
    return Split(read.data.unsqueeze(1), read.targets.long())
