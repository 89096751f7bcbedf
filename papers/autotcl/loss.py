"""AutoTCL's losses, and TS2Vec's hierarchical one: pure functions of representations.

``z`` is ``(batch, steps, dim)`` throughout, pooled vectors are ``(batch, dim)``. All compute in
float32 or wider. Sources are sections of the paper (arXiv 2402.10434) where they are known, else
"code", the authors' repository.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from common.distributed.collectives import (
    all_reduce_sum_with_grad,
    gather_with_grad,
    rank,
    world_size,
)
from common.losses.precision import unit, upcast

# For the mask: what may stay open, per step, channels summed (code).
MASK_THRESHOLD = 0.4


def pool(z: Tensor, how: str = "max") -> Tensor:
    """Returns ``(batch, dim)``: the ``max`` or ``mean`` over steps, in float32 or wider."""
    return upcast(z).amax(1) if how == "max" else upcast(z).mean(1)


def info_nce(z1: Tensor, z2: Tensor, temperature: float = 1.0) -> Tensor:
    """Returns the global contrast of pooled series with their views (code: infoNCE).

    Cross-entropy of the cosines of row i of ``z1`` with all rows of ``z2``, target i: one
    direction, no negatives within a view. ``z1``, ``z2``: ``(batch, dim)``, of any norm.

    Several processes: columns are of the global batch; the mean is over this process's rows.
    """
    with torch.autocast(z1.device.type, enabled=False):
        columns = unit(gather_with_grad(z2))
        target = torch.arange(len(z1), device=z1.device) + rank() * len(z1)
        return F.cross_entropy(unit(z1) @ columns.T / temperature, target)


def mean_cosine(z1: Tensor, z2: Tensor) -> Tensor:
    """Returns the mean cosine of pooled series and views; over this process's rows."""
    return (unit(z1) * unit(z2)).sum(1).mean()


def local_info_nce(z: Tensor, segments: int, start: int = 0, temperature: float = 1.0) -> Tensor:
    """Returns the contrast of neighbouring segments of a series (code, from InfoTS).

    Steps at unit length are max-pooled over ``segments`` stretches of equal length from ``start``
    on. The positive of a segment is the next one (of the last: the one before); its negatives are
    all but its neighbours and itself, and at both ends one more, so that every row has
    ``segments - 3``. 0 where a series has fewer steps than segments.

    Several processes: the mean over this process's series.

    Args:
        z: ``(batch, steps, dim)``; the code gives the first series of the batch alone.
        segments: At least 4.
        start: At most ``steps % segments``.
        temperature: Divides the products.
    """
    length = z.shape[1] // segments
    if length == 0:
        return upcast(z).sum() * 0
    with torch.autocast(z.device.type, enabled=False):
        used = unit(z[:, start : start + segments * length])
        pooled = used.unflatten(1, (segments, length)).amax(2)
        scores = pooled @ pooled.transpose(1, 2) / temperature
        positive, left_out = neighbours(segments, z.device)
        rows = torch.arange(segments, device=z.device)
        masked = scores.masked_fill(left_out, -torch.inf)
        return (masked.logsumexp(2) - scores[:, rows, positive]).mean()


