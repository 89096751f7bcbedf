"""The ``method:`` sections of methods on images with texts. Imports no torch."""

from dataclasses import dataclass, field
from typing import Any

from common.backbones.text_tower_config import TextTowerConfig
from common.errors import ConfigError
from common.registry import BACKBONES
from common.settings import setting

# Weights that are for QuickGELU; with the usual GELU they lose several points without a sign.
QUICK_TAG, QUICK_NAME = "openai", "quickgelu"


@dataclass
class TwoTowerConfig:
    """An encoder of images and one of texts; defaults: CLIP's (arXiv 2103.00020, section 2.4)."""

    # An architecture of the library open_clip, such as ViT-B-32-quickgelu, in place of the encoders
    # below. Null: those below.
    open_clip: str | None = None
    # Weights to start from; null: none. With `open_clip` a tag of that library, such as openai, or
    # a file, for both encoders. Else a file or "pretrained", for the encoder of images alone.
    initial_weights: str | None = setting(None, names_file=True)
    backbone: str = setting("resnet50", choices=BACKBONES)
    width: int = setting(1, at_least=1)
    stem: str = setting("imagenet", choices=("imagenet", "cifar", "deep"))
    text: TextTowerConfig = field(default_factory=TextTowerConfig)
    # Width of the common space, to which each encoder has a linear projector without bias.
    dim: int = setting(512, at_least=1)
    # Scores are cosines times this scale: at the start (1 / 0.07), or always where it is fixed. A
    # learnt one stays between 1 and 100 (section 2.5).
    scale: float = setting(1 / 0.07, above=0)
    fixed_scale: bool = False
    # The rate rises over so many optimizer steps, its t-th is (t + 1) / warmup_batches of the full
    # one; 0: optimizer.warmup_epochs tells.
    warmup_batches: int = setting(0, at_least=0)
    # AdamW's epsilon; the paper has 1e-6 for vision transformers (from memory, UNVERIFIED).
    adam_eps: float = setting(1e-8, above=0)
    # No effect on one process.
    sync_batch_norm: bool = True

    def check(self, recipe: Any) -> None:
        """Raises `ConfigError` for what other sections of the recipe rule out."""
        self.check_open_clip(recipe)
        if self.warmup_batches and recipe.optimizer.warmup_epochs:
            raise ConfigError(
                "method.warmup_batches, optimizer.warmup_epochs: set one of them to 0"
            )

    def check_open_clip(self, recipe: Any) -> None:
        """Raises `ConfigError` for weights of another activation or texts of other tokens."""
        if self.open_clip is None:
            return
        if self.initial_weights == QUICK_TAG and QUICK_NAME not in self.open_clip:
            raise ConfigError(
                f"method.open_clip={self.open_clip}: the weights {QUICK_TAG} need QuickGELU; add "
                f"-{QUICK_NAME} to the name"
            )
        if recipe.data.tokenizer != "clip_bpe":
            raise ConfigError(
                f"data.tokenizer={recipe.data.tokenizer}: method.open_clip reads clip_bpe alone"
            )


@dataclass
class CLIPConfig(TwoTowerConfig):
    """Plain CLIP (arXiv 2103.00020, section 2.3)."""

    # Share of the target that is spread over all of the batch.
    label_smoothing: float = setting(0.0, at_least=0, below=1)
    # Weight of the direction from images to texts; the other one has the rest.
    image_weight: float = setting(0.5, at_least=0, at_most=1)

    def check(self, recipe: Any) -> None:
        """Raises `ConfigError` for views and captions that CLIP does not use, too."""
        super().check(recipe)
        for name, unused in (("num_strong", 0), ("hard_captions", []), ("hard_images", 0)):
            value = getattr(recipe.data, name)
            if value != unused:
                raise ConfigError(f"data.{name}={value}: CLIP takes images and their texts alone")
