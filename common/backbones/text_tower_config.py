"""The section ``text:`` of methods on images with texts. Imports no torch."""

from dataclasses import dataclass

from common.registry import TEXT_BACKBONES
from common.settings import setting


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
