"""The layer between a pooled state and the prediction: a checkpoint's own, where it has one."""

import torch.nn.functional as F
from lightning.pytorch.utilities import rank_zero_warn
from torch import Tensor, nn

from common.backbones.checkpoint_folder import WEIGHTS, find_folder, read_weights
from common.backbones.text_encoder import KEY, TextEncoder

# Of RoBERTa's language-model head.
DENSE = "lm_head.dense"


class Head(nn.Linear):
    """A linear layer and tanh or exact GELU, ``(..., dim)`` to the same shape."""

    def __init__(self, dim: int, activation: str) -> None:
        super().__init__(dim, dim)
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        """Returns the activation of the linear layer's output."""
        y = super().forward(x)
        return y.tanh() if self.activation == "tanh" else F.gelu(y)


def take_head(encoder: TextEncoder, checkpoint: str | None, activation: str) -> Head:
    """Returns the head of ``encoder``, with the checkpoint's weights, and takes its pooler off.

    With tanh they are those of the encoder's pooler, with GELU those of RoBERTa's language-model
    head. Without a checkpoint they are drawn, and, with a warning, where it has none.

    Args:
        encoder: Encoder of the checkpoint, or drawn.
        checkpoint: Folder or name.
        activation: ``tanh`` or ``gelu``.
    """
    head = Head(encoder.num_features, activation)
    pooler, encoder.pooler = encoder.pooler, None
    if checkpoint is None:
        return head
    found: dict[str, Tensor] = {}
    if activation == "tanh" and pooler is not None:
        found = dict(pooler.dense.state_dict())
    if activation == "gelu":
        arrays = read_weights(find_folder(checkpoint, KEY) / WEIGHTS)
        names = {name: f"{DENSE}.{name}" for name in ("weight", "bias")}
        found = {name: arrays[full] for name, full in names.items() if full in arrays}
    if len(found) == 2:
        head.load_state_dict(found)
    else:
        lacks = "a pooler" if activation == "tanh" else DENSE
        rank_zero_warn(f"{KEY}={checkpoint}: lacks {lacks}; the head before prediction is drawn")
    return head
