"""SimCSE's loss: first views against the second views of the batch (arXiv 2104.08821, Eq. 1)."""

import torch
import torch.nn.functional as F
from torch import Tensor

from common.distributed.collectives import gather, gather_with_grad, rank
from common.losses.duplicates import duplicates
from common.losses.precision import upcast

# The published code divides by the product of both norms, and at least by this.
SMALLEST = 1e-8


def cosines(a: Tensor, b: Tensor) -> Tensor:
    """Returns the cosine of each row of ``a`` with each row of ``b``, ``(rows of a, rows of b)``.

    In float32 or wider.
    """
    a, b = upcast(a), upcast(b)
    norms = a.norm(dim=1)[:, None] * b.norm(dim=1)
    return a @ b.T / norms.clamp(min=SMALLEST)


def logits(
    anchors: Tensor, others: Tensor, temperature: float, hard_weight: float = 0.0, first: int = 0
) -> Tensor:
    """Returns cosines over the temperature, ``(anchors, (views - 1) * batch)``.

    Args:
        anchors: First views, ``(anchors, dim)``, of any norm.
        others: ``(views - 1, batch, dim)``: positives and, of triplets, hard negatives.
        temperature: Divides the cosines.
        hard_weight: Is added to the logit of an anchor's own hard negative: the logarithm of how
            often it counts.
        first: The place of the first anchor's positive among the batch.
    """
    scores = cosines(anchors, others.flatten(0, 1)) / temperature
    if len(others) > 1 and hard_weight:
        rows = torch.arange(len(anchors), device=scores.device)
        own = F.one_hot(others.shape[1] + first + rows, scores.shape[1])
        scores = scores + hard_weight * own.to(scores.dtype)
    return scores


def contrast(
    anchors: Tensor,
    others: Tensor,
    temperature: float,
    hard_weight: float = 0.0,
    first: int = 0,
    keys: Tensor | None = None,
) -> Tensor:
    """Returns the mean over anchors of the cross-entropy of their positive, in one direction.

    The arguments are those of `logits`. Unlike in NT-Xent, no anchor is another one's negative.
    With keys neither a sample that has an anchor's text or its positive's is a negative, nor a hard
    negative that is one of these texts.

    Args:
        keys: ``(batch, texts)``, of the texts of all samples (`token_keys`), or None.
    """
    with torch.autocast(anchors.device.type, enabled=False):
        scores = logits(anchors, others, temperature, hard_weight, first)
        positives = first + torch.arange(len(anchors), device=scores.device)
        if keys is not None:
            # Those of anchor and positive; below them, those of the hard negatives.
            columns = torch.cat([part.expand(-1, 2) for part in keys.split(2, 1)])
            scores = scores.masked_fill(duplicates(columns, positives), -torch.inf)
        return F.cross_entropy(scores, positives)


def global_contrast(
    z: Tensor,
    temperature: float,
    hard_weight: float,
    gradient: str,
    keys: Tensor | None = None,
) -> Tensor:
    """Returns the contrast over the global batch.

    With the exact gradient the mean is over this process's anchors, and averaged gradients are
    those of the global batch. With the published one each process holds the loss of all anchors,
    and gradient for its own rows alone: the average is the exact gradient over the number of
    processes.

    Args:
        z: Views of this process, ``(views, batch, dim)``.
        temperature: Divides the cosines.
        hard_weight: As in `logits`.
        gradient: ``exact`` or ``published``.
        keys: ``(batch, texts)``, those of this process's texts, as in `contrast`.
    """
    keys = None if keys is None else gather(keys)
    if gradient == "exact":
        others = torch.stack([gather_with_grad(view) for view in z[1:]])
        return contrast(z[0], others, temperature, hard_weight, rank() * z.shape[1], keys)
    views = torch.stack([with_own_rows(gather(view), view, rank()) for view in z])
    return contrast(views[0], views[1:], temperature, hard_weight, keys=keys)


def with_own_rows(everybody: Tensor, own: Tensor, process: int) -> Tensor:
    """Returns ``everybody (processes * batch, dim)`` with ``own (batch, dim)`` in its place."""
    before, after = process * len(own), (process + 1) * len(own)
    return torch.cat([everybody[:before], own, everybody[after:]])


def no_negatives(z: Tensor) -> Tensor:
    """Returns the mean of ``2 - 2 cos`` of an anchor and its positive: alignment alone.

    Args:
        z: Views of this process, ``(views, batch, dim)``.
    """
    with torch.autocast(z.device.type, enabled=False):
        return 2 - 2 * F.cosine_similarity(upcast(z[0]), upcast(z[1]), dim=1).mean()
