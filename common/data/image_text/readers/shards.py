"""Images and captions in uncompressed tar shards of WebDataset's form, read at any row.

A sample is the members of one key, the name up to its first dot: an image (``000001.jpg``) and
``000001.txt``, or ``000001.json`` with ``caption``. Nothing is unpacked.
"""

import json
import tarfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from common.data.image_text.config import ImageTextConfig
from common.data.image_text.sets import Captioned, CaptionedSet, keep_apart
from common.data.images.lazy import LazySplit
from common.data.images.readers.layout import find_parts
from common.data.images.readers.shards import kept_beside, open_shards, split_name
from common.errors import DataError

INDEX = ".likewise-index-captions.npz"
# Of what the index holds.
VERSION = 1
# Beyond this share of half pairs, a set is taken for one of another form.
MOST_MISSING = 0.01


def caption_shards(config: ImageTextConfig) -> CaptionedSet:
    """Opens the tar files of ``data.path``, a folder, in splits as `layout` finds them.

    Raises:
        DataError: No shards, a broken one, or more than 1 % of half pairs.
    """
    folder = Path(str(config.path)).expanduser()
    shards = {split: part for split, part in find_parts(folder).items() if isinstance(part, list)}
    if not shards:
        raise DataError(f"{folder}: holds no .tar files; give the folder of the shards")
    found = {split: _open(folder, own) for split, own in shards.items()}
    halves, whole = sum(each[1] for each in found.values()), sum(each[2] for each in found.values())
    if halves > MOST_MISSING * whole and not config.allow_missing:
        raise DataError(
            f"{folder}: {halves:,} of {whole:,} samples lack image or caption; set "
            "data.allow_missing=true to leave them out"
        )
    parts = {split: part for split, (part, _, _) in found.items()}
    if "train" not in parts:
        raise DataError(f"{folder}: no shard is named train; name them train*.tar and val*.tar")
    held = [name for name in ("val", "test") if name not in parts]
    parts |= keep_apart(parts["train"], config.holdout, held) if held else {}
    remark = f", {halves:,} half pairs left out" if halves else ""
    return CaptionedSet(parts.pop("train"), parts, remark=remark)


def _open(folder: Path, shards: list[Path]) -> tuple[Captioned, int, int]:
    """Returns the whole pairs of ``shards``, how many are half, and how many there are in all."""
    source = open_shards(shards[0].parent, shards)
    kept = kept_beside(shards[0].parent, shards, INDEX, VERSION, lambda: _index(shards))
    text, ends = kept["text"].tobytes(), kept["ends"]
    starts = np.concatenate(([0], ends[:-1]))
    texts = [text[a:b].decode() for a, b in zip(starts.tolist(), ends.tolist(), strict=True)]
    captions = dict(zip(kept["keys"].tolist(), texts, strict=True))
    rows, found = [], []
    for row, name in enumerate(source.names.tolist()):
        key = _key(name.decode(errors="surrogateescape"))
        if key in captions:
            rows.append(row)
            found.append(captions.pop(key))
    half = len(source.names) - len(rows) + len(captions) + int(kept["refused"])
    index = torch.tensor(rows, dtype=torch.int64)
    part = Captioned(
        LazySplit(source, index, torch.zeros_like(index)), found, np.arange(len(found))
    )
    return part, half, len(rows) + half


def _key(name: str) -> str:
    """Returns the key of "shard/member"."""
    shard, _, member = name.partition("/")
    return f"{shard}/{split_name(member)[0]}"


def _index(shards: list[Path]) -> dict[str, NDArray[Any]]:
    """Returns all captions end to end, by key, and how many members were refused."""
    keys, texts, refused = list[str](), list[bytes](), 0
    for shard in shards:
        for key, caption in _captions(shard):
            if key is None:
                refused += 1
            else:
                keys.append(f"{shard.name}/{key}")
                texts.append(caption.encode())
    return {
        "keys": np.array(keys, dtype=np.str_),
        "text": np.frombuffer(b"".join(texts), np.uint8),
        "ends": np.cumsum([len(text) for text in texts], dtype=np.int64),
        "refused": np.array(refused),
    }


def _captions(path: Path) -> Iterator[tuple[str | None, str]]:
    """Yields key and caption; the key is None for a link, or a name that leaves the folder."""
    try:
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                tar.members = []  # type: ignore[attr-defined]
                key, kind = split_name(member.name)
                if member.issym() or member.islnk() or _leaves(member.name):
                    yield None, ""
                elif member.isfile() and kind in ("txt", "json"):
                    file = tar.extractfile(member)
                    caption = _caption(file.read() if file else b"", kind, path, member.name)
                    if caption:
                        yield key, caption
    except (tarfile.TarError, OSError) as error:
        raise DataError(
            f"{path}: not a whole, uncompressed tar file ({error}); fetch or unpack it again"
        ) from None


def _leaves(name: str) -> bool:
    return name.startswith("/") or ".." in PurePosixPath(name).parts


def _caption(content: bytes, kind: str, path: Path, name: str) -> str:
    """Returns the caption, "" where there is none; runs of blanks are one."""
    try:
        found = content.decode() if kind == "txt" else json.loads(content)
    except ValueError:
        raise DataError(f"{path}: {name} is not readable as {kind}; mend or remove it") from None
    if isinstance(found, dict):
        found = found.get("caption", "")
    return " ".join(found.split()) if isinstance(found, str) else ""
