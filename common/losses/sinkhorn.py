"""Equal-mass soft assignment of samples to prototypes (SwAV, arXiv 2006.09882, Eq. 3 to 5)."""

import math

import torch
from torch import Tensor

from common.distributed.reduce import gather, world_size


@torch.no_grad()
def sinkhorn(scores: Tensor, epsilon: float, iterations: int) -> Tensor:
    """Returns the assignment ``diag(u) exp(scores / epsilon) diag(v)``, each row summing to 1.

    ``scores``: (batch, prototypes), raw similarities; result: the same shape, in float32 or
    wider. Each iteration gives every prototype the same mass, then every sample; since the
    sample step is the last, rows sum to exactly 1 and the equal mass holds approximately. With
    0 iterations only the total is normalised (to ``batch``).

    Computed on logarithms, so that a small ``epsilon`` neither overflows nor divides 0 by 0.
    Under several processes each holds its rows (equally many) and the mass of a prototype counts
    the rows of all; no gradient.
    """
    log_q = scores.double() if scores.dtype == torch.float64 else scores.float()
    log_q = log_q / epsilon
    log_batch = math.log(scores.shape[0] * world_size())
    log_prototypes = math.log(scores.shape[1])
    # The batch's size is kept in the masses, so that no last multiplication is needed.
    total = torch.logsumexp(_sum_over_samples(log_q), dim=1, keepdim=True)
    log_q = log_q - total + log_batch
    for _ in range(iterations):
        log_q = log_q - _sum_over_samples(log_q) + (log_batch - log_prototypes)
        log_q = log_q - torch.logsumexp(log_q, dim=1, keepdim=True)
    return log_q.exp()


def _sum_over_samples(log_q: Tensor) -> Tensor:
    """Log of the prototypes' masses over all processes: ``(batch, K)`` to ``(1, K)``."""
    masses = torch.logsumexp(log_q, dim=0, keepdim=True)
    return masses if world_size() == 1 else torch.logsumexp(gather(masses), dim=0, keepdim=True)
