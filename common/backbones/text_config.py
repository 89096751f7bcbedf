"""The sections ``encoder:`` and ``text:`` of methods on texts. Imports no torch."""

from dataclasses import dataclass

from common.registry import TEXT_BACKBONES
from common.settings import setting


@dataclass
class EncoderConfig:
    """A transformer of BERT's layout; the defaults are BERT-base's sizes."""

    # A folder with config.json and model.safetensors, or a name on Hugging Face. Its sizes are
    # taken, and not those below. Null: weights are drawn.
    checkpoint: str | None = setting(None, names_file=True)
    dim: int = setting(768, at_least=2)
    layers: int = setting(12, at_least=1)
    heads: int = setting(12, at_least=1)
    feed_forward: int = setting(3072, at_least=1)
    # The longest text, special tokens included.
    positions: int = setting(512, at_least=3)
    # Kinds of tokens, of the first and the second text of a pair; 0: no embedding of them.
    token_types: int = setting(2, at_least=0)
    norm_eps: float = setting(1e-12, above=0)
    # On states and on attention weights; null: the checkpoint's, or 0.1.
    dropout: float | None = setting(None, at_least=0, below=1)


@dataclass
class TextTowerConfig:
    """The encoder of texts; the defaults are those of CLIP (arXiv 2103.00020, section 2.4)."""

    name: str = setting("text_transformer", choices=TEXT_BACKBONES)
    width: int = setting(512, at_least=1)
    # Used by `text_transformer`.
    layers: int = setting(12, at_least=1)
    heads: int = setting(8, at_least=1)
    # The published weights of OpenAI are for quick_gelu, x sigmoid(1.702 x).
    activation: str = setting("gelu", choices=("gelu", "quick_gelu"))
