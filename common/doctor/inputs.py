"""Batches of any modality: what a sample is as it is stored, and what of it is embedded."""

import hashlib
from collections.abc import Iterator
from typing import Any

from torch import Tensor

from common.data.images.lazy import read_images

# Fields of loaded batches that are inputs, and what they hold.
INPUTS = {
    "images": "images",
    "ids": "texts",
    "items": "sequences",
    "inputs": "inputs",
    "x": "series",
    "first": "rows",
}


def calls(batch: Any) -> list[tuple[str, tuple[Any, ...]]]:
    """Returns modality and arguments of ``embed`` for each view of ``batch``."""
    if hasattr(batch, "view_lengths"):
        return [("", pair) for pair in zip(batch.views, batch.view_lengths, strict=True)]
    if hasattr(batch, "views"):
        return [("", (view,)) for view in batch.views]
    if hasattr(batch, "images") and hasattr(batch, "ids"):
        return [("image", (batch.images[:, 0],)), ("text", (batch.ids[:, 0], batch.mask[:, 0]))]
    if hasattr(batch, "ids"):  # one text has a view by each mask of dropout
        texts = range(batch.ids.shape[1]) if batch.ids.shape[1] > 1 else (0, 0)
        return [("", (batch.ids[:, text], batch.mask[:, text])) for text in texts]
    if hasattr(batch, "inputs"):
        return [("", (view,)) for view in batch.inputs]
    if hasattr(batch, "first"):
        return [("", (batch.first,)), ("", (batch.second,))]
    for name in ("x", "images"):
        if hasattr(batch, name):
            return [("", (getattr(batch, name),))]
    return [("", (batch,))]


def digests(data: Any, loaded: Any) -> Iterator[tuple[str, list[bytes]]]:
    """Yields what is stored of each sample of a loaded batch, by the name of what it is."""
    for name, title in INPUTS.items():
        found = getattr(loaded, name, None)
        if name == "ids" and found is not None:  # without what pads a batch
            pairs = zip(found, loaded.mask, strict=True)
            yield title, [_digest(ids[mask]) for ids, mask in pairs]
        elif found is not None and hasattr(found[0], "key"):  # images beside texts
            yield from digests(data, found[0])
        elif found is not None:
            yield title, [_digest(row) for row in found]
    if hasattr(loaded, "cuts"):
        split = data.set["train"] if isinstance(data.set, dict) else data.set.train.images
        yield "images", [_digest(image) for image in read_images(split, loaded.key.rows)]


def _digest(row: Tensor) -> bytes:
    return hashlib.blake2b(row.contiguous().numpy().tobytes(), digest_size=8).digest()
