"""Pictures that are read when a batch needs them: of any size, from a source of encoded files."""

import io
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from common.data.pictures.own import decode
from common.data.pictures.sets import Split
from common.errors import DataError


class Source(Protocol):
    """Encoded pictures by row; the splits of a set share one."""

    # Turn pictures as their EXIF data say; ImageNet's users never did.
    upright: bool

    def name(self, row: int) -> str:
        """Returns what a user knows the picture by."""
        ...

    def read(self, row: int) -> bytes:
        """Returns the picture's file; raises `OSError`."""
        ...

    def size(self, row: int) -> int:
        """Returns the bytes of the picture's file."""
        ...


@dataclass(frozen=True)
class LazySplit:
    """As `sets.Split`, with pictures left where they are.

    ``index``: (num,) rows of ``source``. ``labels``: (num,) int64, -1 for none; ``class_names``:
    what they stand for, where that is known.
    """

    source: Source
    index: Tensor
    labels: Tensor
    groups: Tensor | None = None
    class_names: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Returns the number of pictures."""
        return len(self.index)

    def rows(self, index: Tensor) -> "LazySplit":
        """Returns the pictures that ``index`` (positions or a mask) selects."""
        groups = None if self.groups is None else self.groups[index]
        return replace(self, index=self.index[index], labels=self.labels[index], groups=groups)

    def name(self, row: int) -> str:
        """Returns the name of the picture at ``row``."""
        return self.source.name(int(self.index[row]))

    def read(self, row: int) -> Tensor:
        """Returns one picture (3, height, width), uint8; raises `DataError` with its name."""
        row = int(self.index[row])
        name = self.source.name(row)
        try:
            content = self.source.read(row)
        except OSError as error:
            raise DataError(f"{name}: cannot be read: {error}") from None
        picture = decode(io.BytesIO(content), name, self.source.upright).convert("RGB")
        return torch.from_numpy(np.array(picture).transpose(2, 0, 1).copy())


AnySplit = Split | LazySplit
# One tensor (num, channels, height, width), or pictures (channels, height, width) of any size.
Pictures = Tensor | list[Tensor]


def read_pictures(split: AnySplit, rows: Tensor) -> Pictures:
    """Returns the pictures at ``rows`` as stored; a tensor where all have one size."""
    if isinstance(split, Split):
        return split.pictures[rows]
    pictures = [split.read(int(row)) for row in rows]
    return torch.stack(pictures) if len({p.shape for p in pictures}) == 1 else pictures


def picture_sizes(pictures: Pictures) -> Tensor:
    """Returns (num, 2), each picture's height and width."""
    if isinstance(pictures, Tensor):
        return torch.tensor([pictures.shape[2:]]).expand(len(pictures), 2)
    return torch.tensor([picture.shape[1:] for picture in pictures])
