"""Picture sets in memory: splits, checks, hold-out and fingerprint."""

import hashlib
from dataclasses import dataclass, fields, replace
from typing import Any, Protocol, Self, TypeVar

import torch
from torch import Tensor

from common.data.sampler import keyed_generator
from common.errors import DataError

HOLDOUT_SEED = 20_200_617


@dataclass(frozen=True)
class Split:
    """Pictures (num, channels, height, width), uint8 or floating in 0..1, and their labels.

    ``labels``: (num,) int64, -1 for none. ``groups``: (num,) pictures of one original, kept
    together by `hold_out`. ``masks``: (num, height, width) bool, where the object is known.
    ``class_names``: what the labels stand for, where that is known.
    """

    pictures: Tensor
    labels: Tensor
    groups: Tensor | None = None
    masks: Tensor | None = None
    class_names: tuple[str, ...] = ()

    def __len__(self) -> int:
        """Returns the number of pictures."""
        return len(self.pictures)

    @property
    def shape(self) -> tuple[int, int | None, int | None]:
        """(channels, height, width) of each picture."""
        channels, height, width = self.pictures.shape[1:]
        return channels, height, width

    def rows(self, index: Tensor) -> "Split":
        """Returns the pictures that ``index`` (positions or a mask) selects."""
        parts = {entry.name: getattr(self, entry.name) for entry in fields(self)}
        chosen: dict[str, Any] = {k: v[index] for k, v in parts.items() if isinstance(v, Tensor)}
        return replace(self, **chosen)


PictureSet = dict[str, Split]


class Selectable(Protocol):
    """A split of which rows can be selected, wherever its pictures are."""

    @property
    def groups(self) -> Tensor | None:
        """Pictures of one original."""
        ...

    def __len__(self) -> int:
        """Returns the number of pictures."""
        ...

    def rows(self, index: Tensor) -> Self:
        """Returns the pictures that ``index`` selects."""
        ...


Kind = TypeVar("Kind", bound=Selectable)


def hold_out(pictures: dict[str, Kind], share: float, split: str = "val") -> dict[str, Kind]:
    """Moves ``share`` of the training groups to ``split``, unless the set brings its own.

    The choice depends on the number of groups alone, so every seed of a run, and every paper,
    has the same split.
    """
    if split in pictures or share == 0:
        return pictures
    train = pictures["train"]
    groups = torch.arange(len(train)) if train.groups is None else train.groups
    distinct = groups.unique()
    order = torch.randperm(len(distinct), generator=keyed_generator(HOLDOUT_SEED))
    chosen = distinct[order[: round(share * len(distinct))]]
    held = torch.isin(groups, chosen)
    return {**pictures, "train": train.rows(~held), split: train.rows(held)}


def check_set(name: str, pictures: PictureSet) -> None:
    """Raises `DataError` naming the split and row of the first picture that cannot be used."""
    for split, part in pictures.items():
        if part.pictures.ndim != 4 or len(part) == 0:
            shape = tuple(part.pictures.shape)
            raise DataError(f"{name}, {split}: pictures have shape {shape}, not (num, C, H, W)")
        if part.labels.shape != (len(part),):
            raise DataError(f"{name}, {split}: {len(part)} pictures, {len(part.labels)} labels")
        if part.pictures.is_floating_point():
            fine = (part.pictures >= 0) & (part.pictures <= 1)
            broken = ~fine.flatten(1).all(1)
            if broken.any():
                row = int(broken.nonzero()[0])
                raise DataError(f"{name}, {split}: picture {row} holds NaN or leaves 0..1")


def fingerprint(pictures: PictureSet) -> str:
    """Returns 16 hex digits over all splits as they are used, order included."""
    digest = hashlib.sha256()
    for split in sorted(pictures):
        for array in (pictures[split].pictures, pictures[split].labels):
            digest.update(f"{split} {array.dtype} {tuple(array.shape)}".encode())
            digest.update(array.contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


def to_float(pictures: Tensor) -> Tensor:
    """Returns uint8 pictures divided by 255, floating ones unchanged."""
    return pictures if pictures.is_floating_point() else pictures.float().div_(255)


def merge(first: Split, second: Split) -> Split:
    """Returns both splits' pictures and labels, ``first`` leading."""
    return Split(
        torch.cat([first.pictures, second.pictures]), torch.cat([first.labels, second.labels])
    )
