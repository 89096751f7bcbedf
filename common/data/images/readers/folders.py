"""Images in folders: `FolderSource`, and how folders become splits and classes. No torch."""

import os
import unicodedata
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from common.errors import DataError

SUFFIXES = {".bmp", ".gif", ".jpeg", ".jpg", ".pgm", ".png", ".ppm", ".tif", ".tiff", ".webp"}

# Images that are not read.
OTHER_IMAGES = {".avif", ".heic", ".heif", ".jfif", ".jp2", ".jxl"}
# What a folder without images may hold in their place, by the ending, and the mend.
UNREAD = {
    ".npy": "arrays are not read as images, which have 8 bits and 1, 3 or 4 channels; save them as "
    ".png, or train on them from Python with a loader of your own: docs/python.md",
    ".tar.gz": "packed shards cannot be read at any place; unpack them: gunzip {folder}/*.tar.gz",
    ".tgz": "packed shards cannot be read at any place; unpack them: gzip -d {folder}/*.tgz",
    ".csv": "no images lie beside it; name the table, or write nodes.csv (type,count) for a graph",
}


@dataclass(frozen=True)
class Listing:
    """Images by row, in arrays that forked workers share: ``classes`` index ``class_names``.

    ``names``: bytes; ``sizes``: int64, bytes of each file; ``classes``: int64, -1 for none.
    """

    names: NDArray[np.bytes_]
    sizes: NDArray[np.int64]
    classes: NDArray[np.int64]
    class_names: list[str]


@dataclass(frozen=True)
class FolderSource:
    """Files below ``folder``; see `lazy.Source`."""

    folder: Path
    names: NDArray[np.bytes_]
    sizes: NDArray[np.int64]
    upright: bool = True
    # Any file costs the same to reach.
    shard: None = None

    def name(self, row: int) -> str:
        """Returns the file's path."""
        return str(self.folder / os.fsdecode(self.names[row]))

    def read(self, row: int) -> bytes:
        """Returns the file's bytes; raises `OSError`."""
        return Path(self.name(row)).read_bytes()


def warn_outside(table: Path, folder: Path, names: Iterable[str]) -> None:
    """Says which images that ``table`` names lie outside of ``folder``, where theirs should."""
    top = os.path.join(os.path.abspath(folder), "")
    outside = [n for n in names if not os.path.abspath(os.path.join(folder, n)).startswith(top)]
    if outside:
        more = f" and {len(outside) - 1:,} more are" if len(outside) > 1 else " is"
        warnings.warn(f"{table}: {outside[0]}{more} outside of {folder}", stacklevel=2)


def list_folder(folder: Path, only: list[str] | None = None) -> Listing:
    """Lists a folder's images by name; the first folder below it is an image's class.

    Args:
        folder: Where to look, at any depth.
        only: Class folders to look in; None: all.

    Raises:
        DataError: Without images.
    """
    starts = [""] if only is None else [name for name in only if (folder / name).is_dir()]
    unread: list[str] = []
    found = sorted(pair for start in starts for pair in walk_images(folder / start, start, unread))
    if unread:
        first = min(unread)
        warnings.warn(
            f"{folder}: {len(unread):,} images are left out, such as {first}: "
            f"{Path(first).suffix} is not read; save them as .jpg",
            stacklevel=2,
        )
    if not found:
        files = sorted(folder.rglob("*"))
        for ending, mend in UNREAD.items():
            for file in files:
                if file.name.endswith(ending):
                    raise DataError(f"{file}: {mend.format(folder=file.parent)}")
        raise DataError(f"{folder} holds no images ({' '.join(sorted(SUFFIXES))})")
    names = np.array([os.fsencode(name) for name, _ in found])
    heads = [composed(name.split("/", 1)[0]) if "/" in name else "" for name, _ in found]
    class_names, classes = np.unique(heads, return_inverse=True)
    unlabelled = int(class_names[0] == "")
    return Listing(
        names,
        np.array([size for _, size in found], np.int64),
        classes.astype(np.int64) - unlabelled,
        class_names[unlabelled:].tolist(),
    )


def composed(folder: str) -> str:
    """Returns the name of a class folder in composed letters: a Mac takes letters apart."""
    return unicodedata.normalize("NFC", folder)


def walk_images(
    folder: Path, prefix: str, unread: list[str] | None = None
) -> Iterator[tuple[str, int]]:
    """Yields each image's name below the top folder, and its size; links are followed.

    Names of images in a form that is not read are added to ``unread``.
    """
    with os.scandir(folder) as entries:
        for entry in entries:
            name = f"{prefix}/{entry.name}" if prefix else entry.name
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                target = Path(entry.path).resolve()
                # A link to a folder above would never end.
                if not folder.resolve().is_relative_to(target):
                    yield from walk_images(Path(entry.path), name, unread)
                continue
            suffix = os.path.splitext(entry.name)[1].lower()
            if suffix in SUFFIXES:
                if not entry.is_file():  # to open a pipe would wait for ever
                    raise DataError(
                        f"{entry.path}: no file, but a link that leads nowhere or a pipe; remove it"
                    )
                yield name, entry.stat().st_size
            elif unread is not None and suffix in OTHER_IMAGES:
                unread.append(name)
