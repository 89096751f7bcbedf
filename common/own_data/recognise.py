"""Tells from a path what data of the user's own are there. Imports torch for a saved graph only."""

from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Protocol

from common.data.catalogue.packers.arrays import read_arrays
from common.data.sequences.readers.read import numbered_lines
from common.errors import DataError, UsageError
from common.own_data.captions import CaptionFile, has_captions
from common.own_data.csv_files import recognise_csv
from common.own_data.graphs import recognise_graph_folder, recognise_hetero_data
from common.own_data.images import recognise_images
from common.own_data.sequences import recognise_actions
from common.own_data.series import recognise_labelled
from common.own_data.texts import recognise_lines

LOOKED_AT = 50  # lines of a text


class Found(Protocol):
    """What all kinds of data tell: where they are, and the data sets that read them."""

    @property
    def path(self) -> Path:
        """The file or folder."""

    @property
    def forms(self) -> tuple[str, ...]:
        """The names of the data sets that read it, the likeliest first."""

    def describe(self) -> str:
        """Returns what was found, in words."""


def recognise(path: Path) -> Found:
    """Returns what lies at ``path``.

    Raises:
        UsageError: There is nothing, or nothing that a paper reads.
        DataError: A broken file, as its reader would say.
    """
    if path.is_dir():
        is_graph = (path / "nodes.csv").is_file()
        return recognise_graph_folder(path) if is_graph else _recognise_folder(path)
    if not path.is_file():
        raise UsageError(f"{path}: does not exist")
    kind = path.name.removesuffix(".gz").rpartition(".")[2].lower()
    if kind in ("pt", "pth"):
        return recognise_hetero_data(path)
    if kind in ("csv", "tsv"):
        return recognise_csv(path)
    if kind == "json":
        return CaptionFile(path)
    if kind == "inter":
        return recognise_actions(path)
    if kind == "ts":
        return recognise_labelled(path)
    if kind == "npz":
        return _recognise_arrays(path)
    if kind == "txt":
        return _recognise_text(path)
    raise UsageError(
        f"{path}: not read; give a folder of images or a graph's, or a .csv, .tsv, .json, .inter, "
        ".txt, .npz, .ts or .pt"
    )


def _recognise_folder(path: Path) -> Found:
    """Returns the images of a folder, or of its tar shards, which may have captions, too."""
    found, shards = recognise_images(path), sorted(path.rglob("*.tar"))
    if shards and has_captions(shards):
        return replace(found, forms=("caption-shards", *found.forms))
    return found


def _recognise_arrays(path: Path) -> Found:
    names = read_arrays(path)
    if {"x_train", "y_train"} <= set(names):
        return recognise_labelled(path)
    raise DataError(
        f"{path}: holds {', '.join(names)}; training reads x_train, y_train, x_test and y_test "
        "(series with classes)"
    )


def _recognise_text(path: Path) -> Found:
    """Tells a user and whole numbers on each line from sentences."""
    first = islice(numbered_lines(path), LOOKED_AT)
    lines = [words for _, line in first if (words := line.split())]
    if lines and all(item.isdecimal() for words in lines for item in words[1:]):
        return recognise_actions(path)
    return recognise_lines(path)
