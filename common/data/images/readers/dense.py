"""Published sets with a class for each pixel, read into memory from the data root.

Images have no label of their own (-1); `sets.Split.label_maps` holds the classes of their pixels.
"""

from dataclasses import replace

import numpy as np
import torch

from common.data.images.readers.packed import Packed
from common.data.images.sets import IGNORED, ImageSet, Split

CAMVID_UNLABELLED = 11
NUCLEI_FILE = "nuclei256/nuclei256.npz"
NUCLEI_CLASSES = ("background", "nucleus")
# No split is published. Rows are sorted by an identifier that is a hash, so any rule is a draw.
NUCLEI_TEST_EVERY = 5


def camvid(root: str | None = None) -> ImageSet:
    """Reads CamVid at half size: 367, 101 and 233 street scenes (3, 180, 240), 11 classes.

    LOSSY: halved and encoded again. "val" is the set's own.

    Raises:
        DataError: Names the file, and the image with a map that does not fit.
    """
    return {split: _camvid(root, split) for split in ("train", "val", "test")}


def nuclei(root: str | None = None) -> ImageSet:
    """Reads grey micrographs (1, 256, 256), background and nuclei: 267 to train and 67 to test.

    ``instance_maps`` tell one nucleus of an image from another.

    Raises:
        DataError: Names the file.
    """
    file = Packed(root, NUCLEI_FILE, "images", "instances")
    images, instances = file.plain("images"), file.maps("instances", len(file["images"]))
    nothing = np.full(len(images), -1)
    whole = replace(
        file.split(images, nothing, label_maps=(instances > 0).long(), instance_maps=instances),
        class_names=NUCLEI_CLASSES,
    )
    is_test = torch.arange(len(whole)) % NUCLEI_TEST_EVERY == 0
    return {"train": whole.rows(~is_test), "test": whole.rows(is_test)}


def _camvid(root: str | None, split: str) -> Split:
    file = Packed(root, f"camvid_small/{split}.npz", "jpeg", "offsets", "masks")
    images = file.decoded()
    maps = file.maps("masks", len(images)).long()
    foreign = (maps > CAMVID_UNLABELLED).flatten(1).any(1)
    if foreign.any():
        row = int(foreign.nonzero()[0])
        raise file.error(f"mask {row} holds class {int(maps[row].max())}; there are 0 to 11")
    maps[maps == CAMVID_UNLABELLED] = IGNORED
    whole = file.split(images, np.full(len(images), -1), label_maps=maps)
    # The last name is that of pixels without class.
    return replace(whole, class_names=whole.class_names[:CAMVID_UNLABELLED])
