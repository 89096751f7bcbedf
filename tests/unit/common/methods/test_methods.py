"""The shared methods as modules: they learn, count, stand alone and remember all they need."""

from copy import deepcopy

import pytest
import torch

from common.config.schema import OptimizerConfig
from common.data.images.batch import ViewBatch
from common.data.images.config import ImageFacts
from common.errors import DataError
from common.losses.consistency import simsiam
from common.losses.infonce import nt_xent
from common.methods.barlow_twins import BarlowTwins
from common.methods.config import (
    BarlowTwinsConfig,
    MoCoConfig,
    SimCLRConfig,
    SimSiamConfig,
    SupConConfig,
    SupervisedConfig,
)
from common.methods.moco import MoCo
from common.methods.simclr import SimCLR
from common.methods.simsiam import SimSiam
from common.methods.supcon import SupCon
from common.methods.supervised import Supervised
from tests.training import assert_same_step, losses_of

FACTS = ImageFacts(channels=1, size=12, num_classes=3, num_samples=24)
OPTIMIZER = OptimizerConfig(name="adam", lr=0.01)
HEAD = {"backbone": "small_conv", "hidden_dim": 16, "output_dim": 8}
MOCO = MoCoConfig(**HEAD, queue_length=36, momentum=0.9, batch_norm_groups=1)
CASES = [
    (SimCLR, SimCLRConfig(**HEAD)),
    (MoCo, MOCO),
    (MoCo, MoCoConfig(**HEAD, queue_length=48, batch_norm_groups=3, symmetric=True)),
    (SimSiam, SimSiamConfig(**HEAD, predictor_dim=4)),
    (BarlowTwins, BarlowTwinsConfig(**HEAD)),
    (Supervised, SupervisedConfig(backbone="small_conv")),
]


def make_batch(num_views=2):
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(12) % 3
    # Class-dependent brightness, so that there is something to learn.
    images = torch.rand(12, 1, 12, 12, generator=generator) + labels[:, None, None, None]
    views = [images + 0.1 * torch.randn(images.shape, generator=generator)] * num_views
    return ViewBatch(views, labels, None, [])


def make(kind, config):
    torch.manual_seed(0)
    return kind(config, OPTIMIZER, FACTS)


@pytest.mark.parametrize(
    # MoCo's loss rises while random keys in the queue give way to real ones: see test_moco.py.
    ("kind", "config"),
    [case for case in CASES if case[0] is not MoCo],
)
def test_learns_and_counts_batches(kind, config):
    module = make(kind, config)
    losses = losses_of(module, [make_batch()] * 30)
    # SimSiam's loss goes from about 0 to -1, the others' to 0.
    assert losses[-1] < (losses[0] - 0.4 if kind is SimSiam else 0.7 * losses[0])
    assert int(module.batches_seen) == len(losses)
    assert module.embed(make_batch().views[0]).shape == (12, 64)


@pytest.mark.parametrize("together", [True, False])
def test_simclr_is_nt_xent_of_both_views_in_one_pass_or_two(together):
    module = make(SimCLR, SimCLRConfig(**HEAD, views_together=together))
    batch = make_batch()
    # Batch norm takes the statistics of what passes together.
    batch = batch._replace(views=[batch.views[0], 2 * batch.views[1].flip(3)])
    loss = module.training_step(batch, 0)
    passes = [torch.cat(batch.views)] if together else batch.views
    z = torch.cat([module.project(images) for images in passes])
    torch.testing.assert_close(loss, nt_xent(*z.chunk(2), module.method.temperature))


def test_supervised_takes_any_number_of_views():
    module = make(Supervised, SupervisedConfig(backbone="small_conv"))
    assert torch.isfinite(module.training_step(make_batch(3), 0))


def test_supervised_keeps_float64():
    module = make(Supervised, SupervisedConfig(backbone="small_conv")).double()
    batch = make_batch()
    batch = batch._replace(views=[view.double() for view in batch.views])
    assert module.training_step(batch, 0).dtype == torch.float64


def test_supervised_refuses_images_without_labels():
    facts = ImageFacts(channels=1, num_classes=0)
    with pytest.raises(DataError, match="no labels to learn"):
        Supervised(SupervisedConfig(backbone="small_conv"), OPTIMIZER, facts)


def test_methods_that_learn_from_labels_say_how_to_leave_unlabelled_images_out():
    facts = ImageFacts(channels=1, num_classes=3, num_samples=50, num_unlabelled=40)
    for kind, config in (
        (Supervised, SupervisedConfig(backbone="small_conv")),
        (SupCon, SupConConfig(**HEAD)),
    ):
        with pytest.raises(DataError, match=r"40.*50.*data\.labelled_only=true"):
            kind(config, OPTIMIZER, facts)


@pytest.mark.parametrize(("kind", "config"), CASES)
def test_all_that_the_next_step_reads_is_in_the_state(kind, config):
    module = make(kind, config)
    losses_of(module, [make_batch()] * 3)
    twin = kind(config, OPTIMIZER, FACTS)
    twin.load_state_dict(module.state_dict())
    assert int(twin.batches_seen) == 3
    assert torch.equal(module.training_step(make_batch(), 3), twin.training_step(make_batch(), 3))


def test_simsiam_predicts_each_view_from_the_other():
    module = make(SimSiam, SimSiamConfig(**HEAD, predictor_dim=4))
    first, second = make_batch().views[0], make_batch().views[0].flip(3)
    loss = module.training_step(make_batch()._replace(views=[first, second]), 0)
    z1, z2 = module.project(first), module.project(second)
    expected = simsiam(module.predictor(z1), z1, module.predictor(z2), z2)
    torch.testing.assert_close(loss, expected)


@pytest.mark.parametrize("unbiased", [False, True])
def test_a_whole_step_of_barlow_twins_is_that_of_the_equation(unbiased):
    config = BarlowTwinsConfig(**HEAD, off_diagonal_weight=0.3, unbiased_deviation=unbiased)
    module = make(BarlowTwins, config).double()
    twin = deepcopy(module)
    images = make_batch().views[0].double()
    views = [images, 2 * images.flip(3) ** 2]
    loss = module.training_step(make_batch()._replace(views=views), 0)
    columns = []
    for view in views:  # one after the other
        z = twin.projector(twin.backbone(view))
        deviation = z.std(0) + 1e-9 if unbiased else (z.var(0, correction=0) + 1e-5).sqrt()
        columns.append((z - z.mean(0)) / deviation)
    correlations = columns[0].T @ columns[1] / 12
    diagonal = correlations.diagonal()
    expected = ((1 - diagonal) ** 2).sum()
    expected = expected + 0.3 * (correlations - torch.diag(diagonal)).square().sum()
    assert_same_step(module, loss, twin, expected)
