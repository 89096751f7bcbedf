"""From a backbone's map to global and part features and the scores of all heads."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


def patch_pool(maps: Tensor, rows: int, columns: int | None = None) -> Tensor:
    """Returns means over a grid of equal patches that overlap where the map does not divide.

    Stride ``floor(size / number)``, kernel ``size - (number - 1) * stride`` on each axis; not what
    torch's adaptive pooling does.

    Args:
        maps: ``(batch, dim, height, width)``.
        rows: Patches from top to bottom.
        columns: Patches from left to right; None: as many.

    Raises:
        ValueError: A map of fewer cells than patches.
    """
    height, width = maps.shape[-2:]
    columns = columns or rows
    if height < rows or width < columns:
        raise ValueError(f"a map of {height} x {width} has no {rows} x {columns} patches")
    down, right = height // rows, width // columns
    kernel = height - (rows - 1) * down, width - (columns - 1) * right
    return F.avg_pool2d(maps, kernel, (down, right))


class CPLHead(nn.Module):
    """Pooled features, each with a batch norm of frozen shift, and a linear layer without bias.

    Parts serve the vote only: they carry no gradient, so their scales stay as they are.

    Args:
        num_features: Channels of the map.
        num_classes: Heads: known and novel classes together.
        parts: Patches a side.
        dropout: Dropout of the global feature, before the scores.
    """

    def __init__(self, num_features: int, num_classes: int, parts: int, dropout: float) -> None:
        super().__init__()
        self.parts, self.dropout = parts, dropout
        self.norm = nn.BatchNorm1d(num_features)
        # One batch norm over patches x channels is a batch norm for each patch.
        self.part_norm = nn.BatchNorm1d(parts**2 * num_features)
        self.part_norm.weight.requires_grad_(False)
        for norm in (self.norm, self.part_norm):
            norm.bias.requires_grad_(False)
        self.classifier = nn.Linear(num_features, num_classes, bias=False)
        nn.init.normal_(self.classifier.weight, std=1e-3)

    def embed(self, maps: Tensor) -> Tensor:
        """Returns the global feature ``(batch, dim)`` of maps ``(batch, dim, height, width)``."""
        return self.norm(maps.mean(dim=(2, 3)))

    @torch.no_grad()
    def embed_parts(self, maps: Tensor) -> Tensor:
        """Returns the parts' features, ``(batch, dim, parts * parts)``, row by row."""
        pooled = patch_pool(maps, self.parts).flatten(2)  # (batch, dim, patches)
        normed = self.part_norm(pooled.transpose(1, 2).flatten(1))
        return normed.unflatten(1, (pooled.shape[2], -1)).transpose(1, 2)

    def classify(self, g: Tensor) -> Tensor:
        """Returns scores ``(batch, classes)`` of global features ``(batch, dim)``."""
        return self.classifier(F.dropout(g, self.dropout, self.training))
