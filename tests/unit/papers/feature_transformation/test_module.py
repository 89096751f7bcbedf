"""The module on MoCo: what is drawn, what enters the queue, when it begins."""

from types import SimpleNamespace

import pytest
import torch

from common.config.schema import OptimizerConfig
from common.data.images.batch import ViewBatch
from common.losses.precision import unit
from common.methods.config import MoCoConfig
from common.methods.moco import MoCo
from papers.feature_transformation.config import GRANULARITIES, FeatureTransformationConfig
from papers.feature_transformation.loss import (
    product_contrast,
    transform_negatives,
    transform_positives,
)
from papers.feature_transformation.module import FeatureTransformation
from tests.training import listen

SMALL = {"backbone": "small_conv", "hidden_dim": 16, "output_dim": 8, "queue_length": 24}
SMALL |= {"batch_norm_groups": 1}
SHAPES = {"batch": [(), ()], "row": [(6, 1), (24, 1)], "dimension": [(6, 8), (24, 8)]}


def make_module(**changes):
    torch.manual_seed(0)
    method = FeatureTransformationConfig(**{**SMALL, **changes})
    return FeatureTransformation(method, OptimizerConfig(name="adam", lr=0.01))


def make_batch():
    generator = torch.Generator().manual_seed(1)
    views = [torch.rand(6, 3, 12, 12, generator=generator) for _ in range(2)]
    return ViewBatch(views, torch.zeros(6), None, [])


@pytest.mark.parametrize("granularity", GRANULARITIES)
def test_the_step_is_the_loss_of_transformed_features(granularity):
    module, batch = make_module(granularity=granularity), make_batch()
    queue = module.queue.clone()
    q, k = unit(module.project(batch.views[0])), module.keys(batch.views[1])
    lam, (mu, order) = module.draw_lam(q, 0), module.draw_mu(queue, 0)
    assert [lam.shape, mu.shape] == SHAPES[granularity]
    made = transform_positives(q, k, lam)
    expected = product_contrast(*made, transform_negatives(queue, mu, order), 0.2)
    torch.testing.assert_close(module.training_step(batch, 0), expected)
    torch.testing.assert_close(module.queue[:6], k)
    assert torch.equal(module.queue[6:], queue[6:]), "the mixed queue is not written back"
    assert not torch.equal(module.draw_mu(queue, 0)[1], order), "each batch draws anew"


def test_without_both_transformations_it_is_moco():
    torch.manual_seed(0)
    plain = MoCo(MoCoConfig(**SMALL), OptimizerConfig())
    expected = plain.training_step(make_batch(), 0)
    module = make_module(positives="none", negatives="none")
    torch.testing.assert_close(module.training_step(make_batch(), 0), expected)


def test_before_its_epoch_it_is_moco():
    torch.manual_seed(0)
    plain = MoCo(MoCoConfig(**SMALL), OptimizerConfig())
    module = make_module(from_epoch=1)
    module._trainer = SimpleNamespace(num_training_batches=2, log_every_n_steps=0)
    for step in range(3):
        found, expected = (each.training_step(make_batch(), step) for each in (module, plain))
        assert (float(found) == float(expected)) == (step < 2)


@pytest.mark.parametrize(
    ("changes", "low", "high"),
    [
        ({}, 1.0, 2.0),
        ({"extrapolation_scale": 0.25}, 1.0, 1.25),
        ({"positives": "interpolated"}, 0.0, 1.0),
    ],
)
def test_positives_are_drawn_apart_or_towards_each_other(changes, low, high):
    module = make_module(granularity="dimension", **changes)
    lam = module.draw_lam(torch.zeros(64, 8), 0)
    assert low < float(lam.min()) and float(lam.max()) < high
    assert float(lam.mean()) == pytest.approx((low + high) / 2, abs=0.03)


def test_normalised_positives_have_scores_of_cosines():
    scores = {}
    for normalised in (False, True):
        module = make_module(normalise_positives=normalised, negatives="none")
        scores[normalised] = listen(module)
        module.training_step(make_batch(), 0)
    assert -1 <= scores[True]["scores/positive"] <= 1
    assert scores[True]["scores/positive"] != scores[False]["scores/positive"]
    assert scores[True].keys() >= {"scores/negative_mean", "scores/negative_var"}
