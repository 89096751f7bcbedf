"""Published sets with a class for each pixel or with boxes, read into memory from the data root.

Images have no label of their own (-1); `sets.Split.label_maps` holds the classes of their pixels.
"""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from common.data.images.readers.packed import Packed
from common.data.images.sets import IGNORED, ImageSet, Split, padded

CAMVID_UNLABELLED = 11
NUCLEI_FILE = "nuclei256/nuclei256.npz"
NUCLEI_CLASSES = ("background", "nucleus")
# No split is published. Rows are sorted by an identifier that is a hash, so any rule is a draw.
NUCLEI_TEST_EVERY = 5
BCCD_FILE = "bccd_small/bccd.npz"
BCCD_SPLITS = ("train", "val", "test")


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


def bccd(root: str | None = None) -> ImageSet:
    """Reads blood cells: 205, 87 and 72 images (3, 240, 320) with boxes of three classes.

    The two published boxes without area are left out. LOSSY: halved and encoded again.

    Raises:
        DataError: Names the file, and the box that does not fit.
    """
    names = ("jpeg", "offsets", "split", "box_image", "box_class", "box_xyxy")
    file = Packed(root, BCCD_FILE, *names)
    images = file.decoded()
    whole = file.split(images, np.full(len(images), -1))
    _check_boxes(file, images, len(whole.class_names))
    xyxy = torch.from_numpy(file["box_xyxy"].astype(np.float32))
    kind = torch.from_numpy(file["box_class"].astype(np.float32))
    image = torch.from_numpy(file["box_image"].astype(np.int64))
    has_area = (xyxy[:, 2:] > xyxy[:, :2]).all(1)
    rows = torch.cat([xyxy, kind[:, None]], 1)
    boxes = padded([rows[has_area & (image == row)] for row in range(len(whole))])
    whole = replace(whole, boxes=boxes)
    return {name: whole.rows(torch.from_numpy(file["split"] == name)) for name in BCCD_SPLITS}


def _check_boxes(file: Packed, images: Tensor, num_classes: int) -> None:
    num, _, height, width = images.shape
    image, kind, xyxy = file["box_image"], file["box_class"], file["box_xyxy"]
    if len(file["split"]) != num:
        raise file.error(f"holds {num} images and {len(file['split'])} splits")
    if xyxy.shape != (len(image), 4) or len(kind) != len(image):
        counts = f"{len(image)} images, {len(kind)} classes and {xyxy.shape} corners"
        raise file.error(f"boxes do not fit together: {counts}")
    fits = (image >= 0) & (image < num) & (kind >= 0) & (kind < num_classes)
    fits &= (xyxy >= 0).all(1) & (xyxy <= (width, height, width, height)).all(1)
    if not fits.all():
        row = int(np.argmin(fits))
        place = f"image {image[row]}, class {kind[row]}, {xyxy[row].tolist()}"
        raise file.error(f"box {row} is none of an image of {width}x{height}: {place}")
