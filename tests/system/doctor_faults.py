"""Trainings with a planted fault, by what `papers train` runs; doctor_faults.yaml lists them.

Beside words of the command line a row may name data of the user's own, which a function here
writes, or an error in the code, which is made here while the run trains.
"""

import csv
import io
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, nullcontext
from itertools import product
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch.nn.functional as F
import yaml
from PIL import Image
from rich.console import Console
from sklearn.datasets import load_digits
from torch import Tensor, nn

from common.cli.train import train_words
from common.errors import LikewiseError

TABLE: dict[str, Any] = yaml.safe_load(
    Path(__file__).with_suffix(".yaml").read_text(encoding="utf-8")
)
FAULTS: dict[str, dict[str, Any]] = {row["id"]: row for row in TABLE["faults"]}
SHORT = ["tracking.mode=disabled", "tracking.plots=false", "trainer.threads=1"]
NOUNS = "cat dog bird fish horse tree house road river stone".split()
LIGHTS = "dim faint plain bright dazzling".split()
ROWS = "top middle bottom".split()
COLUMNS = "left centre right".split()
VERBS = "sees follows finds leaves hears".split()


def make_runs(ids: Iterable[str], folder: Path) -> dict[str, Path]:
    """Trains the faults ``ids`` below ``folder``, one after the other; returns their run folders.

    A training that stops because its loss is not finite leaves its folder as it leaves a user's.
    """
    found = {}
    for name in ids:
        row, place = FAULTS[name], folder / name
        fault = row["fault"]
        place.mkdir(parents=True)
        words = [*SHORT, *row.get("small", []), *row.get("words", []), *fault.get("words", [])]
        if data := fault.get("data", row.get("data")):
            words.insert(0, str(DATA[data](place)))
        recipe = fault.get("recipe", row["recipe"])
        with ERRORS[fault["error"]]() if "error" in fault else nullcontext():
            try:
                train_words(recipe, words, place / "runs", Console(file=io.StringIO()))
            except LikewiseError as error:
                if "train/loss is" not in str(error):
                    raise
        [config] = (place / "runs").glob("*/*/*/config.yaml")
        found[name] = config.parent
    return found


def _images(folder: Path, classes: int, different: int, copies: int) -> Path:
    digits = load_digits()
    chosen = np.flatnonzero(digits.target < classes)[:different]
    for number in chosen:
        place = folder / "images" / str(digits.target[number])
        place.mkdir(parents=True, exist_ok=True)
        picture = Image.fromarray((digits.images[number] * 15).astype("uint8")).resize((32, 32))
        for copy in range(copies):
            picture.save(place / f"{number}-{copy}.png")
    return folder / "images"


def digits(folder: Path) -> Path:
    """Writes a folder of 640 different images of ten classes."""
    return _images(folder, 10, 640, 1)


def copied_images(folder: Path) -> Path:
    """Writes eight images, each 80 times."""
    return _images(folder, 10, 8, 80)


def two_classes(folder: Path) -> Path:
    """Writes images of two classes alone."""
    return _images(folder, 2, 340, 1)


def _captions(folder: Path, said: Callable[[str, str, str, str], str]) -> Path:
    """Writes 480 images, of 45 kinds in each of ten classes, with what ``said`` says of them."""
    source, counts, rows = load_digits(), Counter[int](), []
    kinds = list(product(LIGHTS, ROWS, COLUMNS))
    (folder / "images").mkdir()
    for number in range(480):
        target = int(source.target[number])
        light, row, column = kinds[counts[target] % len(kinds)]
        counts[target] += 1
        picture = np.zeros((32, 32))
        top, left = 8 * ROWS.index(row), 8 * COLUMNS.index(column)
        digit = source.images[number].repeat(2, 0).repeat(2, 1)
        picture[top : top + 16, left : left + 16] = digit * (3 + 3 * LIGHTS.index(light))
        image = Image.fromarray(picture.astype("uint8")).convert("RGB")
        image.save(folder / "images" / f"{number}.png")
        rows.append((f"images/{number}.png", said(NOUNS[target], light, row, column)))
    return _table(folder / "captions.csv", ["filepath", "caption"], rows)


def many_captions(folder: Path) -> Path:
    """Writes 480 images with captions that differ: class, light and place."""
    return _captions(folder, "a {1} picture of a {0} at the {2} {3}".format)


def few_captions(folder: Path) -> Path:
    """Writes 480 images with ten different captions, each of which says the class alone."""
    return _captions(folder, "a picture of a {0}".format)


def _texts(folder: Path, different: int, copies: int) -> Path:
    draw = random.Random(0)
    sentences = [f"the {a} {verb} the {b}" for a in NOUNS for verb in VERBS for b in NOUNS]
    lines = draw.sample(sentences, different) * copies
    draw.shuffle(lines)
    (folder / "texts.txt").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return folder / "texts.txt"


def texts(folder: Path) -> Path:
    """Writes 500 different sentences in a random order."""
    return _texts(folder, 500, 1)


def copied_texts(folder: Path) -> Path:
    """Writes 60 sentences, each 12 times, in a random order."""
    return _texts(folder, 60, 12)


def _table(path: Path, header: list[str], rows: list[tuple[Any, ...]]) -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return path


@contextmanager
def no_stop_gradient() -> Iterator[None]:
    """The targets of SimSiam get a gradient."""

    def loss(p1: Tensor, z1: Tensor, p2: Tensor, z2: Tensor) -> Tensor:
        return -(F.cosine_similarity(p1, z2).mean() + F.cosine_similarity(p2, z1).mean()) / 2

    with patch("common.methods.simsiam.simsiam", loss):
        yield


@contextmanager
def no_gradient() -> Iterator[None]:
    """The network of SimCLR below the projector gets no gradient."""
    from common.methods.simclr import SimCLR

    plain = SimCLR.embed

    def embed(self: nn.Module, images: Tensor) -> Tensor:
        return plain(self, images).detach()

    with patch.object(SimCLR, "embed", embed):
        yield


DATA: dict[str, Callable[[Path], Path]] = {
    each.__name__: each
    for each in (
        digits,
        copied_images,
        two_classes,
        many_captions,
        few_captions,
        texts,
        copied_texts,
    )
}
ERRORS = {each.__name__: each for each in (no_stop_gradient, no_gradient)}
