"""Published sets with boxes around the objects of a picture, read from the data root."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from common.data.pictures.packed import Packed

BCCD_FILE = "bccd_small/bccd.npz"
BCCD_SPLITS = ("train", "val", "test")


@dataclass(frozen=True)
class BoxSplit:
    """Pictures (num, channels, height, width) uint8, and the boxes in each.

    ``boxes``: for each picture (count, 4) float32: left, top, right and bottom in pixels.
    ``classes``: for each picture (count,) int64; they index ``class_names``.
    """

    pictures: Tensor
    boxes: tuple[Tensor, ...]
    classes: tuple[Tensor, ...]
    class_names: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Returns the number of pictures."""
        return len(self.pictures)


def bccd(root: str | None = None) -> dict[str, BoxSplit]:
    """Reads blood cells: 205, 87 and 72 pictures (3, 240, 320) with boxes of three classes.

    The two published boxes without area are left out. LOSSY: halved and encoded again.

    Raises:
        DataError: Names the file, and the box that does not fit.
    """
    names = ("jpeg", "offsets", "split", "box_image", "box_class", "box_xyxy", "class_names")
    file = Packed(root, BCCD_FILE, *names)
    pictures = file.decoded()
    _check_boxes(file, pictures)
    xyxy = torch.from_numpy(file["box_xyxy"].astype(np.float32))
    image, kind = (
        torch.from_numpy(file[name].astype(np.int64)) for name in ("box_image", "box_class")
    )
    has_area = (xyxy[:, 2:] > xyxy[:, :2]).all(1)
    found = {}
    for split in BCCD_SPLITS:
        rows = np.flatnonzero(file["split"] == split)
        chosen = [has_area & (image == row) for row in rows.tolist()]
        found[split] = BoxSplit(
            pictures[rows],
            tuple(xyxy[mask] for mask in chosen),
            tuple(kind[mask] for mask in chosen),
            tuple(str(name) for name in file["class_names"]),
        )
    return found


def _check_boxes(file: Packed, pictures: Tensor) -> None:
    num, _, height, width = pictures.shape
    image, kind, xyxy = file["box_image"], file["box_class"], file["box_xyxy"]
    if len(file["split"]) != num:
        raise file.error(f"holds {num} pictures and {len(file['split'])} splits")
    if xyxy.shape != (len(image), 4) or len(kind) != len(image):
        counts = f"{len(image)} pictures, {len(kind)} classes and {xyxy.shape} corners"
        raise file.error(f"boxes do not fit together: {counts}")
    fits = (image >= 0) & (image < num) & (kind >= 0) & (kind < len(file["class_names"]))
    fits &= (xyxy >= 0).all(1) & (xyxy <= (width, height, width, height)).all(1)
    if not fits.all():
        row = int(np.argmin(fits))
        place = f"picture {image[row]}, class {kind[row]}, {xyxy[row].tolist()}"
        raise file.error(f"box {row} is none of a picture of {width}x{height}: {place}")
