"""Modules on images with texts, each with a plain batch and what `forward` takes."""

from typing import Any

import torch

from common.backbones.text_config import TextTowerConfig
from common.data.image_text.config import ImageTextFacts
from papers.clip_rocket.config import ClipRocketConfig
from papers.clip_rocket.module import ClipRocket
from papers.contrastive_gap.config import ContrastiveGapConfig
from papers.contrastive_gap.module import ContrastiveGap
from papers.negclip.config import NegCLIPConfig
from papers.negclip.module import NegCLIP

FACTS = ImageTextFacts(num_words=30, eot=1, context=6)


def negclip() -> tuple[Any, object, tuple]:
    return of_pairs(NegCLIP, NegCLIPConfig, warmup_batches=0)


def contrastive_gap() -> tuple[Any, object, tuple]:
    return of_pairs(ContrastiveGap, ContrastiveGapConfig)


def clip_rocket() -> tuple[Any, object, tuple]:
    return of_pairs(ClipRocket, ClipRocketConfig, dim=8, projector_dim=16)


def of_pairs(module: Any, config: Any, **method: Any) -> tuple[Any, object, tuple]:
    """Returns a small module of the class, and eight pairs."""
    text = TextTowerConfig(width=8, layers=1, heads=2)
    images, ids = torch.rand(8, 3, 32, 32), torch.randint(2, 30, (8, 6))
    made = module(config(backbone="tiny_conv", text=text, **method), facts=FACTS)
    return made, (images, ids), (images,)
