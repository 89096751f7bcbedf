"""SimLAP and momentum Hydra on two gloo processes equal one with the whole batch (float64)."""

from types import SimpleNamespace

import pytest
import torch

from common.config.schema import OptimizerConfig
from common.data.images.config import ImageConfig, ImageFacts, ViewConfig
from papers.hydra.config import HydraConfig, SimLAPConfig
from papers.hydra.module import SimLAP
from papers.hydra.momentum import Hydra
from tests.gloo import assert_equal_to_one_process
from tests.samples import SMALL_HYDRA as SMALL
from tests.training import train_as_ddp, view_batches

SEED, BATCH, STEPS = 3, 16, 3
IMAGES = torch.rand(BATCH * STEPS, 1, 12, 12, generator=torch.Generator().manual_seed(SEED))
# Unlike numbers of each class, so that the processes have unlike numbers of positives.
LABELS = torch.arange(BATCH * STEPS).square() % 7
FACTS = ImageFacts(channels=1, size=12, num_classes=7, num_samples=BATCH * STEPS)
CASES = {
    "views": (SimLAP, SimLAPConfig(**SMALL, learn_scale=True), 2),
    "pooled": (SimLAP, SimLAPConfig(**SMALL, contrast="pooled", online_head=True, form="B"), 1),
    "distinct": (SimLAP, SimLAPConfig(**SMALL, pairs="distinct", reduction="macro"), 2),
    "momentum": (Hydra, HydraConfig(**SMALL, entropy_weight=0.1, momentum=0.8), 2),
}


def train(name):
    torch.manual_seed(SEED)
    kind, method, views = CASES[name]
    module = kind(method, OptimizerConfig(lr=0.05), FACTS).double()
    module._trainer = SimpleNamespace(estimated_stepping_batches=STEPS)
    module.on_train_start()
    made = [ViewConfig(count=views, size=12, noise=0.05)]
    config = ImageConfig(batch_size=BATCH, views=made)
    return train_as_ddp(module, view_batches(IMAGES, config, SEED, LABELS))


def train_all():
    return [train(name) for name in CASES]


@pytest.mark.distributed
def test_loss_gradient_and_parameters_are_those_of_one_process():
    assert all(len(whole) > 40 for whole in assert_equal_to_one_process(train_all))
