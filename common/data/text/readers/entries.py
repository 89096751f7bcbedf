"""Dictionaries: entries, each with one or more definitions."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from common.data.text.config import TextConfig
from common.data.text.sets import Texts, TextSet
from common.distributed.draws import keyed_generator
from common.errors import DataError
from common.own_data.csv_lines import text_lines

BETWEEN = "<|list_more_def|>"


def own_entries(config: TextConfig) -> TextSet:
    """Reads a user's dictionary: ``entry TAB definition <|list_more_def|> definition ...``.

    Raises:
        DataError: Nothing to read, or a line of another form; names file and line.
    """
    path = Path(str(config.path)).expanduser()
    found: dict[str, list[str]] = {}
    for number, line in enumerate(text_lines(path), start=1):
        entry, tab, rest = line.partition("\t")
        definitions = [" ".join(part.split()) for part in rest.split(BETWEEN)]
        if not tab or not entry.strip() or "" in definitions:
            raise DataError(f"{path}, line {number}: not an entry, a tab and its definitions")
        found.setdefault(entry.strip(), []).extend(definitions)
    return entries_as_set(found, str(path))


def entries_as_set(definitions: Mapping[str, Sequence[str]], source: str) -> TextSet:
    """Returns the set in which some definitions are held out, and each entry keeps one at least.

    From each entry with two definitions one is held out for ``test``, and from each with three
    another one for ``val``; which, depends on the entry's place alone.

    Raises:
        DataError: There is nothing to hold out.
    """
    parts: dict[str, list[tuple[str, int]]] = {"train": [], "val": [], "test": []}
    for number, texts in enumerate(definitions.values()):
        order = torch.randperm(len(texts), generator=keyed_generator(number)).tolist()
        held_out = dict(zip(order, ("test", "val")[: len(texts) - 1], strict=False))
        for place, text in enumerate(texts):
            parts[held_out.get(place, "train")].append((text, number))
    if not parts["test"]:
        raise DataError(f"{source}: no entry has two definitions, of which one could be held out")
    samples = {name: _texts(part) for name, part in parts.items() if part}
    return TextSet(samples.pop("train"), samples, names=list(definitions))


def _texts(part: list[tuple[str, int]]) -> Texts:
    texts, numbers = zip(*part, strict=True)
    return Texts((list(texts),), np.array(numbers))
