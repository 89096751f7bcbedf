"""SimCLR and the supervised reference as modules."""

import pytest
import torch

from common.config import OptimizerConfig
from common.data.pictures.batch import ViewBatch
from common.data.pictures.config import PictureFacts
from common.errors import DataError
from common.losses.infonce import nt_xent
from common.methods.config import SimCLRConfig, SupervisedConfig
from common.methods.simclr import SimCLR
from common.methods.supervised import Supervised
from common.optim.build import build_optimizer

FACTS = PictureFacts(channels=1, size=12, num_classes=3, num_samples=24)
OPTIMIZER = OptimizerConfig(name="adam", lr=0.01)


def make_batch(num_views=2):
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(12) % 3
    # Class-dependent brightness, so that there is something to learn.
    pictures = torch.rand(12, 1, 12, 12, generator=generator) + labels[:, None, None, None]
    views = [pictures + 0.1 * torch.randn(pictures.shape, generator=generator)] * num_views
    return ViewBatch(views, labels, None, [])


def make(kind, config):
    torch.manual_seed(0)
    return kind(config, OPTIMIZER, FACTS)


def losses_of(module, steps=30):
    optimizer = build_optimizer(module.parameters(), module.optimizer)
    found = []
    for _ in range(steps):
        loss = module.training_step(make_batch(), 0)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        found.append(float(loss.detach()))
    return found


@pytest.mark.parametrize(
    ("kind", "config"),
    [
        (SimCLR, SimCLRConfig(backbone="small_conv", hidden_dim=16, output_dim=8)),
        (Supervised, SupervisedConfig(backbone="small_conv")),
    ],
)
def test_learns_and_counts_batches(kind, config):
    module = make(kind, config)
    losses = losses_of(module)
    assert losses[-1] < 0.7 * losses[0]
    assert int(module.batches_seen) == len(losses)
    assert module.embed(make_batch().views[0]).shape == (12, 64)


def test_simclr_is_nt_xent_of_both_views_in_one_pass():
    module = make(SimCLR, SimCLRConfig(backbone="small_conv", hidden_dim=16, output_dim=8))
    batch = make_batch()
    loss = module.training_step(batch, 0)
    # Batch norm over both views: the same statistics as of one pass.
    z = module.projector(module.backbone(torch.cat(batch.views)))
    torch.testing.assert_close(loss, nt_xent(*z.chunk(2), module.method.temperature))


def test_supervised_takes_any_number_of_views():
    module = make(Supervised, SupervisedConfig(backbone="small_conv"))
    assert torch.isfinite(module.training_step(make_batch(3), 0))


def test_supervised_refuses_pictures_without_labels():
    facts = PictureFacts(channels=1, num_classes=0)
    with pytest.raises(DataError, match="no labels to learn"):
        Supervised(SupervisedConfig(backbone="small_conv"), OPTIMIZER, facts)


@pytest.mark.parametrize("kind", [SimCLR, Supervised])
def test_stands_alone_with_the_papers_values(kind):
    with torch.device("meta"):
        module = kind()
    assert module.backbone.num_features == 2048
