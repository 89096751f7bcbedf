"""Small modules of the papers on MoCo, each with a plain batch and what it embeds."""

from typing import Any

import torch
from lightning import LightningModule

from papers.feature_transformation.config import FeatureTransformationConfig
from papers.feature_transformation.module import FeatureTransformation
from papers.hard_contrastive.config import HardContrastiveConfig
from papers.hard_contrastive.module import HardContrastive
from papers.mochi.config import MoCHiConfig
from papers.mochi.module import MoCHi

Made = tuple[LightningModule, Any, tuple[Any, ...]]
SMALL: dict[str, Any] = {
    **{"backbone": "small_conv", "hidden_dim": 16, "output_dim": 8},
    **{"queue_length": 32, "batch_norm_groups": 1},
}


def with_batch(module: LightningModule) -> Made:
    views = [torch.rand(8, 3, 16, 16) for _ in range(2)]
    return module, (views, torch.arange(8) % 3), (views[0],)


def hard_contrastive() -> Made:
    return with_batch(HardContrastive(HardContrastiveConfig(**SMALL)))


def mochi() -> Made:
    return with_batch(MoCHi(MoCHiConfig(**SMALL, num_hard=8, warmup_epochs=0)))


def feature_transformation() -> Made:
    return with_batch(FeatureTransformation(FeatureTransformationConfig(**SMALL)))


ON_MOCO = [hard_contrastive, mochi, feature_transformation]
