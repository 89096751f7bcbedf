"""Dictionaries: entries, each with one or more definitions: a user's own, and WordNet 3.0."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch

from common.data.catalogue.root import data_root, require
from common.data.text.config import TextConfig
from common.data.text.sets import Texts, TextSet
from common.distributed.draws import keyed_generator
from common.errors import DataError
from common.own_data.csv_lines import text_lines

BETWEEN = "<|list_more_def|>"
# The files of WordNet's database.
FOLDER = "wordnet"
FILES = ("data.noun", "data.verb", "data.adj", "data.adv")
# For adjectives: where in a sentence they may stand.
MARKER = re.compile(r"\((a|p|ip)\)$")


def own_entries(config: TextConfig) -> TextSet:
    """Reads a user's dictionary: ``entry TAB definition <|list_more_def|> definition ...``.

    Raises:
        DataError: Nothing to read, or a line of another form; names file and line.
    """
    path = Path(str(config.path)).expanduser()
    found: dict[str, list[str]] = {}
    for number, line in enumerate(text_lines(path), start=1):
        if not line.strip():
            continue
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


def wordnet(config: TextConfig) -> TextSet:
    """Returns the entries and definitions; with ``data.num_entries`` so many, drawn once.

    Those that are drawn have two definitions or more. The files may be gzipped, as they are
    prepared, or plain, as Debian's package wordnet-base has them.

    Raises:
        DataError: Missing or broken files.
    """
    folder = data_root(config.root) / FOLDER
    suffix = "" if (folder / FILES[0]).is_file() else ".gz"
    paths = [require(config.root, f"{FOLDER}/{name}{suffix}", "wordnet") for name in FILES]
    found = read_definitions(paths)
    if config.num_entries is not None:
        several = [entry for entry, texts in found.items() if len(texts) > 1]
        order = torch.randperm(len(several), generator=keyed_generator(0))
        kept = order[: config.num_entries].sort().values.tolist()
        found = {several[place]: found[several[place]] for place in kept}
    return entries_as_set(found, str(folder))


def read_definitions(paths: list[Path]) -> dict[str, list[str]]:
    """Returns the definitions of each entry; both are in the order of the files.

    An entry is lower-cased, and a definition is its gloss without the examples.

    Raises:
        DataError: A line that is no synset; names file and line.
    """
    found: dict[str, list[str]] = {}
    for path in paths:
        for number, line in enumerate(text_lines(path), start=1):
            if line.startswith("  "):  # the licence
                continue
            try:
                words, definition = read_synset(line)
            except (IndexError, ValueError):
                raise DataError(f"{path}, line {number}: no synset of WordNet") from None
            for word in words:
                found.setdefault(word, []).append(definition)
    return found


def read_synset(line: str) -> tuple[list[str], str]:
    """Returns the words of one line and their definition.

    Raises:
        IndexError or ValueError: Another form.
    """
    data, gloss = line.split(" | ", 1)
    fields = data.split(" ")
    count = int(fields[3], 16)
    words = [
        MARKER.sub("", word).replace("_", " ").lower() for word in fields[4 : 4 + 2 * count : 2]
    ]
    return words, gloss.split('; "', 1)[0].strip()
