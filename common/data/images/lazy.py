"""Images decoded from files when a batch needs them; hold-out and batches of all splits."""

import hashlib
import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError
from torch import Tensor
from torch.utils.data import Dataset, get_worker_info

from common.data.images.batch import ImageBatch, Images
from common.data.images.sets import Split
from common.data.sampler import BatchKey
from common.distributed.draws import keyed_generator
from common.errors import DataError

BROKEN = (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError)


def decode(file: Path | BinaryIO, name: str, upright: bool = True) -> Image.Image:
    """Decodes an image file with 8 bits a channel.

    Args:
        file: What to read.
        name: What the user knows it by.
        upright: Turn it as its EXIF data say.

    Raises:
        DataError: Naming an image that cannot be decoded or has more than 8 bits.
    """
    with _opened(file, name) as image:
        image.load()
        return ImageOps.exif_transpose(image) if upright else image.copy()


def read_size(file: Path | BinaryIO, name: str, upright: bool = True) -> tuple[int, int]:
    """Returns the height and width of what `decode` returns; reads the header alone."""
    with _opened(file, name) as image:
        width, height = image.size
        # These lie on their side.
        lying = upright and image.getexif().get(ExifTags.Base.Orientation) in (5, 6, 7, 8)
        return (width, height) if lying else (height, width)


@contextmanager
def _opened(file: Path | BinaryIO, name: str) -> Iterator[Image.Image]:
    """Opens an image file; raises `DataError` here and for what fails while it is open."""
    try:
        with Image.open(file) as image:
            # More than 8 bits a channel: Pillow would cut off at 255 without a word.
            if image.mode[0] in "IF":
                raise DataError(
                    f"{name}: pixels are not 8-bit (mode {image.mode}); convert the image"
                )
            yield image
    except BROKEN as error:
        # Pillow's own words name the object that was read, not the file.
        unknown = isinstance(error, UnidentifiedImageError)
        reason = "no kind of image that is known here" if unknown else error
        raise DataError(
            f"{name}: not a readable image ({reason}); repair it or take it away"
        ) from None


class Source(Protocol):
    """Encoded images by row; the splits of a set share one."""

    @property
    def upright(self) -> bool:
        """Whether images are turned as their EXIF data say; ImageNet's users never did."""
        ...

    @property
    def names(self) -> NDArray[np.bytes_]:
        """Names of all images, the same wherever the set lies."""
        ...

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Bytes of each image's file."""
        ...

    @property
    def shard(self) -> NDArray[np.int64] | None:
        """The large file each image lies in; None where each has its own."""
        ...

    def name(self, row: int) -> str:
        """Returns what a user finds the image by."""
        ...

    def read(self, row: int) -> bytes:
        """Returns the image's file; raises `OSError`."""
        ...


@dataclass(frozen=True)
class LazySplit:
    """As `sets.Split`, with images left where they are.

    ``index``: (num,) rows of ``source``. ``labels``: (num,) int64, -1 for none; ``class_names``:
    what they stand for, where that is known. ``notes``: (workers, 2) in shared memory, the number
    of each reading process and the row it is at.
    """

    source: Source
    index: Tensor
    labels: Tensor
    groups: Tensor | None = None
    class_names: tuple[str, ...] = ()
    notes: Tensor | None = None

    def __len__(self) -> int:
        """Returns the number of images."""
        return len(self.index)

    @property
    def shape(self) -> tuple[int, int | None, int | None]:
        """(channels, height, width); None where images differ."""
        return 3, None, None

    def rows(self, index: Tensor) -> "LazySplit":
        """Returns the images that ``index`` (positions or a mask) selects."""
        groups = None if self.groups is None else self.groups[index]
        return replace(self, index=self.index[index], labels=self.labels[index], groups=groups)

    def joined(self, other: "LazySplit") -> "LazySplit":
        """Returns the images of both, of one source."""
        index = torch.cat([self.index, other.index])
        labels = torch.cat([self.labels, other.labels])
        return replace(self, index=index, labels=labels, groups=None)

    def order(self, window: int | None, generator: torch.Generator) -> Tensor:
        """Returns all rows in random order, of ``window`` images in shards at a time."""
        if self.source.shard is None or window is None:
            return torch.randperm(len(self), generator=generator)
        return windowed_order(torch.from_numpy(self.source.shard)[self.index], window, generator)

    def name(self, row: int) -> str:
        """Returns what a user finds the image at ``row`` by."""
        return self.source.name(int(self.index[row]))

    def relative_name(self, row: int) -> str:
        """Returns the image's name in its set, the same wherever the set lies."""
        return os.fsdecode(self.source.names[int(self.index[row])])

    def read(self, row: int) -> Tensor:
        """Returns one image (3, height, width), uint8; raises `DataError` with its name."""
        with _naming_the_setting():
            return self.decoded(row)

    def decoded(self, row: int) -> Tensor:
        """As `read`, where unreadable images are left out already."""
        content, name = self._open(row)
        image = decode(content, name, self.source.upright).convert("RGB")
        return torch.from_numpy(np.array(image).transpose(2, 0, 1).copy())

    def size(self, row: int) -> tuple[int, int]:
        """Returns height and width as the image's header says; raises `DataError`."""
        with _naming_the_setting():
            return read_size(*self._open(row), self.source.upright)

    def _open(self, row: int) -> tuple[io.BytesIO, str]:
        """Returns the image's file and name, and notes what this process is at."""
        row = int(self.index[row])
        name = self.source.name(row)
        worker = get_worker_info()
        if self.notes is not None and worker is not None:
            self.notes[worker.id] = torch.tensor([os.getpid(), row])
        try:
            return io.BytesIO(self.source.read(row)), name
        except OSError as error:
            raise DataError(f"{name}: cannot be read ({error}); repair it") from None

    def watched(self, workers: int) -> "LazySplit":
        """Returns the split with room for the notes of ``workers`` processes."""
        return replace(self, notes=torch.full((workers, 2), -1).share_memory_())

    def reading(self, processes: set[int]) -> list[str]:
        """Returns the names of the images that ``processes`` were at last."""
        notes = [] if self.notes is None else self.notes.tolist()
        return [self.source.name(row) for process, row in notes if process in processes]


