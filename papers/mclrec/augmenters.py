"""The learnable model augmenters w_phi of MCLRec."""

from torch import Tensor, nn
from torch.nn import functional as F


class ModelAugmenter(nn.Module):
    """An MLP of widths dim, dim/2, dim/4, dim whose output has unit length.

    Paper section 3.2 speaks of a three-layer MLP; the unit length is the official code's, and is
    left out without ``unit_length``. The initial weights are torch's own, unlike the encoder's.
    """

    def __init__(self, dim: int, unit_length: bool = True) -> None:
        super().__init__()
        self.unit_length = unit_length
        self.dense_1 = nn.Linear(dim, dim // 2)
        self.dense_2 = nn.Linear(dim // 2, dim // 4)
        self.dense_3 = nn.Linear(dim // 4, dim)

    def forward(self, h: Tensor) -> Tensor:
        """Maps h ``(batch, dim)`` to z ``(batch, dim)``."""
        hidden = F.gelu(self.dense_2(F.gelu(self.dense_1(h))))
        z = self.dense_3(hidden)
        return z / z.norm(dim=-1, keepdim=True) if self.unit_length else z
