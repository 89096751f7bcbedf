"""Encoders of texts beside one of images: CLIP's, and a control that knows no order of words."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.backbones.text_config import TextTowerConfig
from common.errors import ConfigError

WORD_STD, POSITION_STD = 0.02, 0.01
QUICK = 1.702


class TextTransformer(nn.Module):
    """CLIP's encoder: causal pre-norm layers, read at the token that ends a text.

    Sizes and initialisation are those of the official code (arXiv 2103.00020, section 2.4).

    Args:
        num_words: In the vocabulary.
        context: The most tokens of a text.
        config: Sizes.

    Raises:
        ConfigError: Heads that do not divide the width.
    """

    def __init__(self, num_words: int, context: int, config: TextTowerConfig) -> None:
        super().__init__()
        if config.width % config.heads:
            raise ConfigError(
                f"method.text.heads={config.heads}: does not divide method.text.width="
                f"{config.width}"
            )
        self.num_features = config.width
        self.words = nn.Embedding(num_words, config.width)
        self.positions = nn.Parameter(torch.empty(context, config.width))
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width)
        nn.init.normal_(self.words.weight, std=WORD_STD)
        nn.init.normal_(self.positions, std=POSITION_STD)

    def forward(self, ids: Tensor, mask: Tensor, dropout: float = 0.0) -> Tensor:
        """Returns the state of each text's last token under a layer norm, ``(batch, width)``.

        What is behind that token is not attended to.

        Args:
            ids: ``(batch, tokens)``.
            mask: The same shape, true at tokens, which come first.
            dropout: Rate on the states that enter each layer, in training.
        """
        x = self.words(ids) + self.positions[: ids.shape[1]]
        for block in self.blocks:
            x = block(F.dropout(x, dropout, self.training))
        last = mask.sum(1) - 1
        return self.norm(x[torch.arange(len(x), device=x.device), last])


class Block(nn.Module):
    """Attention and two dense layers, each on a layer norm of its input and added to it."""

    def __init__(self, config: TextTowerConfig) -> None:
        super().__init__()
        width, self.heads = config.width, config.heads
        self.quick = config.activation == "quick_gelu"
        self.attention_norm, self.dense_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        out_std = width**-0.5 * (2 * config.layers) ** -0.5
        self.query_key_value = _linear(width, 3 * width, width**-0.5)
        self.attention_out = _linear(width, width, out_std)
        self.dense_in = _linear(width, 4 * width, (2 * width) ** -0.5)
        self.dense_out = _linear(4 * width, width, out_std)

    def forward(self, x: Tensor) -> Tensor:
        """Returns the next states, ``(batch, tokens, width)``."""
        states = self.query_key_value(self.attention_norm(x))
        query, key, value = states.unflatten(2, (3, self.heads, -1)).transpose(1, 3).unbind(2)
        seen = F.scaled_dot_product_attention(query, key, value, is_causal=True)
        x = x + self.attention_out(seen.transpose(1, 2).flatten(2))
        hidden = self.dense_in(self.dense_norm(x))
        hidden = hidden * (QUICK * hidden).sigmoid() if self.quick else F.gelu(hidden)
        return x + self.dense_out(hidden)


def _linear(inputs: int, outputs: int, std: float) -> nn.Linear:
    linear = nn.Linear(inputs, outputs)
    nn.init.normal_(linear.weight, std=std)
    nn.init.zeros_(linear.bias)
    return linear


class TextBag(nn.Module):
    """The mean of a text's word vectors, and two linear layers with ReLU between.

    It cannot know the order of words: the control for tests of order.

    Args:
        num_words: In the vocabulary.
        context: Not used; every encoder of texts is built with it.
        config: ``width`` is of vectors and layers.
    """

    def __init__(self, num_words: int, context: int, config: TextTowerConfig) -> None:
        super().__init__()
        self.num_features = width = config.width
        self.words = nn.Embedding(num_words, width)
        self.layers = nn.Sequential(nn.Linear(width, width), nn.ReLU(), nn.Linear(width, width))

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Returns features, ``(batch, width)``, of ids and mask, both ``(batch, tokens)``."""
        shares = mask / mask.sum(1, keepdim=True)
        mean = (self.words(ids) * shares[..., None].to(self.words.weight.dtype)).sum(1)
        return self.layers(mean)
