"""A transformer over tokens in BERT's and RoBERTa's layout, under the names of checkpoints."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from common.backbones.build import as_encoder
from common.backbones.checkpoint_folder import WEIGHTS, find_folder, read_config, read_weights
from common.backbones.text_config import EncoderConfig
from common.errors import ConfigError, DataError

DROPOUT = 0.1
POSITION_STD = 0.02
# Of a whole model, what stands before the encoder's names; of heads, what is no part of it.
PREFIXES = ("bert.", "roberta.")
LAYOUTS = ("bert", "roberta")
FEWEST = 1e-9
KEY = "method.encoder.checkpoint"
# What is computed here, in the names of ``config.json``, which need not say it.
COMPUTED = {"hidden_act": "gelu", "position_embedding_type": "absolute", "is_decoder": False}


class TextEncoder(nn.Module):
    """Post-norm layers with exact GELU, as BERT has them (arXiv 1810.04805).

    Args:
        num_words: In the vocabulary.
        config: Sizes, and dropout.
        has_pooler: Whether there is BERT's ``pooler``, tanh of a linear layer.
        first_position: Position of a text's first token; RoBERTa's table has rows before it.
    """

    def __init__(
        self,
        num_words: int,
        config: EncoderConfig,
        has_pooler: bool = False,
        first_position: int = 0,
    ) -> None:
        super().__init__()
        self.config = config
        self.num_features, self.num_positions = config.dim, config.positions - first_position
        self.embeddings = Embeddings(num_words, config, first_position)
        layers = nn.ModuleList(Layer(config) for _ in range(config.layers))
        self.encoder = nn.ModuleDict({"layer": layers})
        self.pooler = Pooler(config.dim) if has_pooler else None

    def forward(self, ids: Tensor, mask: Tensor, token_types: Tensor | None = None) -> list[Tensor]:
        """Returns the states of the embeddings and of each layer, ``(batch, tokens, dim)``.

        Args:
            ids: ``(batch, tokens)``.
            mask: The same shape, true at tokens; others are not attended to.
            token_types: The same shape; None: all 0.

        Raises:
            ValueError: More tokens than positions.
        """
        if ids.shape[1] > self.num_positions:
            raise ValueError(
                f"texts of {ids.shape[1]} tokens: the encoder has {self.num_positions} positions; "
                "choose a smaller data.max_length or more method.encoder.positions"
            )
        hidden = [self.embeddings(ids, token_types)]
        for layer in self.encoder["layer"]:  # type: ignore[attr-defined]
            hidden.append(layer(hidden[-1], mask.bool()))
        return hidden


class Embeddings(nn.Module):
    """The sum of a token's, its position's and its type's embedding, under a layer norm."""

    def __init__(self, num_words: int, config: EncoderConfig, first_position: int) -> None:
        super().__init__()
        self.first_position = first_position
        self.word_embeddings = nn.Embedding(num_words, config.dim)
        self.position_embeddings = nn.Embedding(config.positions, config.dim)
        types = config.token_types
        self.token_type_embeddings = nn.Embedding(types, config.dim) if types else None
        self.LayerNorm = nn.LayerNorm(config.dim, eps=config.norm_eps)
        self.dropout = nn.Dropout(rate_of(config))
        nn.init.normal_(self.word_embeddings.weight, std=config.dim**-0.5)
        for table in (self.position_embeddings, self.token_type_embeddings):
            if table is not None:
                nn.init.normal_(table.weight, std=POSITION_STD)

    def forward(self, ids: Tensor, token_types: Tensor | None) -> Tensor:
        """Returns the states that enter the first layer, ``(batch, tokens, dim)``."""
        positions = self.first_position + torch.arange(ids.shape[1], device=ids.device)
        x = self.word_embeddings(ids) + self.position_embeddings(positions)
        if self.token_type_embeddings is not None:
            types = torch.zeros_like(ids) if token_types is None else token_types
            x = x + self.token_type_embeddings(types)
        return self.dropout(self.LayerNorm(x))


