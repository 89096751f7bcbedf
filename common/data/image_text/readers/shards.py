"""Images and captions in uncompressed tar shards of WebDataset's form, read at any row.

A sample is the members of one key, the name up to its first dot: an image (``000001.jpg``) and
``000001.txt``, or ``000001.json`` with ``caption``, a text or a list of them, of which each visit
draws one. Nothing is unpacked.
"""

import json
import os
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from common.data.image_text.config import ImageTextConfig
from common.data.image_text.sets import Captioned, CaptionedSet, keep_images_apart
from common.data.images.lazy import LazySplit
from common.data.images.readers.layout import find_parts, list_parts
from common.data.images.readers.shards import ShardSource, kept_beside, split_name
from common.errors import DataError

INDEX = ".likewise-index-captions.npz"
# The version of what the index holds.
VERSION = 2
# Beyond this share of half pairs, a set is taken for one of another form.
MOST_MISSING = 0.01


def caption_shards(config: ImageTextConfig) -> CaptionedSet:
    """Opens the tar files of ``data.path``, a folder, in splits as `layout` finds them.

    Raises:
        DataError: No shards, a broken one, or more than 1 % of half pairs.
    """
    folder = Path(str(config.path)).expanduser()
    parts = find_parts(folder)
    shards = [shard for part in parts.values() if isinstance(part, list) for shard in part]
    if not shards:
        raise DataError(f"{folder}: holds no .tar files; give the folder of the shards")
    if "train" not in parts:
        raise DataError(f"{folder}: no shard is named train; name them train*.tar and val*.tar")
    listed = list_parts(folder, parts)
    assert isinstance(listed.source, ShardSource)
    captions, halves = _read_captions(folder, shards)
    found = {name: _pairs(listed.source, rows, captions) for name, rows in listed.rows.items()}
    whole = sum(map(len, found.values()))
    # Captions without an image, and images without a caption.
    halves += len(captions) - whole + len(listed.labels) - whole
    if halves > MOST_MISSING * (whole + halves) and not config.allow_missing:
        raise DataError(
            f"{folder}: {halves:,} of {whole + halves:,} samples lack image or caption; set "
            "data.allow_missing=true to leave them out"
        )
    found = keep_images_apart(found, config.holdout)
    remark = f", {halves:,} half pairs left out" if halves else ""
    return CaptionedSet(found.pop("train"), found, remark=remark)


def _pairs(
    source: ShardSource, rows: NDArray[np.int64], captions: Mapping[tuple[int, str], Sequence[str]]
) -> Captioned:
    """Returns those of ``rows`` that have a caption."""
    kept, texts, owner = list[int](), list[str](), list[int]()
    for row in rows.tolist():
        member = os.fsdecode(source.names[row]).partition("/")[2]
        own = captions.get((int(source.shard[row]), split_name(member)[0]))
        if own is not None:
            owner += [len(kept)] * len(own)
            kept.append(row)
            texts += own
    index = torch.tensor(kept, dtype=torch.int64)
    images = LazySplit(source, index, torch.zeros_like(index))
    return Captioned(images, texts, np.array(owner, dtype=np.int64))


def _read_captions(
    folder: Path, shards: list[Path]
) -> tuple[Mapping[tuple[int, str], Sequence[str]], int]:
    """Returns the captions by number of shard and key, and how many members were refused."""
    kept = kept_beside(folder, shards, INDEX, VERSION, lambda: _index(shards))
    text, ends = kept["text"].tobytes(), kept["ends"].tolist()
    keys = zip(kept["shards"].tolist(), kept["keys"].tolist(), strict=True)
    texts = (text[a:b].decode() for a, b in zip([0, *ends], ends, strict=False))
    found = dict[tuple[int, str], tuple[str, ...]]()
    for key, caption in zip(keys, texts, strict=True):
        before = found.get(key, ())
        if caption not in before:  # img2dataset writes the same one as .txt and in .json
            found[key] = (*before, caption)
    return found, int(kept["refused"])


def _index(shards: list[Path]) -> dict[str, NDArray[Any]]:
    """Returns all captions end to end, by shard and key, and how many members were refused."""
    found = [(n, *each) for n, shard in enumerate(shards) for each in _captions(shard)]
    whole = [(number, key, text.encode()) for number, key, text in found if key is not None]
    return {
        "shards": np.array([number for number, _, _ in whole], dtype=np.int64),
        "keys": np.array([key for _, key, _ in whole], dtype=np.str_),
        "text": np.frombuffer(b"".join(text for *_, text in whole), np.uint8),
        "ends": np.cumsum([len(text) for *_, text in whole], dtype=np.int64),
        "refused": np.array(len(found) - len(whole)),
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
                    content = file.read() if file else b""
                    for caption in _captions_of(content, kind, path, member.name):
                        yield key, caption
    except (tarfile.TarError, OSError) as error:
        raise DataError(
            f"{path}: not a whole, uncompressed tar file ({error}); fetch or unpack it again"
        ) from None


def _leaves(name: str) -> bool:
    return name.startswith("/") or ".." in PurePosixPath(name).parts


def _captions_of(content: bytes, kind: str, path: Path, name: str) -> list[str]:
    """Returns the captions of a member that have a word; runs of blanks are one."""
    try:
        found = content.decode() if kind == "txt" else json.loads(content)
    except (ValueError, RecursionError):
        raise DataError(f"{path}: {name} is not readable as {kind}; mend or remove it") from None
    several = [found]
    if isinstance(found, dict):
        said = found.get("caption")
        several = said if isinstance(said, list) else [said]
    whole = (" ".join(one.split()) for one in several if isinstance(one, str))
    return [caption for caption in whole if caption]
