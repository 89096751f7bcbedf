"""SimLAP and momentum Hydra on two gloo processes equal one with the whole batch (float64)."""

from types import SimpleNamespace

import pytest
import torch

from common.config import OptimizerConfig
from common.data.pictures.batch import PictureBatch
from common.data.pictures.config import PictureConfig, PictureFacts, ViewConfig
from common.data.pictures.views import make_view_batch
from common.data.sampler import EpochBatchSampler
from common.distributed.reduce import all_reduce_sum, rank, world_size
from common.optim.build import build_optimizer
from papers.hydra.config import HydraConfig, SimLAPConfig
from papers.hydra.module import SimLAP
from papers.hydra.momentum import Hydra
from tests.gloo import assert_equal_to_one_process

SEED, BATCH, STEPS = 3, 16, 3
PICTURES = torch.rand(BATCH * STEPS, 1, 12, 12, generator=torch.Generator().manual_seed(SEED))
# Unlike numbers of each class, so that the processes have unlike numbers of positives.
LABELS = torch.arange(BATCH * STEPS).square() % 7
FACTS = PictureFacts(channels=1, size=12, num_classes=7, num_samples=BATCH * STEPS)
SMALL = {
    "backbone": "small_conv",
    "projector_layers": 2,
    "hidden_dim": 16,
    "output_dim": 8,
    "gate_embedding_dim": 6,
    "gate_hidden_dim": 10,
}
CASES = {
    "views": (SimLAP, SimLAPConfig(**SMALL, learn_scale=True), 2),
    "pooled": (SimLAP, SimLAPConfig(**SMALL, contrast="pooled", online_head=True, form="B"), 1),
    "distinct": (SimLAP, SimLAPConfig(**SMALL, pairs="distinct", reduction="macro"), 2),
    "momentum": (Hydra, HydraConfig(**SMALL, entropy_weight=0.1), 2),
}


def make_module(name):
    torch.manual_seed(SEED)
    kind, method, _ = CASES[name]
    module = kind(method, OptimizerConfig(lr=0.05), FACTS).double()
    module.log = lambda *_, **__: None
    module._trainer = SimpleNamespace(log_every_n_steps=0)
    return module


def make_batches(views):
    config = PictureConfig(batch_size=BATCH, views=[ViewConfig(count=views, size=12, noise=0.05)])
    for key in EpochBatchSampler(len(PICTURES), BATCH, SEED, rank(), world_size()):
        plain = PictureBatch(PICTURES[key.rows].double(), LABELS[key.rows], key)
        made = make_view_batch(plain, config, SEED)
        yield made._replace(views=[view.double() for view in made.views])


def train(name):
    """Returns losses, gradients and state; gradients are averaged as DDP averages them."""
    module = make_module(name)
    optimizer = build_optimizer(module.parameters(), module.optimizer)
    found = {}
    for step, batch in enumerate(make_batches(CASES[name][2])):
        optimizer.zero_grad()
        loss = module.training_step(batch, step)
        loss.backward()
        found[f"loss{step}"] = all_reduce_sum(loss) / world_size()
        for parameter_name, p in module.named_parameters():
            if p.requires_grad:
                p.grad = all_reduce_sum(p.grad) / world_size()
                found[f"{step}.grad.{parameter_name}"] = p.grad.clone()
        optimizer.step()
        if isinstance(module, Hydra):
            module.follow(0.9)
    return found | {f"state.{key}": value for key, value in module.state_dict().items()}


def train_all():
    return [train(name) for name in CASES]


@pytest.mark.distributed
def test_loss_gradient_and_parameters_are_those_of_one_process():
    assert all(len(whole) > 40 for whole in assert_equal_to_one_process(train_all))
