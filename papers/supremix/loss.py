"""SupReMix's loss on the Gram matrix: no mixture is ever built as a vector.

The inner product of an anchor with a mixture ``m = a z_j + (1 - a) z_k`` is
``a z_i.z_j + (1 - a) z_i.z_k``: numbers that are there already. The published form holds
``anchors^2`` mixtures of ``dim`` numbers for each anchor.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from common.distributed.collectives import (
    all_reduce_sum,
    gather,
    gather_with_grad,
    rank,
    world_size,
)
from common.losses.chunked import sum_over_row_chunks
from common.losses.precision import upcast

# Numbers of one chunk of anchors: their contrast with all columns and all Mix-pos pairs.
CHUNK_NUMBERS = 2**20

# Weight of a negative as a function of its label distance; the published code's names behind.
WEIGHTS: dict[str, Callable[[Tensor], Tensor]] = {
    "linear": lambda gap: gap + 1,  # L1_inv
    "quadratic": lambda gap: gap.square() + 1,  # L2_inv
    "inverse-linear": lambda gap: 1 / (gap + 1),  # L1
    "inverse-quadratic": lambda gap: 1 / (gap.square() + 1),  # L2
}


@dataclass(frozen=True)
class Contrast:
    """What the anchors of one step are contrasted with; anchors and columns go up in label.

    Attributes:
        labels: ``(columns,)``, ascending.
        own: ``(anchors,)``, the column that each anchor is itself.
        temperature: Divides all inner products.
        window: Mix-pos takes labels closer than this on both sides; None: no Mix-pos.
        alpha: ``(anchors, columns)``, the anchor's share in its mixture with that column; None: no
            Mix-neg.
        weights: One of `WEIGHTS`; None: all 1.
    """

    labels: Tensor
    own: Tensor
    temperature: float
    window: float | None
    alpha: Tensor | None
    weights: str | None

    def log_weight(self, gap: Tensor) -> Tensor:
        """Returns what a weight adds to the logit of a column ``gap`` away in label."""
        return WEIGHTS[self.weights](gap).log() if self.weights else torch.zeros_like(gap)

    def chunk_rows(self) -> int:
        """Returns how many anchors are computed at a time."""
        numbers = 2 * len(self.labels)
        if self.window is not None:
            y = self.labels[self.own]
            first, last = (torch.searchsorted(self.labels, y, right=r) for r in (False, True))
            low = torch.searchsorted(self.labels, y - self.window)
            high = torch.searchsorted(self.labels, y + self.window, right=True)
            numbers += int(((first - low) * (high - last)).max())
        return max(CHUNK_NUMBERS // numbers, 1)


def supremix(
    z: Tensor,
    labels: Tensor,
    temperature: float,
    window: float | None = None,
    alpha: Tensor | None = None,
    weights: str | None = None,
) -> Tensor:
    """Returns the mean loss of the anchors that have a positive, 0 if none has (arXiv 2309.16633).

    For anchor i, ``-mean over positives p of s_ip + log sum over u of w(i, u) exp(s_iu)``: u is
    every other sample, Mix-neg and Mix-pos; positives are samples of the same label and Mix-pos; s
    is the inner product over the temperature. Gradient reaches a mixture through its anchor only.
    Without ``window`` and ``alpha`` this is weighted SupCon, without ``weights`` plain SupCon.

    Several processes: all columns are of the global batch, gathered with gradient; the mean is over
    the global batch's anchors, so that averaged gradients are those of one process.

    Args:
        z: ``(views, batch, dim)``, used as it is: normalise it before.
        labels: ``(batch,)``, whole numbers or floats; equal ones are positives, so bin continuous
            labels before.
        temperature: Divides all inner products.
        window: Window of Mix-pos, in label units, exclusive; None: no Mix-pos.
        alpha: ``(views * batch, views * global batch)``, rows and columns view by view: the
            anchor's share in each Mix-neg; None: no Mix-neg.
        weights: Distance weights, one of `WEIGHTS`; None: all 1.
    """
    with torch.autocast(z.device.type, enabled=False):
        contrast, anchors, columns, _ = arrange(z, labels, temperature, window, alpha, weights)

        def row_loss(rows: slice, own: Tensor, everybody: Tensor) -> Tensor:
            return anchor_losses(contrast, rows, own, everybody).sum()

        total = sum_over_row_chunks(row_loss, len(anchors), contrast.chunk_rows(), anchors, columns)
        count = all_reduce_sum(_count_anchors(contrast).to(total.dtype))
        return total * world_size() / count.clamp(min=1)


def per_anchor(
    z: Tensor,
    labels: Tensor,
    temperature: float,
    window: float | None = None,
    alpha: Tensor | None = None,
    weights: str | None = None,
) -> Tensor:
    """Returns the loss of each anchor of this process, ``(views * batch,)``, view by view.

    The loss of an anchor without a positive is 0. The arguments are those of `supremix`.
    """
    contrast, anchors, columns, order = arrange(z, labels, temperature, window, alpha, weights)
    losses = anchor_losses(contrast, slice(None), anchors, columns)
    return torch.empty_like(losses).index_put((order,), losses)


def arrange(
    z: Tensor,
    labels: Tensor,
    temperature: float,
    window: float | None,
    alpha: Tensor | None,
    weights: str | None,
) -> tuple[Contrast, Tensor, Tensor, Tensor]:
    """Gathers and sorts by label; arguments as of `supremix`.

    Returns:
        The contrast; anchors ``(anchors, dim)``; columns ``(columns, dim)``; and for each anchor
        its place before sorting.
    """
    z = upcast(z)
    # The quotient of two whole numbers would be in float32, whatever z is.
    labels = labels if labels.is_floating_point() else labels.to(z.dtype)
    views = len(z)
    columns = torch.cat([gather_with_grad(view) for view in z])
    order = gather(labels).repeat(views).argsort(stable=True)
    sorted_labels = gather(labels).repeat(views)[order]
    place = torch.empty_like(order)
    place[order] = torch.arange(len(order), device=order.device)
    own, mine = place[own_columns(views, len(labels), order.device)].sort()
    if alpha is not None:
        alpha = alpha[mine][:, order].to(z.dtype)
    contrast = Contrast(sorted_labels, own, temperature, window, alpha, weights)
    return contrast, z.flatten(0, 1)[mine], columns[order], mine


def own_columns(views: int, batch: int, device: torch.device | None = None) -> Tensor:
    """Returns the columns that this process's anchors are, ``(views * batch,)``.

    Columns are the samples of the global batch view by view, and by process within a view.
    """
    first = torch.arange(views, device=device)[:, None] * batch * world_size() + rank() * batch
    return (first + torch.arange(batch, device=device)).flatten()


def anchor_losses(contrast: Contrast, rows: slice, anchors: Tensor, columns: Tensor) -> Tensor:
    """Returns the loss of the anchors ``rows``; 0 of one without a positive."""
    own = contrast.own[rows, None]
    gap = contrast.labels - contrast.labels[own]  # (rows, columns)
    distance = gap.abs().to(anchors.dtype)
    itself = torch.zeros_like(gap, dtype=torch.bool).scatter_(1, own, True)
    real = anchors[rows] @ columns.T / contrast.temperature
    positive = (gap == 0) & ~itself
    summed, count = torch.where(positive, real, 0).sum(1), positive.sum(1)
    logits = [(real + contrast.log_weight(distance)).masked_fill(itself, -torch.inf)]
    # Mixtures are held fixed: the same numbers as `real`, with gradient to the anchor only.
    fixed = anchors[rows] @ columns.detach().T / contrast.temperature
    if contrast.alpha is not None:
        logits.append(_mix_neg(contrast, contrast.alpha[rows], fixed, own, distance))
    if contrast.window is not None:
        mixed, exists = _mix_pos(contrast, fixed, gap)
        logits.append(mixed.masked_fill(~exists, -torch.inf))
        summed = summed + torch.where(exists, mixed, 0).sum(1)
        count = count + exists.sum(1)
    # One log-sum over all: real columns are there beside a positive, so no such row is empty.
    losses = torch.cat(logits, 1).logsumexp(1) - summed / count.clamp(min=1)
    return torch.where(count > 0, losses, 0)


def _mix_neg(
    contrast: Contrast, alpha: Tensor, fixed: Tensor, own: Tensor, distance: Tensor
) -> Tensor:
    """Returns weighted logits of the anchors' mixtures with each column, ``(rows, columns)``.

    The label of a mixture is ``alpha y_i + (1 - alpha) y_k``: (1 - alpha) of the way from k.
    """
    mixed = alpha * fixed.gather(1, own) + (1 - alpha) * fixed
    mixed = mixed + contrast.log_weight((1 - alpha) * distance)
    return mixed.masked_fill(distance == 0, -torch.inf)


def _mix_pos(contrast: Contrast, fixed: Tensor, gap: Tensor) -> tuple[Tensor, Tensor]:
    """Returns logits of all mixtures of a column below and one above at the anchor's label.

    Both ``(rows, below * above)``, wide enough for the anchor with most; the second tells which
    exist. Labels are sorted: what lies within the window on one side is one run of columns.
    """
    assert contrast.window is not None
    below, has_below = _run((gap < 0) & (-gap < contrast.window))
    above, has_above = _run((gap > 0) & (gap < contrast.window))
    exists = has_below[:, :, None] & has_above[:, None, :]
    down, up = -gap.gather(1, below)[:, :, None], gap.gather(1, above)[:, None, :]
    # (y_k - y_i) / (y_k - y_j); slots that do not exist get a harmless .5.
    share = torch.where(exists, up / (up + down), 0.5).to(fixed.dtype)
    low, high = fixed.gather(1, below)[:, :, None], fixed.gather(1, above)[:, None, :]
    mixed = share * low + (1 - share) * high
    return mixed.flatten(1), exists.flatten(1)


def _run(inside: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the columns of each row's run of True, ``(rows, longest run)``, and which exist."""
    count = inside.sum(1, keepdim=True)
    places = torch.arange(int(count.max()), device=inside.device)
    first = inside.to(torch.int8).argmax(1, keepdim=True)
    return (first + places).clamp(max=inside.shape[1] - 1), places < count


