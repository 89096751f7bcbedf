"""What a user names beside a set: images with classes for the zero-shot test, and synonyms."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from common.data.image_text.config import ImageTextConfig
from common.data.image_text.sets import CaptionedSet, Labelled
from common.data.images.lazy import LazySplit
from common.data.images.readers.layout import find_parts, list_parts
from common.errors import DataError
from common.own_data.csv_lines import text_lines

PROMPTS = ("a photo of a {}.", "a {}", "{}")


def with_classes(found: CaptionedSet, config: ImageTextConfig) -> CaptionedSet:
    """Returns ``found`` with the classes of the folder ``data.zero_shot``.

    A class is named as its folder, with blanks for underscores. Of several splits "test" is
    taken, else "val".

    Raises:
        DataError: No such folder, or fewer than two class folders in it.
    """
    folder = Path(str(config.zero_shot)).expanduser()
    listed = list_parts(folder, find_parts(folder))
    rows = next(listed.rows[name] for name in ("test", "val", "train") if name in listed.rows)
    labels = listed.labels[rows]
    rows, labels = rows[labels >= 0], labels[labels >= 0]
    if len(listed.class_names) < 2:
        raise DataError(f"{folder}: data.zero_shot needs a folder for each class, two or more")
    names = [name.replace("_", " ") for name in listed.class_names]
    images = LazySplit(listed.source, torch.from_numpy(rows), torch.from_numpy(labels))
    return replace(found, classes=Labelled(images, labels.astype(np.int64), names, PROMPTS))


def read_synonyms(file: str) -> list[list[str]]:
    """Returns the groups of words of ``file``, one on each line, with commas between the words.

    Raises:
        DataError: No such file, or a line with fewer than two words; names the line.
    """
    path = Path(file).expanduser()
    groups = []
    for number, line in enumerate(text_lines(path), 1):
        words = [word.strip() for word in line.split(",") if word.strip()]
        if len(words) < 2:
            raise DataError(f"{path}, line {number}: name two words or more, with commas between")
        groups.append(words)
    return groups
