"""The layer between a pooled state and the prediction: a checkpoint's own, where it has one."""

import torch.nn.functional as F
from torch import Tensor, nn

from common.backbones.checkpoint_folder import WEIGHTS, find_folder, read_weights
from common.backbones.text_encoder import KEY, TextEncoder, encoder_arrays
from common.errors import DataError

# BERT's pooler, or the dense layer of RoBERTa's language-model head.
DENSE = {"tanh": "pooler.dense", "gelu": "lm_head.dense"}


class Head(nn.Linear):
    """A linear layer and tanh or exact GELU, ``(..., dim)`` to the same shape."""

    def __init__(self, dim: int, activation: str) -> None:
        super().__init__(dim, dim)
        self.activation = activation

    def forward(self, x: Tensor) -> Tensor:
        """Returns the activation of the linear layer's output."""
        y = super().forward(x)
        return y.tanh() if self.activation == "tanh" else F.gelu(y)


def take_head(
    encoder: TextEncoder, checkpoint: str | None, head_checkpoint: str | None, activation: str
) -> Head:
    """Returns the head of ``encoder``, and takes its pooler off.

    Args:
        encoder: Encoder of the checkpoint, or drawn.
        checkpoint: Folder or name; None: the head is drawn, too.
        head_checkpoint: Has the head's weights in the checkpoint's place.
        activation: ``tanh`` or ``gelu``.

    Raises:
        DataError: The checkpoint has no such head of the encoder's width.
    """
    head = Head(encoder.num_features, activation)
    encoder.pooler = None
    if checkpoint is None:
        return head
    key = "method.head_checkpoint" if head_checkpoint else KEY
    path = find_folder(head_checkpoint or checkpoint, key) / WEIGHTS
    arrays = encoder_arrays(read_weights(path))
    weight, bias = (arrays.get(f"{DENSE[activation]}.{name}") for name in ("weight", "bias"))
    if weight is None or bias is None or weight.shape != head.weight.shape:
        raise DataError(
            f"{path}: holds no {DENSE[activation]} of {encoder.num_features} features, which "
            f"method.activation={activation} takes; set method.head_checkpoint to the raw model"
        )
    head.load_state_dict({"weight": weight, "bias": bias})
    return head