class Layer(nn.Module):
    """Attention and two dense layers, each added to its input under a layer norm."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.attention = Attention(config)
        self.intermediate = nn.ModuleDict({"dense": nn.Linear(config.dim, config.feed_forward)})
        self.output = AddNorm(config.feed_forward, config)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Returns the next states; ``mask (batch, tokens)`` is true at what may be attended to."""
        x = self.attention(x, mask)
        return self.output(F.gelu(self.intermediate["dense"](x)), x)


class Attention(nn.Module):
    """Attention of several heads among the tokens of a text."""

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.heads, self.rate = config.heads, rate_of(config)
        names = ("query", "key", "value")
        self.self = nn.ModuleDict({name: attention_linear(config.dim) for name in names})
        self.output = AddNorm(config.dim, config)
        nn.init.zeros_(self.output.dense.bias)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Returns states, ``(batch, tokens, dim)``."""
        query, key, value = (
            linear(x).unflatten(2, (self.heads, -1)).transpose(1, 2)
            for linear in self.self.values()
        )
        rate = self.rate if self.training else 0.0
        a = F.scaled_dot_product_attention(query, key, value, mask[:, None, None], rate)
        return self.output(a.transpose(1, 2).flatten(2), x)


class AddNorm(nn.Module):
    """A linear layer to ``config.dim``, dropout, the sum with the layer's input, a layer norm."""

    def __init__(self, inputs: int, config: EncoderConfig) -> None:
        super().__init__()
        self.dense = nn.Linear(inputs, config.dim)
        self.LayerNorm = nn.LayerNorm(config.dim, eps=config.norm_eps)
        self.dropout = nn.Dropout(rate_of(config))

    def forward(self, x: Tensor, before: Tensor) -> Tensor:
        """Returns states, ``(batch, tokens, dim)``."""
        return self.LayerNorm(before + self.dropout(self.dense(x)))


class Pooler(nn.Module):
    """BERT's: tanh of a linear layer."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dense = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        """Returns ``(batch, dim)`` of the first token's state ``x``, of the same shape."""
        return self.dense(x).tanh()


def rate_of(config: EncoderConfig) -> float:
    """Returns the dropout rate."""
    return DROPOUT if config.dropout is None else config.dropout


def attention_linear(dim: int) -> nn.Linear:
    """Returns a query, key or value as `torch.nn.MultiheadAttention` draws its joint matrix."""
    linear = nn.Linear(dim, dim)
    bound = math.sqrt(6 / (4 * dim))
    nn.init.uniform_(linear.weight, -bound, bound)
    nn.init.zeros_(linear.bias)
    return linear


def build_text_encoder(config: EncoderConfig, facts: Any) -> TextEncoder:
    """Builds the encoder of a method, its weights drawn or a checkpoint's.

    Raises:
        ConfigError: Texts that are too long for it, or a tokeniser of another vocabulary.
        DataError: A checkpoint that is missing, broken or of another layout.
    """
    if config.checkpoint is not None:
        encoder = read_encoder(find_folder(config.checkpoint, KEY), config.dropout)
    else:
        if config.dim % config.heads:
            raise ConfigError(
                f"method.encoder.heads={config.heads}: does not divide "
                f"method.encoder.dim={config.dim}"
            )
        encoder = TextEncoder(facts.num_words, config)
    num_words = encoder.embeddings.word_embeddings.num_embeddings
    if num_words < facts.num_words:
        raise ConfigError(
            f"{KEY}={config.checkpoint}: knows {num_words:,} words, and the data hold "
            f"{facts.num_words:,}; set data.tokenizer to the same checkpoint"
        )
    if facts.max_length > encoder.num_positions:
        raise ConfigError(
            f"data.max_length={facts.max_length}: the encoder has {encoder.num_positions} positions"
        )
    found: TextEncoder = as_encoder(encoder)
    return found


