"""Images in uncompressed tar shards of WebDataset's form, read at any row. No torch.

A sample is the members of one key, the name up to its first dot: an image (``000001.jpg``) and,
if it has a label, ``000001.cls`` (a number) or ``000001.json`` (with ``label``). An index of all
members is made once and kept beside the shards.
"""

import hashlib
import io
import json
import os
import tarfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import track

from common.config.files import write_atomic
from common.data.images.readers.folders import SUFFIXES
from common.errors import DataError, LikewiseError

INDEX = ".likewise-index.npz"
# A kind of index; a change of what it holds makes a new one.
VERSION = 2
MOST_CLASSES = 1_000_000  # a head for all up to the greatest is made
# What was found out about data once, where their folder cannot be written.
CACHE = Path("~/.cache/likewise")


@dataclass(frozen=True)
class ShardSource:
    """Samples by row, in ``shards[shard]``; see `lazy.Source`.

    ``labels`` are the numbers that the shards give, -1 for none; ``names`` are "shard/member".
    """

    shards: list[Path]
    shard: NDArray[np.int64]
    offsets: NDArray[np.int64]
    sizes: NDArray[np.int64]
    labels: NDArray[np.int64]
    names: NDArray[np.bytes_]
    upright: bool = True

    def name(self, row: int) -> str:
        """Returns the shard's path and the member."""
        folder = self.shards[self.shard[row]].parent
        return str(folder / os.fsdecode(self.names[row]))

    def read(self, row: int) -> bytes:
        """Returns the image's bytes; raises `OSError`."""
        size = int(self.sizes[row])
        handle = os.open(self.shards[self.shard[row]], os.O_RDONLY)
        try:
            content = os.pread(handle, size, int(self.offsets[row]))
        finally:
            os.close(handle)
        if len(content) < size:
            raise OSError("the shard ends within the image")
        return content


def open_shards(folder: Path, shards: list[Path], upright: bool = True) -> ShardSource:
    """Indexes ``shards``, or reads the index made before if no shard changed since.

    Raises:
        DataError: Naming the shard and member that cannot be used.
    """
    found = kept_beside(folder, shards, INDEX, VERSION, lambda: _build(shards))
    return ShardSource(shards, **found, upright=upright)


def kept_beside(
    folder: Path,
    shards: list[Path],
    name: str,
    version: int,
    build: Callable[[], dict[str, Any]],
) -> dict[str, Any]:
    """Returns the arrays of ``build``, or those it made before if no shard changed since.

    Args:
        folder: Where they are kept, unless nobody may write there.
        shards: What they are made of.
        name: The file's.
        version: Version of what it holds.
        build: Makes the arrays, by name.
    """
    stats = [shard.stat() for shard in shards]
    state = [(s.name, st.st_size, st.st_mtime_ns) for s, st in zip(shards, stats, strict=True)]
    key = hashlib.sha256(json.dumps([version, state]).encode()).hexdigest()
    elsewhere = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:16]
    other = elsewhere + name.removeprefix(INDEX.removesuffix(".npz"))
    places = [folder / name, CACHE.expanduser() / "indices" / other]
    for place in places:
        found = _read_kept(place, key)
        if found is not None:
            return found
    found = build()
    content = io.BytesIO()
    np.savez(content, **{"key": np.array(key), **found})
    for place in places:
        # Shards often lie where nobody may write; without any index the next run makes it anew.
        with suppress(LikewiseError):
            write_atomic(place, content.getvalue())
            break
    return found


def _read_kept(path: Path, key: str) -> dict[str, Any] | None:
    """Returns what ``path`` holds, or None if it is not of these shards."""
    try:
        with np.load(path, allow_pickle=False) as file:
            found = {name: file[name] for name in file.files}
    except Exception:  # torn or foreign: zip, numpy and the system raise their own kinds
        return None
    return found if str(found.pop("key", "")) == key else None


def _build(shards: list[Path]) -> dict[str, Any]:
    console = Console(stderr=True)
    samples: list[tuple[int, int, int, int, bytes]] = []
    for number, shard in enumerate(track(shards, "indexing shards", console=console)):
        samples += [(number, *sample) for sample in _list_shard(shard)]
    if not samples:
        raise DataError(f"{shards[0].parent}: no images in its {len(shards)} shards")
    shard, offsets, sizes, labels = np.array([sample[:4] for sample in samples], np.int64).T.copy()
    names = np.array([sample[4] for sample in samples])
    return {"shard": shard, "offsets": offsets, "sizes": sizes, "labels": labels, "names": names}


def _list_shard(path: Path) -> list[tuple[int, int, int, bytes]]:
    """Returns offset, size, label and name of each image, in the shard's order."""
    images: dict[str, tuple[int, int, str]] = {}
    labels: dict[str, int] = {}
    try:
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                # tarfile would keep every header.
                tar.members = []  # type: ignore[attr-defined]
                key, kind = split_name(member.name)
                if not member.isfile():
                    continue
                if f".{kind.lower()}" in SUFFIXES:
                    _add_image(images, key, member, path)
                elif kind in PARSERS:
                    label = _read_label(tar, member, kind, path)
                    labels[key] = labels.get(key, -1) if label < 0 else label
            _check_end(path, tar.offset)
    except (tarfile.TarError, OSError) as error:
        raise DataError(
            f"{path}: not a whole, uncompressed tar file ({error}); fetch or unpack it again"
        ) from None
    return [
        (offset, size, labels.get(key, -1), os.fsencode(f"{path.name}/{name}"))
        for key, (offset, size, name) in images.items()
    ]


def _check_end(path: Path, end: int) -> None:
    """Raises `DataError` unless an archive's closing block of zeros stands at ``end``.

    There `tarfile` found no further member: it takes a file that was cut for one that is whole.
    """
    with path.open("rb") as file:
        file.seek(end)
        found = file.read(tarfile.BLOCKSIZE)
    if len(found) < tarfile.BLOCKSIZE:
        raise DataError(f"{path}: ends early, at byte {path.stat().st_size:,}; fetch it again")
    if any(found):
        raise DataError(f"{path}: no member can be read from byte {end:,} on; fetch it again")


def split_name(name: str) -> tuple[str, str]:
    """Splits ``folder/000001.jpg`` into the sample's key and its kind, as WebDataset does."""
    folder, _, base = name.rpartition("/")
    key, _, kind = base.partition(".")
    return f"{folder}/{key}", kind


def _add_image(
    images: dict[str, tuple[int, int, str]], key: str, member: tarfile.TarInfo, path: Path
) -> None:
    if key in images:
        raise DataError(f"{path}: {images[key][2]} and {member.name} are two images of one key")
    if member.offset_data + member.size > path.stat().st_size:
        raise DataError(f"{path}: ends within {member.name}; fetch it again")
    images[key] = (member.offset_data, member.size, member.name)


def _label_of_json(content: bytes) -> Any:
    described = json.loads(content)
    return described.get("label", described.get("cls", -1)) if isinstance(described, dict) else None


PARSERS: dict[str, Callable[[bytes], Any]] = {"cls": int, "json": _label_of_json}


def _read_label(tar: tarfile.TarFile, member: tarfile.TarInfo, kind: str, path: Path) -> int:
    file = tar.extractfile(member)
    content = file.read() if file else b""
    try:
        label = PARSERS[kind](content)
    except (ValueError, RecursionError):
        label = None
    if not isinstance(label, int) or not -1 <= label < MOST_CLASSES:
        raise DataError(
            f"{path}: {member.name} is no label {content[:40]!r}: a class number from 0 to "
            f"{MOST_CLASSES - 1:,} is wanted"
        )
    return label
