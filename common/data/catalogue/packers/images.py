"""Images: encoded bytes end to end with offsets, or plain arrays."""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from common.data.catalogue.packers.arrays import Array, find, npz_bytes, read_content
from common.errors import DataError

FASHION_NAMES = (
    *("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat"),
    *("Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot"),
)
FASHION_ROWS = {"train": 10_000, "t10k": 5_000}
CALTECH_SIDE = 96
CALTECH_QUALITY = 80


def pack_folders(originals: Path, targets: list[str]) -> dict[str, bytes]:
    """Packs ``train`` and ``test`` trees of one folder a class, JPEG bytes unchanged.

    Rows are interleaved by class, so that any first rows hold as many of each.
    """
    packed = {}
    for target in targets:
        tree = find(originals, f"*/{Path(target).stem}")
        classes = sorted(path for path in tree.iterdir() if path.is_dir())
        rows = sorted(
            (int(path.stem), label, path)
            for label, folder in enumerate(classes)
            for path in folder.glob("*.jpg")
        )
        arrays = jpeg_arrays([path.read_bytes() for *_, path in rows])
        arrays["labels"] = np.asarray([label for _, label, _ in rows], dtype=np.uint8)
        arrays["index_in_class"] = np.asarray([number for number, *_ in rows], dtype=np.int32)
        arrays["class_names"] = np.asarray([folder.name for folder in classes])
        packed[target] = npz_bytes(arrays)
    return packed


def pack_caltech(originals: Path, targets: list[str]) -> dict[str, bytes]:
    """Packs the object categories at 96 pixels; every fifth file number is test.

    Lossy: images are scaled and encoded again, those longer than 2:1 cropped at the centre.
    """
    tree = find(originals, "**/101_ObjectCategories")
    classes = sorted(path for path in tree.iterdir() if path.name != "BACKGROUND_Google")
    rows = sorted(
        (int(path.stem.removeprefix("image_")), label, path)
        for label, folder in enumerate(classes)
        for path in folder.glob("*.jpg")
    )
    numbers = np.asarray([number for number, *_ in rows], dtype=np.int16)
    arrays = jpeg_arrays([_scaled(path) for *_, path in rows])
    arrays |= {
        "labels": np.asarray([label for _, label, _ in rows], dtype=np.uint8),
        "file_number": numbers,
        "is_test": numbers % 5 == 0,
        "class_names": np.asarray([folder.name for folder in classes]),
    }
    return {targets[0]: npz_bytes(arrays)}


def pack_tiny_imagenet(originals: Path, targets: list[str]) -> dict[str, bytes]:
    """Packs ``train`` and ``val`` of tiny-imagenet-200, JPEG bytes unchanged.

    Classes are numbered by their WordNet number; training rows are interleaved by class.

    Raises:
        DataError: If a file is missing, or an image is of no known class.
    """
    tree = find(originals, "**/tiny-imagenet-200")
    wnids = sorted(path.name for path in (tree / "train").iterdir() if path.is_dir())
    words = dict(_rows(tree / "words.txt", 2))
    annotations = [row[:2] for row in _rows(tree / "val/val_annotations.txt", 2)]
    found = {
        "train": [(path, path.parts[-3]) for path in tree.glob("train/*/images/*.JPEG")],
        "val": [(tree / "val/images" / name, wnid) for name, wnid in annotations],
    }
    packed = {}
    for target in targets:
        images = found[Path(target).stem]
        foreign = [path for path, wnid in images if wnid not in wnids]
        if foreign:
            raise DataError(f"{foreign[0]}: of a class that has no folder in {tree / 'train'}")
        rows = sorted(
            (int(path.stem.rsplit("_", 1)[1]), wnids.index(wnid), path) for path, wnid in images
        )
        arrays = jpeg_arrays([_read(path) for *_, path in rows])
        arrays["labels"] = np.asarray([label for _, label, _ in rows], dtype=np.uint8)
        arrays["class_names"] = np.asarray([words.get(wnid, wnid) for wnid in wnids])
        packed[target] = npz_bytes(arrays)
    return packed


def _rows(path: Path, columns: int) -> list[list[str]]:
    """Returns the first cells of a table with tabs, without empty lines."""
    lines = read_content(path).decode().splitlines()
    return [line.split("\t")[:columns] for line in lines if line.strip()]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error}") from None


def pack_fashion_mnist(originals: Path, targets: list[str]) -> dict[str, bytes]:
    """Packs the first rows of the four idx files as ``x_train, y_train, x_test, y_test``."""
    return {targets[0]: _fashion_mnist(originals, FASHION_ROWS)}


def pack_fashion_mnist_full(originals: Path, targets: list[str]) -> dict[str, bytes]:
    """Packs all rows of the four idx files, in the form of `pack_fashion_mnist`."""
    return {targets[0]: _fashion_mnist(originals, {})}


def _fashion_mnist(originals: Path, first_rows: dict[str, int]) -> bytes:
    arrays: dict[str, Array] = {}
    for prefix, split in (("train", "train"), ("t10k", "test")):
        rows = first_rows.get(prefix)
        arrays[f"x_{split}"] = read_idx(originals / f"{prefix}-images-idx3-ubyte.gz")[:rows]
        arrays[f"y_{split}"] = read_idx(originals / f"{prefix}-labels-idx1-ubyte.gz")[:rows]
    return npz_bytes(arrays | {"class_names": np.asarray(FASHION_NAMES)})


def jpeg_arrays(images: list[bytes]) -> dict[str, Array]:
    """Returns ``jpeg``, all images end to end, and ``offsets``: image i lies between two."""
    lengths = [0, *(len(image) for image in images)]
    return {
        "jpeg": np.frombuffer(b"".join(images), dtype=np.uint8),
        "offsets": np.cumsum(lengths, dtype=np.int64),
    }


def read_idx(path: Path) -> Array:
    """Reads an idx file of bytes, gzipped or not.

    Raises:
        DataError: If the header and the length do not agree.
    """
    content = read_content(path)
    dimensions = content[3] if content[:3] == b"\x00\x00\x08" else 0
    header = 4 + 4 * dimensions
    shape = tuple(np.frombuffer(content[4:header], dtype=">u4").astype(int))
    if not dimensions or len(content) != header + int(np.prod(shape)):
        raise DataError(f"{path}: not an idx file of bytes")
    return np.frombuffer(content[header:], dtype=np.uint8).reshape(shape)


def read_image(path: Path, mode: str | None = None) -> Array:
    """Returns the pixels, in ``mode`` of Pillow if one is given.

    Raises:
        DataError: Naming an image that is missing or broken.
    """
    try:
        with Image.open(path) as opened:
            return np.asarray(opened if mode is None else opened.convert(mode))
    except (OSError, SyntaxError, ValueError) as error:
        raise DataError(f"{path}: not a readable image: {error}") from None


def jpeg_bytes(image: Image.Image, **options: int) -> bytes:
    """Returns an image as JPEG; ``options`` are Pillow's, such as ``quality``."""
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **options)
    return buffer.getvalue()


def _scaled(path: Path) -> bytes:
    image = Image.fromarray(read_image(path, "RGB"))
    width, height = image.size
    keep_w, keep_h = min(width, 2 * height), min(height, 2 * width)
    left, top = (width - keep_w) // 2, (height - keep_h) // 2
    scale = CALTECH_SIDE / min(keep_w, keep_h)
    size = (round(keep_w * scale), round(keep_h * scale))
    box = (left, top, left + keep_w, top + keep_h)
    small = image.resize(size, Image.Resampling.LANCZOS, box=box)
    return jpeg_bytes(small, quality=CALTECH_QUALITY)
