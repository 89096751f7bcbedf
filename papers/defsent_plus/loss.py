"""DefSent+'s prediction of an entry (arXiv 2405.16153), and DefSent's of a word."""

import torch
import torch.nn.functional as F
from torch import Tensor

from common.losses.precision import upcast


def entry_logits(s: Tensor, entries: Tensor) -> Tensor:
    """Returns the inner products ``(batch, entries)``, in float32 or wider.

    There is no bias, no temperature and no normalisation.

    Args:
        s: Definitions after the head, ``(batch, dim)``.
        entries: Frozen vectors, ``(entries, dim)``.
    """
    with torch.autocast(s.device.type, enabled=False):
        return upcast(s) @ upcast(entries).T


def predict_entry(logits: Tensor, targets: Tensor) -> Tensor:
    """Returns the mean cross-entropy over all entries.

    Args:
        logits: ``(batch, entries)``.
        targets: Numbers of entries, ``(batch,)``.
    """
    return F.cross_entropy(logits, targets)