def read_encoder(folder: Path, dropout: float | None = None) -> TextEncoder:
    """Reads a checkpoint of BERT or RoBERTa: ``config.json`` and ``model.safetensors``.

    Args:
        folder: Holds both.
        dropout: In place of the checkpoint's.

    Raises:
        DataError: Missing or broken files, another layout or activation, arrays that are missing or
            misshapen.
    """
    sizes = read_config(folder)
    kind = sizes.get("model_type")
    if kind not in LAYOUTS:
        raise DataError(f"{folder}: model_type {kind!r} must be one of {', '.join(LAYOUTS)}")
    for key, value in COMPUTED.items():
        if sizes.get(key, value) != value:
            raise DataError(
                f"{folder}: {key} {sizes[key]!r} must be {value!r}; take another checkpoint"
            )
    arrays = encoder_arrays(read_weights(folder / WEIGHTS))
    try:
        config = config_of(sizes, dropout)
        first = sizes["pad_token_id"] + 1 if kind == "roberta" else 0
    except KeyError as error:
        raise DataError(f"{folder}: config.json lacks {error}") from None
    has_pooler = "pooler.dense.weight" in arrays
    with torch.device("meta"):  # nothing is drawn that is then overwritten
        encoder = TextEncoder(int(sizes["vocab_size"]), config, has_pooler, first)
    wanted = encoder.state_dict()
    for name, tensor in wanted.items():
        if name not in arrays or arrays[name].shape != tensor.shape:
            found = tuple(arrays[name].shape) if name in arrays else "missing"
            raise DataError(f"{folder}: {name} is {found}, not {tuple(tensor.shape)}")
    state = {name: arrays[name].to(torch.get_default_dtype()) for name in wanted}
    encoder.load_state_dict(state, assign=True)
    return encoder.requires_grad_()


def config_of(sizes: dict[str, Any], dropout: float | None) -> EncoderConfig:
    """Returns our names of what a checkpoint's ``config.json`` tells; raises `KeyError`."""
    return EncoderConfig(
        dim=sizes["hidden_size"],
        layers=sizes["num_hidden_layers"],
        heads=sizes["num_attention_heads"],
        feed_forward=sizes["intermediate_size"],
        positions=sizes["max_position_embeddings"],
        token_types=sizes["type_vocab_size"],
        norm_eps=sizes["layer_norm_eps"],
        dropout=sizes.get("hidden_dropout_prob", DROPOUT) if dropout is None else dropout,
    )


def encoder_arrays(arrays: dict[str, Tensor]) -> dict[str, Tensor]:
    """Returns a checkpoint's arrays by the encoder's names.

    A prefix is taken off; positions that some checkpoints store are no array of the encoder. The
    first checkpoints, BERT's own among them, call a layer norm's weight gamma and its bias beta.
    """
    prefix = next((p for p in PREFIXES if any(name.startswith(p) for name in arrays)), "")
    found = {}
    for name, array in arrays.items():
        name = name.removeprefix(prefix).replace("LayerNorm.gamma", "LayerNorm.weight")
        found[name.replace("LayerNorm.beta", "LayerNorm.bias")] = array
    return found


def pool(name: str, hidden: Sequence[Tensor], mask: Tensor) -> Tensor:
    """Returns the vector of each text, ``(batch, dim)``.

    Args:
        name: ``cls``: the first token; ``avg``: the mean over tokens, the first and the last
            included; ``avg_top2``: the same of the last two layers' mean; ``avg_first_last``: the
            same of layer 1 and the last one.
        hidden: States ``(batch, tokens, dim)`` of the embeddings and of each layer; ``cls`` and
            ``avg`` read the last alone.
        mask: ``(batch, tokens)``, true at tokens.

    Raises:
        ValueError: An unknown ``name``.
    """
    last = hidden[-1]
    if name == "cls":
        return last[:, 0]
    if name == "avg":
        return masked_mean(last, mask)
    if name == "avg_top2":
        return masked_mean((last + hidden[-2]) / 2, mask)
    if name == "avg_first_last":
        return masked_mean((last + hidden[1]) / 2, mask)
    raise ValueError(f"{name}: must be cls, avg, avg_top2 or avg_first_last")


def masked_mean(states: Tensor, mask: Tensor) -> Tensor:
    """Returns the mean over the tokens of ``states (batch, tokens, dim)``, ``(batch, dim)``."""
    weights = mask.to(states.dtype).unsqueeze(2)
    return (states * weights).sum(1) / weights.sum(1).clamp(min=FEWEST)
