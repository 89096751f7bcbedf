"""Finds pictures that cannot be read before training, where `data.skip_unreadable` asks for it."""

import json
from contextlib import suppress
from pathlib import Path

import torch
from rich.console import Console
from rich.progress import track
from torch import Tensor
from torch.utils.data import Dataset

from common.data.pictures.config import PictureConfig
from common.data.pictures.files import FileSet, fingerprint_files
from common.data.pictures.lazy import LazySplit
from common.data.pictures.shards import CACHE
from common.data.pictures.workers import PictureLoader
from common.errors import DataError, LikewiseError
from common.files import write_atomic

CHUNK = 64
NAMED = 3


class Broken(Dataset[Tensor]):
    """Tells which of some rows cannot be read."""

    def __init__(self, split: LazySplit) -> None:
        self.split = split

    def __getitem__(self, rows: Tensor) -> Tensor:
        """Returns (broken,) of ``rows``."""
        return torch.tensor(
            [row for row in rows.tolist() if not self._is_fine(row)], dtype=torch.int64
        )

    def _is_fine(self, row: int) -> bool:
        try:
            self.split.read(row)
        except DataError:
            return False
        return True


def keep_readable(pictures: FileSet, config: PictureConfig) -> tuple[FileSet, str]:
    """Returns the set without its unreadable pictures, and words that name and count them.

    Every picture is decoded, once for each state of the set. Without ``data.skip_unreadable``
    none is: the first unreadable picture that a batch needs then stops the run.

    Raises:
        DataError: Nothing is left of a split.
    """
    if not config.skip_unreadable:
        return pictures, ""
    memory = CACHE.expanduser() / "unreadable" / f"{fingerprint_files(pictures)}.json"
    names = _recall(memory)
    if names is None:
        names = [name for part in pictures.values() for name in _find(part, config.workers)]
        # Where nothing can be kept, the next run looks again.
        with suppress(LikewiseError):
            write_atomic(memory, json.dumps(names))
    kept = {split: _without(part, set(names)) for split, part in pictures.items()}
    return kept, _words(names)


def _recall(memory: Path) -> list[str] | None:
    try:
        return [str(name) for name in json.loads(memory.read_bytes())]
    except (OSError, ValueError):
        return None


def _find(split: LazySplit, workers: int) -> list[str]:
    """Returns the names of the pictures of ``split`` that cannot be read."""
    split = split.watched(workers) if workers else split
    chunks = list(torch.arange(len(split)).split(CHUNK))
    loader = PictureLoader(Broken(split), split, chunks, workers)
    checked = track(loader, "reading all pictures", len(chunks), console=Console(stderr=True))
    return [split.relative_name(row) for rows in checked for row in rows.tolist()]


def _without(split: LazySplit, names: set[str]) -> LazySplit:
    if not names:
        return split
    fine = torch.tensor([split.relative_name(row) not in names for row in range(len(split))])
    if not fine.any():
        raise DataError(f"{split.name(0)}: neither it nor any other picture can be read")
    return split.rows(fine)


def _words(names: list[str]) -> str:
    if not names:
        return ""
    more = ", ..." if len(names) > NAMED else ""
    return f"; left out {len(names)} unreadable: {', '.join(names[:NAMED])}{more}"
