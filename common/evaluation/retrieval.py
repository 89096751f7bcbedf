"""The rank of a tested sample's class by the means of classes, as of a definition's entry."""

import torch
import torch.nn.functional as F
from torch import Tensor

from common.evaluation.scores import keep, keep_rows
from common.evaluation.text_config import RetrievalConfig
from common.evaluation.vectors import Vectors


def evaluate_retrieval(inputs: Vectors, settings: RetrievalConfig, seed: int) -> dict[str, float]:
    """Returns ``mrr`` and ``recall@k`` in per cent.

    A tested sample whose class no training sample has is never found.

    Args:
        inputs: Hold training and tested samples with classes.
        settings: Which k.
        seed: Not used.
    """
    train, own, queries, targets = inputs.features
    classes, own = own.unique(return_inverse=True)
    places = torch.searchsorted(classes, targets).clamp(max=len(classes) - 1)
    entries = mean_by(train, own)
    if settings.centred:
        centre = entries.mean(0)
        entries, queries = entries - centre, queries - centre
    ranks = rank_targets(queries, entries, places, settings.chunk)
    ranks[classes[places] != targets] = torch.inf
    rows = {"mrr": 100 / ranks}
    rows |= {f"recall@{k}": 100 * (ranks <= k).double() for k in settings.cutoffs}
    for name, values in rows.items():
        keep_rows(name, values)
    return {name: values.mean().item() for name, values in rows.items()}


def mean_by(vectors: Tensor, targets: Tensor) -> Tensor:
    """Returns the mean of the ``vectors (texts, dim)`` of each target, ``(targets, dim)``."""
    sums = vectors.new_zeros(int(targets.max()) + 1, vectors.shape[1])
    counts = torch.bincount(targets, minlength=len(sums)).clamp(min=1)
    return sums.index_add_(0, targets, vectors) / counts[:, None]


def rank_targets(queries: Tensor, entries: Tensor, targets: Tensor, chunk: int) -> Tensor:
    """Returns the rank of each query's target by cosine, ``(queries,)`` in float64.

    An entry that is as near as the target stands before it, so that a constant output ranks last.
    """
    entries = F.normalize(entries, dim=1)
    ranks = []
    for own, target in zip(queries.split(chunk), targets.split(chunk), strict=True):
        scores = F.normalize(own, dim=1) @ entries.T
        wanted = scores.gather(1, target[:, None])
        keep("retrieval", wanted[:, 0])
        ranks.append((scores >= wanted).sum(1).double())
    return torch.cat(ranks)
