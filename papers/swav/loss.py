"""SwAV's equations: codes of the assignment crops and the swapped prediction of them."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from common.losses.sinkhorn import sinkhorn


@torch.no_grad()
def normalise_rows(prototypes: Tensor) -> None:
    """Divides each row of ``(prototypes, dim)`` by its norm, in place and outside autograd."""
    prototypes.copy_(F.normalize(prototypes, dim=1))


@torch.no_grad()
def assign(
    scores: Tensor,
    epsilon: float,
    iterations: int,
    queue_scores: Tensor | None = None,
    hard: bool = False,
    equipartition: bool = True,
) -> Tensor:
    """Returns the codes of one assignment crop, ``(batch, prototypes)``; no gradient.

    Under several processes the equal mass is over all processes' rows, see `sinkhorn`.

    Args:
        scores: ``(batch, prototypes)``, cosine similarities, not divided by a temperature.
        epsilon: Entropy weight (Eq. 3).
        iterations: Iterations of Sinkhorn-Knopp.
        queue_scores: ``(queue, prototypes)`` of earlier samples, which only share the mass.
        hard: Round each code to its largest entry.
        equipartition: False is the ablation without the equal-mass constraint.
    """
    batch = scores.shape[0]
    if not equipartition:
        codes = torch.softmax(scores.detach() / epsilon, dim=1)
    elif queue_scores is None:
        codes = sinkhorn(scores.detach(), epsilon, iterations)
    else:
        # The queue comes first and the batch's own rows are the last.
        codes = sinkhorn(torch.cat([queue_scores, scores.detach()]), epsilon, iterations)[-batch:]
    return F.one_hot(codes.argmax(1), codes.shape[1]).to(codes.dtype) if hard else codes


def swapped_prediction(
    scores: Tensor, codes: Tensor, assignment_crops: Sequence[int], temperature: float
) -> Tensor:
    """Returns the loss of predicting each code from every other crop (Eq. 1, 2 and 6).

    The mean over assignment crops and other crops, as the official code has it (Eq. 6 is a sum).
    The mean is over this process's rows: averaging gradients gives that of the global batch.

    Args:
        scores: ``(views, batch, prototypes)``, cosine similarities.
        codes: ``(assignment crops, batch, prototypes)``.
        assignment_crops: Which views the codes come from, in order.
        temperature: Temperature of the prediction's softmax.
    """
    log_p = torch.log_softmax(scores / temperature, dim=2)
    everyone = log_p.sum(dim=0)
    total = scores.new_zeros(())
    for view, code in zip(assignment_crops, codes, strict=True):
        others = everyone - log_p[view]  # a code is never predicted from its own crop
        total = total - (code * others).sum(dim=1).mean()
    return total / (len(assignment_crops) * (scores.shape[0] - 1))


def queue_is_full(queue: Tensor) -> bool:
    """Tells whether ``(length, dim)``, zeros at creation, has been filled once."""
    return bool(queue[-1].any())


@torch.no_grad()
def push(queue: Tensor, z: Tensor) -> None:
    """Shifts ``queue`` ``(length, dim)`` in place and writes ``z`` ``(batch, dim)`` in front."""
    batch = min(len(z), len(queue))
    queue[batch:] = queue[:-batch].clone() if batch < len(queue) else queue[batch:]
    queue[:batch] = z[:batch]
