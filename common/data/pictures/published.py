"""Published picture sets, read into memory from the data root (`sources.yaml` says what is there).

Each reader takes the recipe's ``data.root``, returns uint8 pictures by split, and raises
`DataError` that names file, picture and mend.
"""

import torch

from common.data.pictures.packed import Packed
from common.data.pictures.sets import PictureSet

CALTECH_FILE = "caltech101_96px/caltech101.npz"
CALTECH_SIDE = 96
FASHION_SUBSET = "fashion_mnist_subset/fashion_mnist_train10k_test5k.npz"


def cifar10_jpeg(root: str | None = None) -> PictureSet:
    """Reads CIFAR-10 in its JPEG copy: 50,000 and 10,000 pictures (3, 32, 32).

    LOSSY: what is measured on it is not comparable with figures on the original.
    """
    pictures = {}
    for split in ("train", "test"):
        file = Packed(root, f"cifar10_jpeg/{split}.npz", "jpeg", "offsets", "labels")
        pictures[split] = file.split(file.decoded(), file["labels"])
    return pictures


def caltech101(root: str | None = None) -> PictureSet:
    """Reads the centre squares of Caltech-101 at 96 pixels: 6,982 and 1,695 pictures (3, 96, 96).

    Test pictures are those whose file number is a multiple of 5. LOSSY: scaled and encoded again.
    """
    file = Packed(root, CALTECH_FILE, "jpeg", "offsets", "labels", "is_test")
    whole = file.split(file.decoded(CALTECH_SIDE), file["labels"])
    if len(file["is_test"]) != len(whole):
        raise file.error(f"holds {len(whole)} pictures and {len(file['is_test'])} is_test")
    is_test = torch.from_numpy(file["is_test"])
    return {"train": whole.rows(~is_test), "test": whole.rows(is_test)}


def tiny_imagenet(root: str | None = None) -> PictureSet:
    """Reads Tiny ImageNet: 100,000 pictures (3, 64, 64) of 200 classes, and "val" as "test".

    Its own test pictures have no labels: everybody reports on "val".
    """
    pictures = {}
    for split, stem in (("train", "train"), ("test", "val")):
        file = Packed(root, f"tiny_imagenet/{stem}.npz", "jpeg", "offsets", "labels")
        pictures[split] = file.split(file.decoded(), file["labels"])
    return pictures


def fashion_mnist(root: str | None = None) -> PictureSet:
    """Reads the first 10,000 and 5,000 pictures (1, 28, 28) of Fashion-MNIST."""
    file = Packed(root, FASHION_SUBSET, "x_train", "y_train", "x_test", "y_test")
    return {
        split: file.split(file.plain(f"x_{split}"), file[f"y_{split}"])
        for split in ("train", "test")
    }
