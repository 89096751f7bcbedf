"""A small encoder of two sentences, each a bag of hashed letter runs: nothing to download."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

HIDDEN, FEATURES = 128, 64


class TextPair(nn.Module):
    """The sum of a sentence's embeddings, at unit length: u and v; then a linear map of the pair.

    ``(batch, 2, channels)`` to ``(batch, num_features)``. The pair is ``[u, v, |u - v|, u * v]``,
    as SupReMix's code and many others have it, each with batch norm. The sum over the last part is
    the cosine. It has no stem to choose.

    Args:
        channels: Buckets of the hash.
        width: Multiplies all widths.
        stem: Not used.
    """

    def __init__(self, channels: int = 2048, width: int = 1, stem: str = "cifar") -> None:
        super().__init__()
        self.num_features = FEATURES * width
        self.embedding = nn.Linear(channels, HIDDEN * width, bias=False)
        self.norm = nn.BatchNorm1d(4 * HIDDEN * width)
        self.linear = nn.Linear(4 * HIDDEN * width, self.num_features)

    def forward(self, x: Tensor) -> Tensor:
        """Returns the features, ``(batch, num_features)``."""
        u, v = F.normalize(self.embedding(x), dim=2).unbind(1)
        return self.linear(self.norm(torch.cat([u, v, (u - v).abs(), u * v], 1)))
