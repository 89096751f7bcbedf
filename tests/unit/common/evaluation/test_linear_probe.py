import torch
from sklearn.linear_model import LogisticRegression

from common.evaluation.image_config import LinearProbeConfig
from common.evaluation.linear_probe import evaluate_linear
from common.evaluation.vectors import FeatureSet


def blobs(num):
    generator = torch.Generator().manual_seed(0)
    centres = torch.randn(4, 6, generator=generator)
    y = torch.arange(num) % 4
    x = centres[y] + 1.2 * torch.randn(num, 6, generator=generator)
    half = num // 2
    return FeatureSet(x[:half], y[:half], x[half:], y[half:])


def test_agrees_with_logistic_regression():
    inputs = blobs(4000)
    std = inputs.standardised()
    model = LogisticRegression(C=1e4).fit(std.train_x.numpy(), std.train_y.numpy())
    expected = 100 * model.score(std.test_x.numpy(), std.test_y.numpy())
    assert abs(evaluate_linear(inputs, LinearProbeConfig(), 0)["linear_top1"] - expected) < 1


def test_repeats_under_no_grad_and_leaves_the_global_state():
    inputs, settings = blobs(600), LinearProbeConfig(epochs=3)
    state = torch.get_rng_state()
    with torch.no_grad():
        first = evaluate_linear(inputs, settings, 1)
    assert first == evaluate_linear(inputs, settings, 1)
    assert torch.equal(state, torch.get_rng_state())
    assert first["linear_train_top1"] > 50


def test_weight_decay_shrinks_the_fit():
    inputs = blobs(600)
    free = evaluate_linear(inputs, LinearProbeConfig(), 0)
    bound = evaluate_linear(inputs, LinearProbeConfig(weight_decay=100.0), 0)
    assert bound["linear_train_top1"] < free["linear_train_top1"]
