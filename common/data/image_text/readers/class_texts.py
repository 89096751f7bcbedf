"""A user's own texts about classes, in JSON: what they look like, and what tells them apart."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from common.errors import DataError


def read_descriptions(path: str, names: Sequence[str]) -> dict[str, list[str]]:
    """Returns the descriptions of each class, in the order of ``names``.

    Raises:
        DataError: No JSON, or a class without a list of texts.
    """
    content = _read(path)
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
    for key, sides in _read(path).items():
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


def _read(path: str) -> dict[str, Any]:
    try:
        content = json.loads(Path(path).expanduser().read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: not readable as JSON: {error}") from None
    if not isinstance(content, dict):
        raise DataError(f"{path}: must hold an object with a key for each class or pair")
    return content
