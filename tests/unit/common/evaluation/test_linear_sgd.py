import math

import pytest
import torch
import torch.nn.functional as F

from common.distributed.draws import keyed_generator
from common.evaluation.accuracy import Curve
from common.evaluation.features import ImageInputs
from common.evaluation.image_config import CropConfig, LinearSgdConfig
from common.evaluation.linear_sgd import LINEAR_SGD_STREAM, evaluate_linear_sgd
from common.evaluation.run_protocols import run_protocols
from tests.recipes import evaluation

AS_STORED = CropConfig(area=[1.0, 1.0], flip=0.0)


def plain_sgd(inputs, settings, seed):
    """The protocol on whole batches, written out: momentum, decay and rate by hand."""
    features, steps = inputs.features, settings.epochs
    generator = keyed_generator(seed, LINEAR_SGD_STREAM)
    weight = 0.01 * torch.randn(8, features.train_x.shape[1], generator=generator)
    weights, speeds = [weight, torch.zeros(8)], [0.0, 0.0]
    curve = Curve()
    for epoch in range(steps):
        lr = settings.lr * (1 + math.cos(math.pi * epoch / steps)) / 2
        if settings.milestones:
            lr = settings.lr * settings.decay ** sum(epoch >= end for end in settings.milestones)
        variables = [w.detach().requires_grad_() for w in weights]
        loss = F.cross_entropy(F.linear(features.train_x, *variables), features.train_y)
        gradients = torch.autograd.grad(loss, variables)
        for i, gradient in enumerate(gradients):
            decayed = gradient + settings.weight_decay * weights[i]
            speeds[i] = settings.momentum * speeds[i] + decayed
            weights[i] = weights[i] - lr * speeds[i]
        curve.add(F.linear(features.test_x, *weights), features.test_y)
    return curve.metrics("linear_sgd")


@pytest.mark.parametrize("milestones", [[], [2, 4]])
def test_is_sgd_with_momentum_decay_and_a_rate_that_falls_by_epochs(inputs, milestones):
    sizes = {"epochs": 6, "batch_size": 120, "lr": 2.0, "weight_decay": 0.01, "decay": 0.5}
    settings = LinearSgdConfig(**sizes, milestones=milestones, crop=AS_STORED)
    with torch.no_grad():
        found = evaluate_linear_sgd(inputs, settings, 3)
    assert found == pytest.approx(plain_sgd(inputs, settings, 3), abs=1e-3)
    assert 20 < found["linear_sgd_top1"] < 100, "neither chance nor certain: it can differ"


def test_depends_on_its_seed_alone_and_leaves_the_module(inputs):
    settings = LinearSgdConfig(epochs=2, batch_size=50, lr=2.0)
    before = {name: array.clone() for name, array in inputs.module.state_dict().items()}
    inputs.module.train()
    random = torch.get_rng_state()
    first = evaluate_linear_sgd(inputs, settings, 1)
    assert first == evaluate_linear_sgd(inputs, settings, 1)
    assert first != evaluate_linear_sgd(inputs, settings, 2)
    assert torch.equal(random, torch.get_rng_state())
    assert inputs.module.training
    after = inputs.module.state_dict()
    assert all(torch.equal(array, after[name]) for name, array in before.items())


def test_the_best_epoch_is_the_first_with_the_highest_top1():
    curve = Curve()
    labels = torch.tensor([0, 1])
    for scores in ([1, 2, 3, 4, 5, 6], [6, 1, 2, 3, 4, 5], [6, 5, 4, 3, 2, 1], [1, 2, 3, 4, 5, 6]):
        curve.add(torch.tensor([scores, scores]).float(), labels)
    expected = {"x_top1": 0.0, "x_best_top1": 50.0, "x_best_top5": 50.0}
    assert curve.metrics("x") == expected, "the second epoch, in which label 1 is sixth"


def test_features_are_embedded_once_and_only_when_they_are_used(inputs, monkeypatch):
    calls = []
    monkeypatch.setattr(inputs.module, "embed", lambda x: calls.append(len(x)) or x.flatten(1))
    config = evaluation("swav")
    config.knn.k = 5
    config.linear.epochs = config.few_label.draws = 1
    metrics = run_protocols(["knn", "linear", "few-label"], inputs, config, 0, "test/")
    assert calls == [120, 80] and {"test/knn_top1", "test/nn_top1@5"} <= metrics.keys()


def test_an_encoder_without_a_module_skips_what_trains_on_images(inputs):
    config = evaluation("swav")
    config.knn.k = 5
    given = ImageInputs(None, inputs.train, inputs.test)
    names = ["knn", "finetune", "linear-sgd"]
    assert list(run_protocols(names, given, config, 0, "")) == ["knn_top1"]
    unused = ImageInputs(None, None, None)
    assert run_protocols(["linear-sgd"], unused, config, 0, "") == {}
