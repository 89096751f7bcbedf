"""What a user names beside a set: images with classes for the zero-shot test, and texts.

Those are synonyms, and in JSON what classes look like and what tells them apart.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from common.data.image_text.config import ImageTextConfig
from common.data.image_text.readers.lines import read_json
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


def read_descriptions(path: str, names: Sequence[str]) -> dict[str, list[str]]:
    """Returns the descriptions of each class, in the order of ``names``.

    Raises:
        DataError: No JSON, or a class without a list of texts.
    """
    content = _read_json(path)
    for name in names:
        found = content.get(name)
        if not isinstance(found, list) or not found or not all(isinstance(t, str) for t in found):
            raise DataError(f"{path}: {name!r} needs a list of texts, one or more")
    return {name: content[name] for name in names}


def read_differences(path: str, num_classes: int) -> dict[tuple[int, int], list[tuple[str, str]]]:
    """Returns for pairs of class numbers what is so of the one and of the other.

    The file holds ``"i_j": [[text of i, text of j], ...]``.

    Raises:
        DataError: No JSON, or another form.
    """
    found = {}
    for key, sides in _read_json(path).items():
        numbers = [int(part) for part in key.split("_") if part.isdecimal()]
        if len(numbers) != 2 or len({*numbers}) != 2 or max(numbers) >= num_classes:
            raise DataError(
                f"{path}: {key!r} must be two numbers of the {num_classes} classes, as in 0_1"
            )
        pairs = sides if isinstance(sides, list) else [sides]
        if not all(isinstance(pair, list) and [*map(type, pair)] == [str, str] for pair in pairs):
            raise DataError(f"{path}: {key!r} needs a list of pairs of texts")
        step = 1 if numbers[0] < numbers[1] else -1
        low, high = numbers[::step]
        found[low, high] = [(pair[::step][0], pair[::step][1]) for pair in pairs]
    return found


def _read_json(path: str) -> dict[str, Any]:
    content = read_json(Path(path).expanduser())
    if not isinstance(content, dict):
        raise DataError(f"{path}: must hold an object with a key for each class or pair")
    return content
