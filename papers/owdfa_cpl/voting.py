"""Global-Local Voting: who an unlabelled image is paired with, and whether the pair is trusted.

Nothing here carries gradient. Rows are labelled first, then unlabelled, over all processes.
"""

from typing import NamedTuple

import torch
from torch import Tensor

from common.losses.precision import unit, upcast


class Vote(NamedTuple):
    """What the vote decided for each unlabelled row; indices count over all rows.

    ``candidates``: (unlabelled,), the nearest other row by global features. ``trusted``:
    (unlabelled,) bool. ``partners``: (unlabelled,), the candidate, or the row itself where the
    vote refused it. ``best`` and ``threshold``: (unlabelled,), the two sides of the vote.
    """

    candidates: Tensor
    trusted: Tensor
    partners: Tensor
    best: Tensor
    threshold: Tensor


def global_similarity(g: Tensor) -> Tensor:
    """Returns cosines of ``g`` ``(rows, dim)``, ``(rows, rows)``."""
    with torch.autocast(g.device.type, enabled=False):
        g = unit(g)
        return g @ g.T


def part_similarity(p: Tensor) -> Tensor:
    """Returns ``(rows, rows)``: the sum over parts of cosine times the weight in the first row.

    A part's weight is its share of the row's energy, so the matrix is not symmetric; its diagonal
    is at most the root of the number of parts.

    Args:
        p: ``(rows, dim, parts)``.
    """
    with torch.autocast(p.device.type, enabled=False):
        p = upcast(p)
        norms = p.norm(dim=1)  # (rows, parts)
        weights = norms / norms.norm(dim=1, keepdim=True).clamp(min=1e-12)
        directions = p / norms.clamp(min=1e-8)[:, None]
        return (directions * weights[:, None]).flatten(1) @ directions.flatten(1).T


@torch.no_grad()
def vote(g: Tensor, p: Tensor, num_labelled: int, trust_all: bool = False) -> Vote:
    """Lets the parts vote on the neighbours that the global features propose.

    The second-best similarity of a row must reach the second-best that anybody has towards its
    candidate, read along the candidate's column. Both sides come from one matrix: a pair that is
    each other's best passes by equality.

    Args:
        g: Global features ``(rows, dim)``, labelled rows first.
        p: Part features ``(rows, dim, parts)``.
        num_labelled: How many rows are labelled.
        trust_all: Ablation: every candidate is taken, whatever the parts say.

    Raises:
        ValueError: Fewer than two rows.
    """
    if len(g) < 2:
        raise ValueError("a vote needs two rows: an image and a candidate")
    own = torch.arange(num_labelled, len(g), device=g.device)
    near = global_similarity(g)
    near.fill_diagonal_(-torch.inf)
    candidates = near[num_labelled:].argmax(dim=1)
    parts = part_similarity(p)
    best = parts[num_labelled:].topk(2, dim=1).values[:, 1]
    threshold = parts.topk(2, dim=0).values[1, candidates]
    trusted = best >= threshold
    if trust_all:
        trusted = torch.ones_like(trusted)
    return Vote(candidates, trusted, torch.where(trusted, candidates, own), best, threshold)


def labelled_partners(labels: Tensor, draws: Tensor) -> Tensor:
    """Returns for each labelled row another row of its label; itself if there is none.

    Args:
        labels: ``(rows,)`` of the labelled rows.
        draws: ``(rows, rows)`` independent uniform numbers: the largest among the rows that may
            be drawn decides, so each of them is as likely.
    """
    allowed = labels[:, None] == labels
    allowed.fill_diagonal_(False)
    # Below every draw, but above those not allowed: taken only where nobody else is.
    scores = draws.masked_fill(~allowed, -2.0)
    scores.fill_diagonal_(-1.0)
    return scores.argmax(dim=1)