def _count_anchors(contrast: Contrast) -> Tensor:
    """Returns how many of this process's anchors have a positive, real or mixed."""
    y = contrast.labels[contrast.own]
    first, last = (torch.searchsorted(contrast.labels, y, right=r) for r in (False, True))
    has_positive = last - first > 1
    if contrast.window is not None:
        # The nearest on either side: where they are within the window there is a Mix-pos.
        end = len(contrast.labels)
        down = y - contrast.labels[(first - 1).clamp(min=0)]
        up = contrast.labels[last.clamp(max=end - 1)] - y
        inside = (down < contrast.window) & (up < contrast.window)
        has_positive |= (first > 0) & (last < end) & inside
    return has_positive.sum()


@torch.no_grad()
def pair_similarities(z: Tensor, labels: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Returns mean similarities of positive and of other pairs, as the published code logs them.

    For each anchor the mean of ``exp(s - max s)`` over its real positives, and over all other
    columns, itself included; then the mean over anchors. Of this process's batch alone.

    Args:
        z: ``(views, batch, dim)``.
        labels: ``(batch,)``.
        temperature: Divides the inner products.
    """
    flat, y = z.flatten(0, 1), labels.repeat(len(z))
    scores = flat @ flat.T / temperature
    likeness = (scores - scores.amax(1, keepdim=True)).exp()
    itself = torch.eye(len(flat), dtype=torch.bool, device=z.device)
    positive = (y[:, None] == y) & ~itself
    means = [
        (torch.where(chosen, likeness, 0).sum(1) / chosen.sum(1)).nanmean()
        for chosen in (positive, ~positive)
    ]
    return means[0], means[1]
