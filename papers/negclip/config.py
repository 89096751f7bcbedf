"""The ``method:`` section of NegCLIP; the negatives themselves are chosen in ``data:``."""

from dataclasses import dataclass
from typing import Any

from common.errors import ConfigError
from common.methods.config import TwoTowerConfig
from common.settings import setting


@dataclass
class NegCLIPConfig(TwoTowerConfig):
    """The published code, vinid/neg_clip at e680f8e ("code").

    ``data.hard_captions`` and ``data.hard_images`` say which negatives there are: with neither it
    is plain CLIP.
    """

    # Code: --warmup 50; README of mertyg/vision-language-models-are-bows at 81fdd20.
    warmup_batches: int = setting(50, at_least=0)
    # Code: params.py, the default of vision transformers.
    adam_eps: float = setting(1e-6, above=0)

    def check(self, recipe: Any) -> None:
        """Raises `ConfigError` for strong views, which the method does not have, too."""
        super().check(recipe)
        if recipe.data.num_strong:
            raise ConfigError(
                f"data.num_strong={recipe.data.num_strong}: NegCLIP takes one view; set it to 0"
            )
