"""The encoder that all arms share."""

from torch import nn

from common.backbones.build import as_encoder
from common.methods.heads import mlp
from papers.sirl.config import EncoderConfig


def build_encoder(config: EncoderConfig, num_columns: int, num_outputs: int) -> nn.Sequential:
    """Returns linear layers with ReLU between them, from rows to ``num_outputs`` numbers."""
    layers = mlp([num_columns, *config.hidden_dims, num_outputs], batch_norm=False, bias=True)
    found: nn.Sequential = as_encoder(layers)
    return found
