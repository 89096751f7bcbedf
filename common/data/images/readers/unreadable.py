"""Finds images that cannot be read before training, where `data.skip_unreadable` asks for it."""

import json
from contextlib import suppress
from pathlib import Path

import torch
from rich.progress import track
from torch import Tensor
from torch.utils.data import Dataset

from common.config.console import Screen
from common.config.files import write_atomic
from common.data.images.config import ImageConfig
from common.data.images.lazy import FileSet, LazySplit, fingerprint_files
from common.data.images.loading import ImageLoader
from common.data.images.readers.shards import CACHE
from common.errors import DataError, LikewiseError

CHUNK = 64
NAMED = 3


class Broken(Dataset[list[tuple[int, str]]]):
    """Tells which of some rows cannot be read, and why."""

    def __init__(self, split: LazySplit) -> None:
        self.split = split

    def __getitem__(self, rows: Tensor) -> list[tuple[int, str]]:
        """Returns the broken of ``rows``, each with the reason."""
        reasons = ((row, self._reason(row)) for row in rows.tolist())
        return [(row, reason) for row, reason in reasons if reason]

    def _reason(self, row: int) -> str:
        try:
            self.split.decoded(row)
        except DataError as error:
            return str(error).removeprefix(f"{self.split.name(row)}: ")
        return ""


def keep_readable(images: FileSet, config: ImageConfig) -> tuple[FileSet, str]:
    """Returns the set without its unreadable images, and words that name and count them.

    Every image is decoded, once for each state of the set. Without ``data.skip_unreadable``
    none is: the first unreadable image that a batch needs then stops the run.

    Raises:
        DataError: Nothing is left of a split.
    """
    if not config.skip_unreadable:
        return images, ""
    memory = CACHE.expanduser() / "unreadable" / f"{fingerprint_files(images)}.json"
    reasons = _recall(memory)
    if reasons is None:
        reasons = {}
        for part in images.values():
            reasons |= _find(part, config.workers)
        # Where nothing can be kept, the next run looks again.
        with suppress(LikewiseError):
            write_atomic(memory, json.dumps(reasons))
    kept = {split: _without(part, reasons) for split, part in images.items()}
    return kept, _words(list(reasons))


def _recall(memory: Path) -> dict[str, str] | None:
    try:
        return {str(name): str(why) for name, why in json.loads(memory.read_bytes()).items()}
    except (OSError, ValueError, AttributeError):
        return None


def _find(split: LazySplit, workers: int) -> dict[str, str]:
    """Returns the names of the images of ``split`` that cannot be read, with the reasons."""
    split = split.watched(workers) if workers else split
    chunks = list(torch.arange(len(split)).split(CHUNK))
    loader = ImageLoader(Broken(split), split, chunks, workers)
    checked = track(loader, "reading all images", len(chunks), console=Screen(stderr=True))
    return {split.relative_name(row): why for found in checked for row, why in found}


def _without(split: LazySplit, reasons: dict[str, str]) -> LazySplit:
    if not reasons:
        return split
    fine = torch.tensor([split.relative_name(row) not in reasons for row in range(len(split))])
    if not fine.any():
        raise DataError(
            f"{split.name(0)}: {reasons[split.relative_name(0)]}; nor can any other of these "
            f"{len(split):,} images be read"
        )
    return split.rows(fine)


def _words(names: list[str]) -> str:
    if not names:
        return ""
    more = ", ..." if len(names) > NAMED else ""
    return f"; left out {len(names)} unreadable: {', '.join(names[:NAMED])}{more}"
