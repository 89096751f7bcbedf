"""WordNet 3.0: entries and their definitions, from the files of its database."""

import re
from pathlib import Path

import torch

from common.data.catalogue.root import data_root, require
from common.data.text.config import TextConfig
from common.data.text.readers.entries import entries_as_set
from common.data.text.sets import TextSet
from common.distributed.draws import keyed_generator
from common.errors import DataError
from common.own_data.csv_lines import text_lines

FOLDER = "wordnet"
FILES = ("data.noun", "data.verb", "data.adj", "data.adv")
# For adjectives: where in a sentence they may stand.
MARKER = re.compile(r"\((a|p|ip)\)$")


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
