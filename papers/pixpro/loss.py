"""PixPro's equations: consistency and contrast of corresponding cells, and of whole images.

Maps are ``(batch, channels, rows, columns)``; masks ``(batch, cells, key cells)`` tell which cells
correspond, counted row by row. All is computed in float32 or wider.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from common.distributed.collectives import all_reduce_sum, world_size
from common.losses.precision import upcast
from papers.pixpro.geometry import cell_distances

# Keeps an image without pairs from dividing by 0 (official code).
EPSILON = 1e-6


def unit(x: Tensor) -> Tensor:
    """Returns ``x`` with unit length over its channels (dimension 1), in float32 or wider."""
    return F.normalize(upcast(x), dim=1)


def positive_mask(
    q: Tensor, k: Tensor, q_place: Tensor, k_place: Tensor, threshold: float
) -> Tensor:
    """Returns which cells of ``k`` lie close to each cell of ``q`` (Eq. 1), as bool.

    Two crops that do not meet have none.

    Args:
        q: Map of the query view.
        k: Map of the key view; its size may differ.
        q_place: ``(batch, 4)``, see `crop_coordinates`.
        k_place: ``(batch, 4)``.
        threshold: In diagonals of the larger cell; the distance is below it.

    Raises:
        ValueError: Maps or coordinates of different images.
    """
    if q.shape[:2] != k.shape[:2] or len(q_place) != len(q):
        raise ValueError(
            f"maps {tuple(q.shape)} and {tuple(k.shape)} with {len(q_place)} crops do not belong "
            "together"
        )
    sizes = (q.shape[2], q.shape[3]), (k.shape[2], k.shape[3])
    return cell_distances(q_place, k_place, *sizes) < threshold


def similarities(q: Tensor, k: Tensor) -> Tensor:
    """Returns the products of all cells, ``(batch, cells, key cells)``, never halved."""
    with torch.autocast(q.device.type, enabled=False):
        return q.flatten(2).transpose(1, 2) @ k.flatten(2)


def pixel_consistency(q: Tensor, k: Tensor, mask: Tensor, averaging: str = "images") -> Tensor:
    """Returns minus the cosine of corresponding cells (Eq. 5), one direction.

    With ``averaging="images"`` minus twice the mean over images of each one's mean, as the
    official code: an image without pairs counts as 0. With ``"pairs"`` minus the mean over all
    pairs, as the paper; 0 if there are none.

    Several processes: "images" is local, "pairs" counts those of all; averaged gradients are
    those of the global batch either way.

    Args:
        q: Unit query map.
        k: Unit key map.
        mask: Which cells correspond.
        averaging: "images" or "pairs".
    """
    weight = mask.to(q.dtype)
    agreement = (similarities(q, k) * weight).sum((1, 2))
    if averaging == "images":
        return -2 * (agreement / (weight.sum((1, 2)) + EPSILON)).mean()
    pairs = all_reduce_sum(weight.sum()) / world_size()
    return -agreement.sum() / pairs.clamp(min=EPSILON)


def pixel_contrast(q: Tensor, k: Tensor, mask: Tensor, temperature: float) -> Tensor:
    """Returns the contrast of each cell's positives with all cells of the other view (Eq. 2).

    The mean over an image's cells that have a positive, then over the images that have such a
    cell (of all processes); 0 if there are none.

    Args:
        q: Unit query map.
        k: Unit key map.
        mask: Which cells correspond.
        temperature: Divides the cosines.
    """
    cells = mask.any(2)
    counts = cells.sum(1)
    per_image = contrast_per_cell(q, k, mask, temperature).sum(1) / counts.clamp(min=1)
    images = all_reduce_sum((counts > 0).sum()) / world_size()
    return per_image.sum() / images.clamp(min=1 / world_size())


def contrast_per_cell(q: Tensor, k: Tensor, mask: Tensor, temperature: float) -> Tensor:
    """Returns ``(batch, cells)``: minus the log of the positives' share; 0 without positives."""
    scores = similarities(q, k) / temperature
    alone = ~mask.any(2, keepdim=True)
    positives = scores.masked_fill(~(mask | alone), -torch.inf)
    return scores.logsumexp(2) - positives.logsumexp(2)


def agreement_of_images(q: Tensor, k: Tensor) -> Tensor:
    """Returns minus twice the mean cosine of ``(batch, dim)`` (BYOL's loss, less its constant)."""
    return -2 * (unit(q) * unit(k)).sum(1).mean()
