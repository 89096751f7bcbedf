"""Blood cells with boxes of three classes."""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from common.data.images.readers.packed import Packed
from common.data.images.sets import ImageSet, padded

BCCD_FILE = "bccd_small/bccd.npz"
BCCD_SPLITS = ("train", "val", "test")


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
