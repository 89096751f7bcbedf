"""What files with images and captions have in common: lines, made one part of a set or several."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from common.data.image_text.config import LISTED, ImageTextConfig
from common.data.image_text.sets import Captioned, CaptionedSet, Variants, keep_images_apart
from common.data.images.lazy import LazySplit
from common.data.images.readers.folders import FolderSource, warn_outside
from common.errors import DataError, shown
from common.own_data.csv_lines import split_of

# Training images without which nothing can be held out.
FEWEST = 10


@dataclass(frozen=True)
class Line:
    """One caption of an image.

    ``where`` names file and line. ``split`` is empty where the file says nothing of it; ``false``
    are false captions, and ``near`` numbers of lines with near images, from 0. ``dropped`` counts
    listed captions that are no false ones. ``group`` names the caption's group, such as its
    relation; empty in all lines of a file without groups.
    """

    image: str
    caption: str
    where: str
    split: str = ""
    false: Sequence[str] = ()
    near: Sequence[int] = ()
    dropped: int = 0
    group: str = ""


def read_json(path: Path) -> Any:
    """Returns what a file in JSON holds; raises `DataError` where it cannot be read."""
    try:
        return json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: not readable as JSON: {error}") from None


def lines_as_set(folder: Path, lines: list[Line], config: ImageTextConfig) -> CaptionedSet:
    """Returns the set of ``lines``; those with one image are captions of one image.

    Args:
        folder: Where the images lie.
        lines: In the order of the file.
        config: ``data.holdout`` holds where no line says its split.

    Raises:
        DataError: An image that is not there or in two splits, a split of another name, or too
            few images; names file and line.
    """
    warn_outside(Path(str(config.path)), folder, {line.image: None for line in lines})
    found, missing = _existing(folder, lines, config.allow_missing)
    remark = f", {missing:,} captions without their image left out" if missing else ""
    if dropped := sum(line.dropped for line in found):
        remark += f", {dropped:,} false captions that equal their caption left out"
    given, found = len(found), [line for line in found if line.false or not line.dropped]
    if len(found) < given:
        remark += f", {given - len(found):,} captions with no other false one left out with them"
    given, found = len(found), [line for line in found if line.group not in config.left_out]
    if len(found) < given:
        remark += f", {given - len(found):,} captions of the groups in data.left_out left out"
    if config.caption_number is not None:
        found = _numbered(found, config.caption_number)
    names = {name: row for row, name in enumerate(dict.fromkeys(line.image for line in found))}
    if len(names) < FEWEST:
        raise DataError(f"{config.path}: {len(names)} images; at least {FEWEST} are needed")
    rows = np.array([names[line.image] for line in found])
    order = np.argsort(rows, kind="stable")
    near = _near(lines, names)
    whole = captioned(folder, [found[place] for place in order], rows[order], list(names), near)
    splits = _splits(found, names)
    if splits is None:
        parts = {"train": whole}
    else:
        parts = {name: whole.rows(np.flatnonzero(splits == name)) for name in np.unique(splits)}
        if "train" not in parts:
            raise DataError(f"{config.path}: no line is of the split train; name one")
    parts = keep_images_apart(parts, config.holdout)
    return CaptionedSet(parts.pop("train"), parts, remark=remark)


def captioned(
    folder: Path,
    lines: Sequence[Line],
    owner: NDArray[np.int64],
    names: Sequence[str],
    near: NDArray[np.int64] | None,
) -> Captioned:
    """Returns ``lines``, which are sorted by image, as one part."""
    sizes = np.array([(folder / name).stat().st_size for name in names], np.int64)
    source = FolderSource(folder, np.array([os.fsencode(name) for name in names]), sizes)
    of = np.array([row for row, line in enumerate(lines) for _ in line.false], np.int64)
    false = [text for line in lines for text in line.false]
    groups = np.unique([line.group for line in lines], return_inverse=True)[1]
    return Captioned(
        LazySplit(source, torch.arange(len(names)), torch.zeros(len(names), dtype=torch.int64)),
        [line.caption for line in lines],
        owner,
        {LISTED: Variants(false, of)} if false else {},
        near,
        groups=groups.astype(np.int64) if any(line.group for line in lines) else None,
        lines=[line.where for line in lines],
    )


def _existing(folder: Path, lines: list[Line], allow: bool) -> tuple[list[Line], int]:
    """Returns the lines whose image is there, and how many are not."""
    known = {name: os.path.isfile(folder / name) for name in {line.image for line in lines}}
    for line in lines:
        if not known[line.image] and not allow:
            raise DataError(
                f"{line.where}: there is no image {shown(line.image)} in {folder}; mend the line, "
                "or set data.allow_missing=true"
            )
    found = [line for line in lines if known[line.image]]
    return found, len(lines) - len(found)


def _numbered(lines: list[Line], number: int) -> list[Line]:
    """Returns the caption of each image that is its own one of this number, from 1."""
    found: dict[str, list[Line]] = {}
    for line in lines:
        found.setdefault(line.image, []).append(line)
    for image, own in found.items():
        if len(own) < number:
            raise DataError(
                f"{own[-1].where}: {shown(image)} has {len(own)} caption(s); lower "
                f"data.caption_number={number}"
            )
    return [own[number - 1] for own in found.values()]


def _near(lines: list[Line], names: dict[str, int]) -> NDArray[np.int64] | None:
    """Returns the near images of each image, as its first line lists them; None without any."""
    if not any(line.near for line in lines):
        return None
    near: dict[int, list[int]] = {}
    for line in lines:
        row = names.get(line.image)
        if row is None or row in near:
            continue
        wrong = [number for number in line.near if not 0 <= number < len(lines)]
        if wrong:
            raise DataError(f"{line.where}: neg_image names line {wrong[0]} of {len(lines)} lines")
        places = [names.get(lines[number].image, row) for number in line.near]
        near[row] = places or [row]
    least = min(map(len, near.values()))
    return np.array([near[row][:least] for row in range(len(names))], np.int64)


def _splits(lines: list[Line], names: dict[str, int]) -> NDArray[np.str_] | None:
    """Returns the split of each image, or None where no line says any."""
    if not any(line.split for line in lines):
        return None
    found: dict[str, str] = {}
    for line in lines:
        split = split_of(line.where, line.split)
        if found.setdefault(line.image, split) != split:
            raise DataError(f"{line.where}: {line.image} is in {found[line.image]} and in {split}")
    return np.array([found[name] for name in names])
