"""Embeddings on their two main components."""

import torch
from torch import Tensor


def main_components(h: Tensor) -> tuple[Tensor, float]:
    """Returns ``(num, 2)`` coordinates of ``h (num, dim)`` and their share of the variance.

    The share is 0 for a single point; what has one dimension lies on a line.
    """
    centred = h - h.mean(0)
    u, s, _ = torch.linalg.svd(centred, full_matrices=False)
    energy = s.square()
    share = energy[:2].sum() / energy.sum().clamp(min=1e-30)
    points = u[:, :2] * s[:2]
    return torch.nn.functional.pad(points, (0, 2 - points.shape[1])), float(share)
