"""The contrast and the regularisers of MCLRec, as functions of two sets of vectors."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from common.losses.precision import upcast


class PairScores(NamedTuple):
    """Scores of anchors against all vectors; ``num_rows`` is twice the global batch.

    ``scores (anchors, num_rows)``, and for each anchor its own column ``itself (anchors,)`` and
    its partner's ``partner (anchors,)``. All other columns are negatives.
    """

    scores: Tensor
    itself: Tensor
    partner: Tensor

    @property
    def positive(self) -> Tensor:
        """The partner's score of each anchor, ``(anchors,)``."""
        return self.scores.gather(1, self.partner[:, None])[:, 0]

    @property
    def is_negative(self) -> Tensor:
        """Which scores belong to negatives, ``(anchors, num_rows)``."""
        mask = torch.ones_like(self.scores, dtype=torch.bool)
        mask.scatter_(1, torch.stack((self.itself, self.partner), dim=1), False)
        return mask

    @property
    def hardest_negative(self) -> Tensor:
        """The greatest score of a negative for each anchor, ``(anchors,)``."""
        return self.scores.masked_fill(~self.is_negative, -torch.inf).amax(dim=1)

    @property
    def mean_negative(self) -> Tensor:
        """The mean over all negatives of all anchors, a scalar."""
        is_negative = self.is_negative
        return self.scores.masked_fill(~is_negative, 0.0).sum() / is_negative.sum()


def pair_scores(
    first: Tensor,
    second: Tensor,
    all_first: Tensor | None = None,
    all_second: Tensor | None = None,
    offset: int = 0,
    similarity: str = "dot",
    temperature: float = 1.0,
) -> PairScores:
    """Scores the anchors ``[first; second]`` against ``[all_first; all_second]``.

    Computed in float32 or wider. Several processes: ``all_*`` are gathered with gradient and
    ``offset`` is this process's first row in them; every loss below that is a mean over anchors
    is then averaged over processes to the loss of the global batch. Memory: ``2b x 2B`` for b
    rows here and B in all.

    Args:
        first: ``(batch, dim)``; row i is the partner of row i of ``second``.
        second: ``(batch, dim)``.
        all_first: ``(global batch, dim)``; ``first`` itself on one process.
        all_second: Likewise.
        offset: See above.
        similarity: ``dot`` (the paper's) or ``cosine``.
        temperature: Divides the scores.
    """
    all_first = first if all_first is None else all_first
    all_second = second if all_second is None else all_second
    with torch.autocast(first.device.type, enabled=False):
        anchors = upcast(torch.cat((first, second)))
        columns = upcast(torch.cat((all_first, all_second)))
        if similarity == "cosine":
            anchors, columns = F.normalize(anchors, dim=1), F.normalize(columns, dim=1)
        scores = anchors @ columns.T / temperature
    rows = torch.arange(len(first), device=first.device) + offset
    upper, lower = rows, rows + len(all_first)
    return PairScores(scores, torch.cat((upper, lower)), torch.cat((lower, upper)))


def contrast(pairs: PairScores) -> Tensor:
    """Cross-entropy of each anchor's partner against its negatives, mean over the anchors.

    Paper Eq. 7-9, where the two directions are summed; the official code takes this mean, which
    is half of it. The scores are those of `pair_scores`; several processes: see there.
    """
    logits = pairs.scores.scatter(1, pairs.itself[:, None], -torch.inf)
    return F.cross_entropy(logits, pairs.partner)


def row_regulariser(pairs: PairScores) -> Tensor:
    """R with its bounds taken per anchor, as the official code does; a mean over anchors.

    With o_min = min(positive, hardest negative) and o_max = max of the same two, this is
    mean relu(positive - o_min) + mean relu(o_max - negative). The second relu never cuts, so
    its mean is mean o_max - mean negative. Gradients flow through both bounds. A batch of one
    sequence has no negatives, hence no bounds, and R is 0 (the official code cannot run there).
    """
    if pairs.scores.shape[1] == 2:
        return pairs.scores.new_zeros(())
    positive, hardest = pairs.positive, pairs.hardest_negative
    lower, upper = torch.minimum(positive, hardest), torch.maximum(positive, hardest)
    return (positive - lower).mean() + upper.mean() - pairs.mean_negative


def global_regulariser(pairs: PairScores) -> Tensor:
    """R as the paper writes it (Eq. 11-13): bounds over all anchors together.

    o_min and o_max are the lesser and the greater of the least positive and the greatest
    negative. Several processes: needs the scores of the whole global batch on each. One sequence:
    0, as above.
    """
    if pairs.scores.shape[1] == 2:
        return pairs.scores.new_zeros(())
    least, greatest = pairs.positive.min(), pairs.hardest_negative.max()
    lower, upper = torch.minimum(least, greatest), torch.maximum(least, greatest)
    # relu(positive - lower) never cuts, since lower is at most the least positive.
    above_lower = (pairs.positive - lower).mean()
    return above_lower + upper - pairs.mean_negative


REGULARISERS = {"row": row_regulariser, "global": global_regulariser}
