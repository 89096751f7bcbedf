import math

import pytest
import torch

from common.config.schema import OptimizerConfig
from common.data.sampler import BatchKey
from common.data.targets.regression.config import RegressionFacts
from common.data.targets.regression.views import RegressionBatch
from papers.supremix.baselines import RankNContrast, Regressor, rank_n_contrast
from papers.supremix.config import RankNContrastConfig, RegressorConfig
from tests.training import losses_of

FACTS = RegressionFacts((4,), 100, 20.0, 5.0, 30.0)
LABELS = torch.tensor([3.0, 1.0, 4.0, 1.0, 5.5], dtype=torch.float64)


def make_batch(size=16, views=2):
    generator = torch.Generator().manual_seed(1)
    inputs = torch.randn(views, size, 4, generator=generator)
    targets = 20 + 5 * inputs.mean(0).sum(1)
    return RegressionBatch(inputs, targets, BatchKey(torch.arange(size), 0, 0, 0, size))


def make(**options):
    torch.manual_seed(0)
    config = RegressorConfig(backbone="mlp", **options)
    return Regressor(config, OptimizerConfig(name="adam", lr=1e-2), FACTS)


def naive_rank_n_contrast(h, labels, temperature):
    flat, y = h.flatten(0, 1), labels.repeat(len(h)).tolist()
    losses = []
    for i in range(len(flat)):
        others = [j for j in range(len(flat)) if j != i]
        score = {j: -(flat[i] - flat[j]).norm() / temperature for j in others}
        for j in others:
            farther = [k for k in others if abs(y[i] - y[k]) >= abs(y[i] - y[j])]
            losses.append(torch.stack([score[k] for k in farther]).logsumexp(0) - score[j])
    return torch.stack(losses).mean()


def test_rank_n_contrast_is_its_equation():
    generator = torch.Generator().manual_seed(0)
    h = torch.randn(2, 5, 3, generator=generator, dtype=torch.float64).requires_grad_()
    ours, expected = rank_n_contrast(h, LABELS, 0.7), naive_rank_n_contrast(h, LABELS, 0.7)
    torch.testing.assert_close(ours, expected)
    gradients = [torch.autograd.grad(value, h)[0] for value in (ours, expected)]
    torch.testing.assert_close(*gradients)


def test_rank_n_contrast_prefers_features_in_the_order_of_labels():
    labels = torch.arange(6.0)
    line = labels.repeat(2)[:, None].view(2, 6, 1) * 3
    shuffled = line[:, [3, 0, 5, 1, 4, 2]]
    assert rank_n_contrast(line, labels, 1.0) < rank_n_contrast(shuffled, labels, 1.0) - 1


@pytest.mark.parametrize("loss", ["l1", "mse"])
def test_a_step_is_the_error_in_deviations_of_the_label(loss):
    module, batch = make(loss=loss), make_batch()
    error = (module.predict(batch.inputs.flatten(0, 1)) - batch.targets.repeat(2)) / 5
    expected = error.abs().mean() if loss == "l1" else error.square().mean()
    torch.testing.assert_close(module.training_step(batch, 0), expected)
    assert int(module.batches_seen) == 1


def test_it_starts_near_the_mean_label_and_learns():
    module, batch = make(), make_batch()
    losses = losses_of(module, [batch] * 60)
    assert losses[0] < 2 and losses[-1] < losses[0] / 3


def test_partners_have_near_labels_and_labels_are_mixed_as_inputs_are():
    module = make(mixup=True, bandwidth=0.1)
    y = torch.tensor([0.0, 0.1, 50.0, 50.1])
    x = y[:, None].repeat(1, 4)
    for _ in range(20):
        mixed_x, mixed_y = module.mixed(x, y, torch.arange(4))
        torch.testing.assert_close(mixed_x[:, 0], mixed_y)
        assert (mixed_y - y).abs().max() <= 0.1 + 1e-5
        module.batches_seen += 1
    # Nobody is near: the sample stays as it is.
    apart = torch.tensor([0.0, 1e4, 2e4, 3e4])
    torch.testing.assert_close(module.mixed(x, apart, torch.arange(4))[1], apart)


def test_mixing_is_a_function_of_seed_and_position():
    batch = make_batch()
    first, again = make(mixup=True), make(mixup=True)
    assert float(first.training_step(batch, 0)) == float(again.training_step(batch, 0))
    assert float(first.training_step(batch, 0)) != float(make(mixup=True).training_step(batch, 0))


def test_rank_n_contrast_stands_alone():
    module = RankNContrast(RankNContrastConfig(backbone="mlp"), None, FACTS)
    loss = module.training_step(make_batch(), 0)
    assert 0 < float(loss) < math.log(31) + 1 and int(module.batches_seen) == 1
    assert module.embed(torch.rand(3, 4)).shape == (3, module.backbone.num_features)
