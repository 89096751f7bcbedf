"""What a step of DSE is given: pairs of texts, each with a score or the number of a class."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor

from common.data.text.batch import TextBatch, as_text_batch
from common.errors import DataError, outline

KEYS = ("input_ids", "attention_mask", "labels")


def as_pair_batch(batch: object) -> TextBatch:
    """Returns a `TextBatch` of pairs as it is, and makes one of what a user's loader gives.

    Args:
        batch: ``(ids, mask, labels)``, or a mapping with ``input_ids``, ``attention_mask`` and
            ``labels``: twice (batch, 2, tokens), and (batch,).

    Raises:
        DataError: It is none of these.
    """
    if isinstance(batch, TextBatch):
        return batch
    given = [batch.get(key) for key in KEYS] if isinstance(batch, Mapping) else batch
    parts = list(given) if isinstance(given, list | tuple) else []
    tensors = [part for part in parts if isinstance(part, Tensor)]
    if len(parts) != 3 or len(tensors) != 3 or [each.ndim for each in tensors] != [3, 3, 1]:
        raise DataError(
            f"{outline(batch)}: training_step takes ids and mask (batch, 2, tokens), and labels "
            "(batch,)"
        )
    ids, mask, labels = tensors
    return as_text_batch((ids, mask))._replace(targets=labels)


def read_logits(path: str, outputs: int) -> Tensor:
    """Returns a file's logits of the training pairs, ``(pairs, outputs)``, in float64.

    Args:
        path: A ``.npy``.
        outputs: How many columns there must be; 1: one or two.

    Raises:
        DataError: The file is missing, broken, or of another form.
    """
    try:
        found = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: not readable as an array of logits: {error}") from None
    allowed = (1, 2) if outputs == 1 else (outputs,)
    if not isinstance(found, np.ndarray) or found.ndim != 2 or found.shape[1] not in allowed:
        raise DataError(f"{path}: must be an array of (pairs, {outputs}) logits")
    if not np.isfinite(found).all():
        raise DataError(f"{path}: holds a logit that is no finite number")
    return torch.from_numpy(found.astype(np.float64))