def neighbours(segments: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Returns each row's positive ``(segments,)`` and what its softmax leaves out (square)."""
    rows = torch.arange(segments, device=device)
    positive = torch.where(rows == segments - 1, rows - 1, rows + 1)
    left_out = (rows[:, None] - rows).abs() <= 1
    left_out[0, 2] = left_out[-1, segments - 3] = True
    left_out[rows, positive] = False
    return positive, left_out


def mmd(
    z1: Tensor,
    z2: Tensor,
    kernels: int = 5,
    factor: float = 2.0,
    divisor: float = 4.0,
    bandwidth: float | None = None,
) -> Tensor:
    """Returns the squared maximum mean discrepancy of pooled series and views (code: mmdx).

    Biased, with a sum of Gaussian kernels ``exp(-d^2 / (b factor^i / divisor))``, i from 0 on,
    where b is the mean squared distance of two of the 2B points and carries no gradient (code).

    Several processes: over the global batch, the same on each.

    Args:
        z1: ``(batch, dim)``, not normalised.
        z2: ``(batch, dim)``.
        kernels: How many.
        factor: Between the widths of two kernels.
        divisor: What the first one's is divided by.
        bandwidth: In place of b.
    """
    with torch.autocast(z1.device.type, enabled=False):
        z1, z2 = (gather_with_grad(upcast(z)) for z in (z1, z2))
        size, points = len(z1), torch.cat([z1, z2])
        squared = (points[:, None] - points).square().sum(2)
        mean = squared.detach().sum() / (len(points) * (len(points) - 1))
        base = mean if bandwidth is None else mean.new_tensor(bandwidth)
        # Equal points have no distance to measure by; any width then gives 0.
        scale = base.clamp(min=torch.finfo(squared.dtype).tiny * divisor) / divisor
        widths = [scale * factor**i for i in range(kernels)]
        kernel = torch.stack([(-squared / width).exp() for width in widths]).sum(0)
        blocks = kernel[:size, :size] + kernel[size:, size:]
        return (blocks - kernel[:size, size:] - kernel[size:, :size]).mean()


def mask_size(h: Tensor, threshold: float = MASK_THRESHOLD) -> Tensor:
    """Returns ``relu(mean over series and steps of sum over channels of h - threshold)`` (code).

    Several processes: the mean is over the global batch. ``h``: ``(batch, steps, channels)``.
    """
    mean = all_reduce_sum_with_grad(upcast(h).sum(2).mean()) / world_size()
    return F.relu(mean - threshold)


def consistency(h: Tensor, first: Tensor, second: Tensor) -> Tensor:
    """Returns the temporal consistency of the mask scores ``h (batch, steps, channels)`` (code).

    ``first`` and ``second`` are drawn steps in 1..steps-3, and the code applies all of them to
    every series. Where ``second - first > 1`` (signed) their scores are pulled together, elsewhere
    apart, and ``first`` is pulled to both of its neighbours.

    Several processes: with the draws of the global batch on each, the mean over its own series.
    """
    h = upcast(h)
    gap = (h[:, first] - h[:, second]).abs()
    steps = (h[:, first] - h[:, first - 1]).abs() + (h[:, first] - h[:, first + 1]).abs()
    far = ((second - first) > 1)[None, :, None]
    return (steps + torch.where(far, gap, 1 - gap)).mean()


def instance_contrast(z1: Tensor, z2: Tensor) -> Tensor:
    """Returns TS2Vec's contrast of series at each step (arXiv 2106.10466, Eq. 2).

    Raw products of all 2B vectors of a step, itself left out, target the other view. Single
    process.
    """
    return _both_views(z1.transpose(0, 1), z2.transpose(0, 1))


def temporal_contrast(z1: Tensor, z2: Tensor) -> Tensor:
    """Returns TS2Vec's contrast of the steps of each series (arXiv 2106.10466, Eq. 1)."""
    return _both_views(z1, z2)


def _both_views(z1: Tensor, z2: Tensor) -> Tensor:
    """``(groups, members, dim)`` each: contrast of members with their partners in a group."""
    with torch.autocast(z1.device.type, enabled=False):
        members = z1.shape[1]
        z = torch.cat([upcast(z1), upcast(z2)], 1)
        rows = torch.arange(2 * members, device=z.device)
        scores = z @ z.transpose(1, 2)
        positive = scores[:, rows, (rows + members) % (2 * members)]
        itself = torch.eye(2 * members, dtype=torch.bool, device=z.device)
        return (scores.masked_fill(itself, -torch.inf).logsumexp(2) - positive).mean()


def hierarchical(z1: Tensor, z2: Tensor, alpha: float = 0.5, temporal_from: int = 0) -> Tensor:
    """Returns TS2Vec's loss: both contrasts at every resolution (arXiv 2106.10466, section 3.4).

    Between levels the steps are halved by max-pooling; the last level, one step, has the instance
    term only. The mean over levels.

    Args:
        z1: ``(batch, steps, dim)``.
        z2: The same steps in the other view.
        alpha: Weight of the instance term, one minus it of the temporal term.
        temporal_from: The first level with a temporal term.
    """
    total, levels = upcast(z1).sum() * 0, 0
    while True:
        # A single series has nothing to be told apart from.
        if alpha > 0 and len(z1) > 1:
            total = total + alpha * instance_contrast(z1, z2)
        if z1.shape[1] > 1 and levels >= temporal_from and alpha < 1:
            total = total + (1 - alpha) * temporal_contrast(z1, z2)
        levels += 1
        if z1.shape[1] == 1:
            return total / levels
        z1, z2 = (F.max_pool1d(z.transpose(1, 2), 2).transpose(1, 2) for z in (z1, z2))
