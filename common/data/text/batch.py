"""What a module's `training_step` receives from the text pipeline."""

from collections.abc import Mapping
from typing import NamedTuple

import torch
from torch import Tensor

from common.data.sampler import BatchKey, lone_key
from common.errors import DataError, outline


class TextBatch(NamedTuple):
    """Samples of one or more texts each.

    ``ids``: (batch, texts, tokens) int64, padded to the longest text of the batch; ``mask``:
    (batch, texts, tokens), True at tokens; ``targets``: (batch,) scores, or the number of an entry
    or class, -1 where there is none.
    """

    ids: Tensor
    mask: Tensor
    targets: Tensor
    key: BatchKey


def as_text_batch(batch: object) -> TextBatch:
    """Returns a `TextBatch` as it is, and makes one of what tokenisers return, without targets.

    Args:
        batch: ``(ids, mask)``, or a mapping with ``input_ids`` and ``attention_mask``, each
            (batch, tokens) or (batch, texts, tokens).

    Raises:
        DataError: It is none of these.
    """
    if isinstance(batch, TextBatch):
        return batch
    given = batch
    if isinstance(batch, Mapping):
        given = batch.get("input_ids"), batch.get("attention_mask")
    parts = given if isinstance(given, list | tuple) and len(given) == 2 else (None, None)
    ids, mask = parts
    if not isinstance(ids, Tensor) or not isinstance(mask, Tensor) or ids.ndim not in (2, 3):
        raise DataError(f"{outline(batch)}: training_step takes ids and mask (batch, tokens)")
    if ids.ndim == 2:
        ids, mask = ids[:, None], mask[:, None]
    return TextBatch(ids, mask.bool(), torch.full((len(ids),), -1), lone_key(len(ids)))
