"""Images with a class, an object or a box for parts of them, and faces."""

from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from PIL import Image

from common.data.catalogue.packers.arrays import Array, find, npz_bytes, read_content
from common.data.catalogue.packers.images import jpeg_arrays, jpeg_bytes, read_image
from common.errors import DataError

CAMVID_NAMES = (
    *("Sky", "Building", "Pole", "Road", "Pavement", "Tree"),
    *("SignSymbol", "Fence", "Car", "Pedestrian", "Bicyclist", "Unlabelled"),
)
HALVED_QUALITY = 90
# 4:2:0, Pillow's default.
CHROMA_HALVED = 2
BCCD_NAMES = ("RBC", "WBC", "Platelets")
BOX_SIDES = ("xmin", "ymin", "xmax", "ymax")
NUCLEI_SIDE = 256
EASY_SIDE = 160
EASY_QUALITY = 92


def pack_camvid(originals: Path, targets: list[str]) -> dict[str, bytes]:
    """Packs the splits of the SegNet tutorial at half size; masks keep every second pixel.

    Lossy: images are halved by a box filter and encoded as JPEG.
    """
    return {target: _camvid_split(originals, Path(target).stem) for target in targets}


def _camvid_split(originals: Path, split: str) -> bytes:
    paths = sorted(find(originals, f"*/CamVid/{split}").glob("*.png"))
    annotations = find(originals, f"*/CamVid/{split}annot")
    masks = [read_image(annotations / path.name)[::2, ::2] for path in paths]
    arrays = jpeg_arrays([halved(path) for path in paths])
    arrays["masks"] = np.stack(masks)
    arrays["names"] = np.asarray([path.stem for path in paths])
    arrays["class_names"] = np.asarray(CAMVID_NAMES)
    return npz_bytes(arrays)


def pack_nuclei(originals: Path, targets: list[str]) -> dict[str, bytes]:
    """Packs the 256 x 256 images in grey, and one map of numbered nuclei for each."""
    folders = sorted(path for path in find(originals, "*/stage1_train").iterdir() if path.is_dir())
    images, maps, names = [], [], []
    for folder in folders:
        grey = read_image(folder / f"images/{folder.name}.png", "L")
        if grey.shape == (NUCLEI_SIDE, NUCLEI_SIDE):
            images.append(grey)
            maps.append(_numbered(folder / "masks", grey.shape))
            names.append(folder.name)
    arrays = {"images": np.stack(images), "instances": np.stack(maps), "ids": np.asarray(names)}
    return {targets[0]: npz_bytes(arrays)}


def _numbered(folder: Path, shape: tuple[int, ...]) -> Array:
    """Returns one map of the masks in ``folder``: 1 for the first; later ones lie on top."""
    numbered = np.zeros(shape, np.uint16)
    for number, path in enumerate(sorted(folder.glob("*.png")), start=1):
        numbered[read_image(path, "L") > 0] = number
    return numbered


def pack_bccd(originals: Path, targets: list[str]) -> dict[str, bytes]:
    """Packs the blood cells at half size, with their boxes halved too.

    Lossy: images are halved by a box filter and encoded as JPEG.

    Raises:
        DataError: If a file is missing, no annotation, or names a class that is none of the three.
    """
    tree = find(originals, "*/BCCD")
    split_of = {
        name: split
        for split in ("train", "val", "test")
        for name in read_content(tree / f"ImageSets/Main/{split}.txt").decode().split()
    }
    names = sorted(split_of)
    boxes = [
        (row, *box)
        for row, name in enumerate(names)
        for box in _boxes(tree / f"Annotations/{name}.xml")
    ]
    arrays = jpeg_arrays([halved(tree / f"JPEGImages/{name}.jpg", CHROMA_HALVED) for name in names])
    arrays |= {
        "names": np.asarray(names),
        "split": np.asarray([split_of[name] for name in names]),
        "box_image": np.asarray([row for row, *_ in boxes], dtype=np.int32),
        "box_class": np.asarray([kind for _, kind, _ in boxes], dtype=np.int8),
        "box_xyxy": np.asarray([corners for *_, corners in boxes], dtype=np.float32) / 2,
        "class_names": np.asarray(BCCD_NAMES),
    }
    return {targets[0]: npz_bytes(arrays)}


def _boxes(path: Path) -> list[tuple[int, list[float]]]:
    """Returns class and corners of each object of a Pascal VOC annotation."""
    numbers: dict[str | None, int] = {name: row for row, name in enumerate(BCCD_NAMES)}
    try:
        objects = ElementTree.fromstring(read_content(path)).findall("object")
        return [
            (
                numbers[item.findtext("name")],
                [float(str(item.findtext(f"bndbox/{side}"))) for side in BOX_SIDES],
            )
            for item in objects
        ]
    except (ElementTree.ParseError, ValueError, KeyError) as error:
        raise DataError(f"{path}: no annotation of {', '.join(BCCD_NAMES)}: {error}") from None


def halved(path: Path, subsampling: int = 0) -> bytes:
    """Returns an image at half its size, by a box filter, as JPEG.

    Args:
        path: The image.
        subsampling: Subsampling of the colours, as Pillow numbers it; 0: none.
    """
    image = Image.fromarray(read_image(path, "RGB"))
    small = image.resize((image.width // 2, image.height // 2), Image.Resampling.BOX)
    return jpeg_bytes(small, quality=HALVED_QUALITY, subsampling=subsampling)


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
    small = square.resize((EASY_SIDE, EASY_SIDE), Image.Resampling.LANCZOS)
    return jpeg_bytes(small, quality=EASY_QUALITY, subsampling=0)
