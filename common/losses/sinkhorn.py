"""Equal masses by Sinkhorn-Knopp: soft assignments in which every column gets the same share."""

import torch
from torch import Tensor

from common.distributed.collectives import gather, world_size
from common.losses.precision import upcast

# A sample whose largest entry is below exp of this adds nothing that a prototype's mass, of 1 or
# more, could hold: thousands of them stay below 1e-13 of it.
LEAST_EXPONENT = -40.0


@torch.no_grad()
def sinkhorn(scores: Tensor, epsilon: float, iterations: int) -> Tensor:
    """Returns ``diag(u) exp(scores / epsilon) diag(v)``, rows summing to 1.

    SwAV, arXiv 2006.09882, Eq. 3 to 5.

    ``scores``: (batch, prototypes), raw similarities; result: the same shape, in float32 or
    wider. Each iteration gives every prototype the same mass, then every sample; since the
    sample step is the last, rows sum to exactly 1 and the equal mass holds approximately. With
    0 iterations only the total is normalised (to ``batch``).

    Logarithms are shifted before the one exponential, so that a small ``epsilon`` neither
    overflows nor divides 0 by 0. Under several processes each holds its rows (equally many) and
    the mass of a prototype counts the rows of all; no gradient.
    """
    q = upcast(scores) / epsilon  # a new tensor: all that follows is in place, for memory and time
    largest = gather(q.amax(dim=0, keepdim=True)).amax(dim=0, keepdim=True)
    if iterations == 0:
        q.sub_(largest.max()).exp_()
        return q.mul_(len(q) * world_size() / gather(q.sum().view(1)).sum())
    # The first step divides by the prototypes' masses, which takes this shift out again.
    q.sub_(largest)
    # A sample that is far from every prototype is lifted until its own mass can be divided by.
    q.sub_((q.amax(dim=1, keepdim=True) - LEAST_EXPONENT).clamp_(max=0)).exp_()
    for _ in range(iterations):
        # Masses are not scaled to 1 / prototypes: the sample step takes any factor out.
        q.div_(gather(q.sum(dim=0, keepdim=True)).sum(dim=0, keepdim=True))
        q.div_(q.sum(dim=1, keepdim=True))
    return q
