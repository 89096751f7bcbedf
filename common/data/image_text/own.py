"""Images with captions: a table, COCO's JSON or tar shards; and the plan for papers on both."""

import io
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from os.path import isfile
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from common.data.images.own import (
    Images,
    count_workers,
    is_deep,
    is_stretched,
    network_time,
    recognise_folder,
)
from common.errors import shown
from common.own_data.csv_files import CAPTIONS, PATHS, CsvFile, called
from common.own_data.draft import Draft, check_batch, fit_batch

if TYPE_CHECKING:  # it imports torch
    from common.data.image_text.readers.lines import Line

COCO_FILES = "annotations/captions_*.json"  # below the root, as it is unpacked
FEWEST = 20
FEW_TESTED = 50  # one image is two points and more
HEADERS = 64  # files whose headers are read
# Pairs that training sees, repeated: what `quick` of NegCLIP sees, and a little more.
SEEN = 40_000
SMALL_SET = 5_000  # training pairs; a larger set asks for a GPU, which can do larger images
# Pixels a side of images as small as the generated ones, of small sets, and of large ones.
TINY, SMALL, LARGE = 32, 64, 224
# Seconds of a core: to read and cut an image, and for the text of a pair.
READ_TIME, TEXT_TIME = 1e-3, 0.4e-3
FALSE_COLUMN, NEAR_COLUMN = "neg_caption", "neg_image"


@dataclass(frozen=True)
class CaptionFile:
    """COCO's JSON, by its path alone."""

    path: Path
    forms = ("coco-captions",)

    def describe(self) -> str:
        """Returns what was found, in words."""
        return "captions of images in COCO's JSON"


@dataclass(frozen=True)
class Pairs:
    """What a plan must know: ``images`` is the name of each caption's image.

    ``read`` opens an image by name. ``columns`` are those of a table beside images and captions.
    ``held`` tells whether the data say their splits.
    """

    images: Sequence[str]
    captions: Sequence[str]
    read: Callable[[str], bytes]
    columns: frozenset[str] = frozenset()
    held: bool = False


def recognise(path: Path, kind: str) -> CaptionFile | Images | None:
    """Returns COCO's JSON or root folder, or a folder of tar shards with captions, if it is one."""
    if kind == "json":
        return CaptionFile(path)
    if kind == "folder" and any(path.glob(COCO_FILES)):
        found = recognise_folder(path)
        return replace(found, forms=("coco-captions", *found.forms))
    shards = sorted(path.rglob("*.tar")) if kind == "folder" else []
    if not shards or not _has_captions(shards):
        return None
    found = recognise_folder(path)
    return replace(found, forms=("caption-shards", *found.forms))


def plan_table(found: CsvFile, draft: Draft) -> None:
    """Plans for a table with the paths of images and their captions."""
    from common.data.image_text.readers.table import table_lines  # here alone: it imports torch

    columns: list[str] = []
    for key, known, what in (
        ("data.image_column", PATHS, "the paths of images"),
        ("data.caption_column", CAPTIONS, "the captions"),
    ):
        fitting = called([column.name for column in found.columns], known)
        if len(fitting) > 1 and key not in draft.words:
            draft.refuse(
                f"{found.path}: {what} may be in the columns {', '.join(fitting)}; name one: "
                f"{key}=NAME"
            )
            return
        if fitting:
            draft.choose(key, fitting[0], what)
        name = str(draft.get(key))
        if found.column(name) is None:
            known_names = ", ".join(column.name for column in found.columns)
            draft.refuse(f"{key}={name}: {found.path} has no such column; it has {known_names}")
        columns.append(name)
    if draft.obstacles:
        return
    filled = frozenset(column.name for column in found.columns if column.texts)
    lines = table_lines(found.path, found.lines, *columns)
    _plan_lines(found.path, found.path.parent, lines, "paths start there", draft, filled)


def plan_coco(found: CaptionFile | Images, draft: Draft) -> None:
    """Plans for COCO's captions; of a root folder, those of its training images."""
    from common.data.image_text.readers.coco import coco_lines

    path = found.path
    if path.is_dir():
        files = sorted(path.glob(COCO_FILES))
        files = [file for file in files if "train" in file.name] or files
        path = files[0]
        if len(files) > 1:
            names = ", ".join(map(str, files))
            draft.refuse(f"{found.path}: holds {names}; name one in the place of the folder")
            return
        draft.choose("data.path", str(path), "its captions")
        part = path.stem.removeprefix("captions_")
        places = [found.path / part, found.path / "images" / part]
        images = next(filter(Path.is_dir, places), places[0])
        draft.choose("data.images", str(images), "its images")
    lines = coco_lines(path)
    named = draft.get("data.images")
    folder = Path(named).expanduser() if named else path.parent
    _plan_lines(path, folder, lines, "name their folder by data.images=FOLDER", draft)


