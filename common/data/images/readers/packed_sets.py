"""Published image sets, read into memory from the data root (`sources.yaml` says what is there).

Each reader takes the recipe's ``data.root``, returns uint8 images by split, and raises
`DataError` that names file, image and mend.
"""

import numpy as np
import torch

from common.data.images.readers.packed import Packed
from common.data.images.sets import ImageSet

CALTECH_FILE = "caltech101_96px/caltech101.npz"
CALTECH_SIDE = 96
FASHION_SUBSET = "fashion_mnist_subset/fashion_mnist_train10k_test5k.npz"
FASHION_FULL = "fashion_mnist/fashion_mnist.npz"
FACES_ATT_FILE = "faces_att/att_faces.npz"
FACES_CALTECH_FILE = "faces_caltech/faces_easy_160.npz"


def cifar10_jpeg(root: str | None = None) -> ImageSet:
    """Reads CIFAR-10 in its JPEG copy: 50,000 and 10,000 images (3, 32, 32).

    LOSSY: what is measured on it is not comparable with figures on the original.
    """
    return _jpegs(root, train="cifar10_jpeg/train.npz", test="cifar10_jpeg/test.npz")


def caltech101(root: str | None = None) -> ImageSet:
    """Reads the centre squares of Caltech-101 at 96 pixels: 6,982 and 1,695 images (3, 96, 96).

    Test images are those whose file number is a multiple of 5. LOSSY: scaled and encoded again.
    """
    file = Packed(root, CALTECH_FILE, "jpeg", "offsets", "labels", "is_test")
    whole = file.split(file.decoded(CALTECH_SIDE), file["labels"])
    if len(file["is_test"]) != len(whole):
        raise file.error(f"holds {len(whole)} images and {len(file['is_test'])} is_test")
    is_test = torch.from_numpy(file["is_test"])
    return {"train": whole.rows(~is_test), "test": whole.rows(is_test)}


def tiny_imagenet(root: str | None = None) -> ImageSet:
    """Reads Tiny ImageNet: 100,000 images (3, 64, 64) of 200 classes, and "val" as "test".

    Its own test images have no labels: everybody reports on "val".
    """
    return _jpegs(root, train="tiny_imagenet/train.npz", test="tiny_imagenet/val.npz")


def fashion_mnist(root: str | None = None) -> ImageSet:
    """Reads the first 10,000 and 5,000 images (1, 28, 28) of Fashion-MNIST."""
    return _fashion_mnist(root, FASHION_SUBSET)


def fashion_mnist_full(root: str | None = None) -> ImageSet:
    """Reads all 60,000 and 10,000 images (1, 28, 28) of Fashion-MNIST."""
    return _fashion_mnist(root, FASHION_FULL)


def faces_att(root: str | None = None) -> ImageSet:
    """Reads grey faces (1, 112, 92) of 40 people, who are the classes.

    The first five of each person's ten images train, the others test.
    """
    file = Packed(root, FACES_ATT_FILE, "images", "subject", "pose")
    whole = file.split(file.plain("images"), file["subject"])
    if len(file["pose"]) != len(whole):
        raise file.error(f"holds {len(whole)} images and {len(file['pose'])} poses")
    is_test = torch.from_numpy(file["pose"] > 5)
    return {"train": whole.rows(~is_test), "test": whole.rows(is_test)}


def faces_caltech(root: str | None = None) -> ImageSet:
    """Reads 435 faces (3, 160, 160) without labels, in the order of their file numbers.

    The last fifth is test: a person's images have neighbouring numbers, so that a random split
    would show most people in both. LOSSY: scaled and encoded again.
    """
    file = Packed(root, FACES_CALTECH_FILE, "jpeg", "offsets", "file_number")
    images = file.decoded()
    whole = file.split(images, np.full(len(file["file_number"]), -1))
    order = torch.from_numpy(file["file_number"].astype(np.int64)).argsort()
    num_test = len(whole) // 5
    return {"train": whole.rows(order[:-num_test]), "test": whole.rows(order[-num_test:])}


def _jpegs(root: str | None, **files: str) -> ImageSet:
    images = {}
    for split, relative in files.items():
        file = Packed(root, relative, "jpeg", "offsets", "labels")
        images[split] = file.split(file.decoded(), file["labels"])
    return images


def _fashion_mnist(root: str | None, relative: str) -> ImageSet:
    file = Packed(root, relative, "x_train", "y_train", "x_test", "y_test")
    return {
        split: file.split(file.plain(f"x_{split}"), file[f"y_{split}"])
        for split in ("train", "test")
    }
