"""The ``method:`` section of the contrastive gap; the defaults are those of CUA."""

from dataclasses import dataclass
from typing import Any

from common.errors import ConfigError
from common.methods.config import TwoTowerConfig, check_plain_pairs
from common.settings import setting


@dataclass
class ContrastiveGapConfig(TwoTowerConfig):
    """Weights of the paper's terms, and its control that starts without a gap.

    "Code" is abrar-fahim/contrastive-gap at commit 8c1a17b.
    """

    # Code: sweep_config.yaml has 32, 64, 128 and, last, CLIP's 512.
    dim: int = setting(128, at_least=1)
    # Code: the temperature is 0.01 and fixed. A learnt scale may close the gap by itself.
    scale: float = setting(100.0, above=0)
    fixed_scale: bool = True
    # For CLIP's two directions; both 0: the code's "remove_contrastive_loss".
    image_to_text_weight: float = setting(0.5, at_least=0)
    text_to_image_weight: float = setting(0.5, at_least=0)
    # CUA has these two, and CUAXU the third one, too. Code: each counts 1.
    uniformity_weight: float = setting(1.0, at_least=0)
    alignment_weight: float = setting(1.0, at_least=0)
    cross_uniformity_weight: float = setting(0.0, at_least=0)
    # The control: before the first batch texts are turned, for good, to where this share of the gap
    # is left. 0: none of it; 1: all of it; null: they are not turned.
    start_gap: float | None = setting(None, at_least=0, at_most=1)
    # Training pairs by which the texts are turned (code: Trainer.calculateW).
    turning_pairs: int = setting(2048, at_least=2)
    # Directions below this share of the largest singular value are turned as little as they can
    # be. Where an encoder is narrower than `dim`, some have none, and rounding would decide. Ours.
    turning_least: float = setting(1e-7, at_least=0, below=1)
    # Both projectors of an open_clip model are new ones of `dim` numbers, as in the code.
    new_projectors: bool = False

    def check(self, recipe: Any) -> None:
        """Raises `ConfigError` for views and captions that the method does not use, too."""
        super().check(recipe)
        check_plain_pairs(recipe, "the method")
        if self.new_projectors and self.open_clip is None:
            raise ConfigError(
                "method.new_projectors: all projectors are new without method.open_clip; leave it "
                "out"
            )
        if self.open_clip and self.start_gap is not None and not self.new_projectors:
            raise ConfigError(
                "method.start_gap: with method.open_clip it needs method.new_projectors=true"
            )