def _plan_lines(
    path: Path,
    folder: Path,
    lines: "Sequence[Line]",
    mend: str,
    draft: Draft,
    columns: frozenset[str] = frozenset(),
) -> None:
    """Plans for captions of images in ``folder``; ``mend`` is what helps where one is not there."""
    first = dict[str, str]()
    for line in lines:
        first.setdefault(line.image, line.where)
    missing = [name for name in first if not isfile(folder / name)]
    if missing and not draft.get("data.allow_missing"):
        draft.refuse(
            f"{first[missing[0]]}: there is no image {shown(missing[0])} in {folder} "
            f"({len(missing):,} of {len(first):,} are missing); {mend}, or add "
            "data.allow_missing=true"
        )
        return
    gone = {*missing}
    lines = [line for line in lines if line.image not in gone]
    if not lines:
        draft.refuse(f"{path}: none of its {len(gone):,} images is in {folder}; {mend}")
        return
    pairs = Pairs(
        [line.image for line in lines],
        [line.caption for line in lines],
        lambda name: (folder / name).read_bytes(),
        columns,
        any(line.split for line in lines),
    )
    _plan(path, pairs, draft)


def plan_shards(found: Any, draft: Draft) -> None:
    """Plans for tar shards with captions."""
    from common.data.image_text.config import ImageTextConfig
    from common.data.image_text.readers.shards import caption_shards

    allow = draft.get("data.allow_missing")
    opened = caption_shards(
        ImageTextConfig(name="caption-shards", path=str(found.path), allow_missing=allow)
    )
    parts = (opened.train, *opened.held_out.values())
    captions = [text for part in parts for text in part.captions]
    places = [(part.images, row) for part in parts for row in range(len(part))]

    def read(name: str) -> bytes:
        images, row = places[int(name)]
        return bytes(images.source.read(int(images.index[row])))  # type: ignore[union-attr]

    names = [str(number) for number in range(len(captions))]
    _plan(found.path, Pairs(names, captions, read), draft)


def _has_captions(shards: Sequence[Path]) -> bool:
    """Tells whether the first members of the first tar file are texts beside images."""
    try:
        with tarfile.open(shards[0], "r:") as tar:
            return any(member.name.endswith(".txt") for member in islice(tar, HEADERS))
    except (tarfile.TarError, OSError):  # the reader names what is broken
        return False