@contextmanager
def _naming_the_setting() -> Iterator[None]:
    try:
        yield
    except DataError as error:
        raise DataError(f"{error}, or leave such images out: data.skip_unreadable=true") from None


AnySplit = Split | LazySplit
Kind = TypeVar("Kind", Split, LazySplit)
FileSet = dict[str, LazySplit]
HOLDOUT_SEED = 20_200_617


def hold_out(images: dict[str, Kind], share: float, split: str = "val") -> dict[str, Kind]:
    """Moves ``share`` of the training groups to ``split``, unless the set brings its own.

    The choice depends on the number of groups alone, so every seed of a run, and every paper,
    has the same split. Where only some images have a label, these alone are held out: the others
    could not be tested.
    """
    if split in images or share == 0:
        return images
    train = images["train"]
    groups = torch.arange(len(train)) if train.groups is None else train.groups
    labelled = train.labels >= 0
    distinct = groups[labelled].unique() if labelled.any() else groups.unique()
    order = torch.randperm(len(distinct), generator=keyed_generator(HOLDOUT_SEED))
    chosen = distinct[order[: round(share * len(distinct))]]
    held = torch.isin(groups, chosen)
    return {**images, "train": train.rows(~held), split: train.rows(held)}


def keep_labelled(name: str, images: dict[str, Kind]) -> dict[str, Kind]:
    """Takes the training images without label away; raises `DataError` if none is left."""
    labelled = images["train"].labels >= 0
    if not labelled.any():
        raise DataError(f"{name}: no training image has a label, as data.labelled_only=true asks")
    return {**images, "train": images["train"].rows(labelled)}


def fingerprint_files(images: FileSet) -> str:
    """Returns 16 hex digits over names, sizes in bytes and labels, not over pixels."""
    digest = hashlib.sha256()
    for split in sorted(images):
        part = images[split]
        rows = part.index.numpy()
        digest.update(f"{split} {len(part)}\n".encode())
        digest.update(b"\n".join(part.source.names[rows].tolist()))
        digest.update(part.source.sizes[rows].tobytes())
        digest.update(part.labels.numpy().tobytes())
    return digest.hexdigest()[:16]


def read_images(split: AnySplit, rows: Tensor) -> Images:
    """Returns the images at ``rows`` as stored; a tensor where all have one size."""
    if isinstance(split, Split):
        return split.images[rows]
    images = [split.read(int(row)) for row in rows]
    return torch.stack(images) if len({p.shape for p in images}) == 1 else images


class ImageBatches(Dataset[ImageBatch]):
    """Gives all images of a batch at once, as stored."""

    def __init__(self, split: AnySplit) -> None:
        self.split = split

    def __getitem__(self, key: BatchKey) -> ImageBatch:
        """Returns the images and labels at ``key.rows``."""
        return ImageBatch(read_images(self.split, key.rows), self.split.labels[key.rows], key)


def image_sizes(images: Images) -> Tensor:
    """Returns (num, 2), each image's height and width."""
    if isinstance(images, Tensor):
        return torch.tensor([images.shape[2:]]).expand(len(images), 2)
    return torch.tensor([image.shape[1:] for image in images])


def windowed_order(shards: Tensor, window: int, generator: torch.Generator) -> Tensor:
    """Shuffles shards, joins them until they hold ``window`` images, and shuffles in these.

    Args:
        shards: (num,) the shard of each image.
        window: Images; the last shard that begins within it belongs to it as a whole.
        generator: Decides all.
    """
    _, number, counts = shards.unique(return_inverse=True, return_counts=True)
    sequence = torch.randperm(len(counts), generator=generator)
    before = counts[sequence].cumsum(0) - counts[sequence]
    windows = torch.empty_like(sequence)
    windows[sequence] = before // window
    mixed = torch.randperm(len(shards), generator=generator)
    return mixed[windows[number[mixed]].argsort(stable=True)]
