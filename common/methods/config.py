"""The ``method:`` sections of the shared methods. Imports no torch."""

from dataclasses import dataclass
from typing import Any

from common.errors import ConfigError
from common.registry import BACKBONES
from common.settings import setting


@dataclass
class BackboneConfig:
    """Which encoder of pictures; the fields of `papers.swav.config.SwAVConfig` mean the same."""

    backbone: str = setting("resnet50", choices=BACKBONES)
    width: int = setting(1, at_least=1)
    stem: str = setting("imagenet", choices=("imagenet", "cifar"))
    # No effect on one process.
    sync_batch_norm: bool = True


@dataclass
class SupervisedConfig(BackboneConfig):
    """Cross-entropy on the labels; each view of a picture is a sample."""

    # Share of the target spread over all classes.
    label_smoothing: float = setting(0.0, at_least=0, below=1)


@dataclass
class SimCLRConfig(BackboneConfig):
    """Defaults: ImageNet, Chen et al. 2020 (arXiv 2002.05709), sections 2.2 and B.9."""

    # Projector 2048 -> 2048 -> 128.
    hidden_dim: int = setting(2048, at_least=1)
    output_dim: int = setting(128, at_least=1)
    # Batch norm after the hidden layer; the paper's own text has none, its code has.
    head_batch_norm: bool = True
    # 0.1 is best on ImageNet at batch 4096, 0.5 on CIFAR-10.
    temperature: float = setting(0.1, above=0)

    def check(self, recipe: Any) -> None:
        """Raises `ConfigError` unless the recipe makes two views, and a batch has negatives."""
        views = sum(view.count for view in recipe.data.views)
        if views != 2:
            raise ConfigError(f"data.views: SimCLR contrasts 2 views of a picture, not {views}")
        if recipe.data.batch_size < 2:
            raise ConfigError("data.batch_size: SimCLR's negatives are the other pictures: 2 or up")


@dataclass
class SupConConfig(BackboneConfig):
    """Defaults: ImageNet, Khosla et al. 2020 (arXiv 2004.11362), section 4 and their code."""

    # Projector 2048 -> 2048 -> 128, without batch norm.
    hidden_dim: int = setting(2048, at_least=1)
    output_dim: int = setting(128, at_least=1)
    head_batch_norm: bool = False
    temperature: float = setting(0.1, above=0)
    # Whose class the positives are of: the anchor's own, or (Hydra's ablation) that of another
    # sample of the batch.
    pairs: str = setting("identical", choices=("identical", "arbitrary"))

    def check(self, recipe: Any) -> None:
        """Raises `ConfigError` unless all views pass the network together."""
        sizes = sorted({view.size for view in recipe.data.views})
        if len(sizes) > 1:
            raise ConfigError(f"data.views: SupCon takes views of one size, not of {sizes}")
        if recipe.data.batch_size < 2:
            raise ConfigError("data.batch_size: SupCon contrasts samples of a batch: 2 or up")