def _plan(path: Path, pairs: Pairs, draft: Draft) -> None:
    """Plans sizes, tokens, batch, length and protocols."""
    number = len(set(pairs.images))
    if number < FEWEST:
        draft.refuse(f"{path}: {number} images; {FEWEST} and more are needed to train")
        return
    held = 0.0 if pairs.held else 2 * draft.get("data.holdout")
    draft.trained = round(number * (1 - held))
    if draft.trained < 2:
        draft.refuse(
            f"data.holdout={draft.get('data.holdout')}: of {number} images {draft.trained} are left"
            " to train on; lower it"
        )
        return
    tested = round(number * held / 2)
    if 0 < tested < FEW_TESTED:
        draft.notes.append(
            f"There are about {tested} test images: one image is {100 / tested:.0f} points of R@1."
        )
        key = "evaluation.image_text_retrieval.cutoffs"
        telling = [cutoff for cutoff in draft.get(key) if cutoff < tested] or [1]
        draft.choose(key, telling, f"any encoder finds a match among the first {tested}")
    _plan_images(path, pairs, draft)
    _plan_texts(pairs, draft)
    # What recipes on generated scenes ask of them.
    for key, none, column in (
        ("data.hard_captions", [], FALSE_COLUMN),
        ("data.hard_images", 0, NEAR_COLUMN),
    ):
        why = f"no column {column}" if pairs.columns else "a table alone lists such negatives"
        draft.choose(key, none, why)
    for view in ("weak_text", "strong_text"):
        draft.choose(f"data.{view}.paraphrase", 0.0, "generated scenes alone have paraphrases")
        draft.choose(f"data.{view}.synonym", 0.0, "data.synonyms=FILE would name synonyms")
    size = fit_batch(draft.trained, 64, 8)
    draft.choose("data.batch_size", size, f"about {draft.trained:,} training images")
    check_batch(draft, draft.trained, "training images, about")
    batches = max(draft.trained // max(draft.get("data.batch_size"), 1), 1)
    epochs = min(max(round(SEEN / draft.trained), 5), 200)
    draft.choose("trainer.epochs", epochs, f"of {batches} batches each")
    draft.choose("trainer.log_every", max(batches // 2, 1), "twice an epoch")
    draft.choose("trainer.threads", None, "all cores")
    updates = batches * draft.get("trainer.epochs")
    if draft.get("method.warmup_batches") * 5 > updates:
        draft.choose("method.warmup_batches", updates // 10, f"of {updates} batches")
    _plan_protocols(draft)
    draft.seconds = _seconds(draft)


def _plan_images(path: Path, pairs: Pairs, draft: Draft) -> None:
    side = _side(path, pairs, draft)
    large = draft.trained >= SMALL_SET and side >= LARGE
    size = TINY if side < SMALL else (LARGE if large else SMALL)
    why = f"the shorter sides have {side} pixels (median)"
    draft.choose("data.image_size", size, why)
    draft.choose("data.workers", count_workers(), "processes that read images on this machine")
    if size > TINY and draft.base.method.backbone == "tiny_conv":
        network = ("resnet18", "a large set, for a GPU") if large else ("small_resnet", "a CPU's")
        draft.choose("method.backbone", network[0], f"photographs; {network[1]}")
        draft.choose("method.stem", "imagenet", "its own")
        # As the official code of NegCLIP and open_clip cut photographs.
        draft.choose("data.weak.area", [0.9, 1.0], "crops of nearly the whole image")
        draft.choose("data.weak.ratio", [0.75, 4 / 3], "of nearly its form")


def _side(path: Path, pairs: Pairs, draft: Draft) -> int:
    """Returns the median of the shorter sides of some images, in pixels."""
    names = list(dict.fromkeys(pairs.images))
    chosen = np.unique(np.linspace(0, len(names) - 1, HEADERS).astype(int))
    sides, broken, unfit = [], [], ""
    for place in chosen.tolist():
        try:
            with Image.open(io.BytesIO(pairs.read(names[place]))) as image:
                sides.append(min(image.size))
                name = names[place]
                unfit = unfit or is_deep(image, name) or is_stretched(image, name)
        except Exception:  # Pillow has many; a missing image was allowed
            broken.append(names[place])
    if broken and not draft.get("data.allow_missing"):
        draft.refuse(
            f"{path}: {len(broken)} of {len(chosen)} files looked at are no images, such as "
            f"{broken[0]}; repair them or take their lines out"
        )
    if unfit:
        draft.refuse(f"{path}: {unfit}")
    return round(median(sides)) if sides else SMALL


def _plan_texts(pairs: Pairs, draft: Draft) -> None:
    words = [len(text.split()) for text in pairs.captions]
    letters = median(map(len, pairs.captions))
    if median(words) < 2 and letters > 6:
        draft.choose("data.tokenizer", "bytes", "the captions have no blanks between words")
    if draft.get("data.tokenizer") == "bytes":
        words = [len(text.encode()) for text in pairs.captions]
    longest = int(np.percentile(words, 99)) + 2
    if draft.get("data.tokenizer") != "clip_bpe":
        draft.choose("data.context", max(longest, 8), "tokens: 99 captions of 100 are whole")


def _plan_protocols(draft: Draft) -> None:
    named = draft.get("data.zero_shot") is not None
    able = ["image-text-retrieval", "zero-shot"] if named else ["image-text-retrieval"]
    kept = [name for name in able if name in draft.paper.protocols]
    draft.choose("evaluation.protocols", kept, "what images and captions alone can tell")
    if not named:
        draft.notes.append(
            "data.zero_shot=FOLDER, with a folder of images for each class, adds "
            "evaluation.protocols=[image-text-retrieval,zero-shot]."
        )


def _seconds(draft: Draft) -> float:
    views = 1 + draft.get("data.num_strong")
    cost = network_time(draft, draft.get("data.image_size") ** 2)
    seen = draft.trained * draft.get("trainer.epochs")
    return float(seen * (READ_TIME + views * (cost + TEXT_TIME)))
