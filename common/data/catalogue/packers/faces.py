"""Faces: a folder a person, or one class of Caltech-101."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from common.data.catalogue.packers.arrays import find, npz_bytes
from common.data.catalogue.packers.dense import read_image
from common.data.catalogue.packers.images import jpeg_arrays

EASY_SIDE = 160
EASY_QUALITY = 92


def pack_faces_att(originals: Path, targets: list[str]) -> dict[str, bytes]:
    """Packs ``att_faces/s1`` to ``s40``, ten PGM files each, by person and file number."""
    tree = find(originals, "*/att_faces")
    rows = sorted(
        (int(path.parent.name.removeprefix("s")) - 1, int(path.stem), path)
        for path in tree.glob("s*/*.pgm")
    )
    arrays = {
        "images": np.stack([read_image(path, "L") for *_, path in rows]),
        "subject": np.asarray([subject for subject, *_ in rows], dtype=np.int16),
        "pose": np.asarray([pose for _, pose, _ in rows], dtype=np.int16),
    }
    return {targets[0]: npz_bytes(arrays)}


def pack_faces_caltech(originals: Path, targets: list[str]) -> dict[str, bytes]:
    """Packs the centre squares of Caltech-101's class Faces_easy at 160 pixels.

    Lossy: images are scaled and encoded again.
    """
    paths = sorted(find(originals, "**/Faces_easy").glob("image_*.jpg"))
    arrays = jpeg_arrays([_square(path) for path in paths])
    numbers = [int(path.stem.removeprefix("image_")) for path in paths]
    arrays["file_number"] = np.asarray(numbers, dtype=np.int16)
    return {targets[0]: npz_bytes(arrays)}


def _square(path: Path) -> bytes:
    image = Image.fromarray(read_image(path, "RGB"))
    side = min(image.size)
    left, top = (image.width - side) // 2, (image.height - side) // 2
    square = image.crop((left, top, left + side, top + side))
    buffer = io.BytesIO()
    small = square.resize((EASY_SIDE, EASY_SIDE), Image.Resampling.LANCZOS)
    small.save(buffer, "JPEG", quality=EASY_QUALITY, subsampling=0)
    return buffer.getvalue()
