"""The papers on MoCo on two gloo processes equal one process with the whole batch (float64)."""

import pytest
import torch

from common.config.schema import OptimizerConfig
from common.data.images.config import ImageFacts
from papers.feature_transformation.config import GRANULARITIES, FeatureTransformationConfig
from papers.feature_transformation.module import FeatureTransformation
from papers.hard_contrastive.config import HardContrastiveConfig
from papers.hard_contrastive.module import HardContrastive
from papers.mochi.config import MoCHiConfig
from papers.mochi.module import MoCHi
from tests.gloo import assert_equal_to_one_process
from tests.system.test_method_processes import HEAD, QUEUE, SEED, train_module

SHARED = {**HEAD, **QUEUE, "batch_norm_groups": 1, "symmetric": True}
MIXTURES = {"num_hard": 16, "num_key_mixtures": 4, "num_query_mixtures": 3, "warmup_epochs": 0}
CASES = [
    (HardContrastive, HardContrastiveConfig(**SHARED, hard_share=0.2)),
    (HardContrastive, HardContrastiveConfig(**SHARED, hard_share=0.2, loss="simple")),
    (MoCHi, MoCHiConfig(**SHARED, **MIXTURES)),
    *(
        (FeatureTransformation, FeatureTransformationConfig(**SHARED, granularity=granularity))
        for granularity in GRANULARITIES
    ),
]


def train_all() -> list[dict[str, torch.Tensor]]:
    found = []
    for kind, config in CASES:
        torch.manual_seed(SEED)
        module = kind(config, OptimizerConfig(lr=0.05), ImageFacts(channels=1))
        found.append(train_module(module.double()))
    return found


@pytest.mark.distributed
def test_loss_gradient_and_state_are_those_of_one_process() -> None:
    assert_equal_to_one_process(train_all)
