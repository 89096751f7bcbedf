import copy

import pytest
import torch
from torch import nn

from common.config.schema import OptimizerConfig
from common.errors import ConfigError
from common.optim.build import build_optimizer, configure, parameter_groups
from common.optim.lars import LARC, LARS


def make_model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Linear(3, 2))


def train(model: nn.Module, optimizer: torch.optim.Optimizer, steps: int = 3) -> list[torch.Tensor]:
    x = torch.randn(16, 4, generator=torch.Generator().manual_seed(1))
    for _ in range(steps):
        optimizer.zero_grad()
        model(x).square().mean().backward()
        optimizer.step()
    return [p.detach().clone() for p in model.parameters()]


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw", "lars", "larc"])
def test_every_name_builds_and_moves_the_weights(name):
    model = make_model()
    before = [p.detach().clone() for p in model.parameters()]
    after = train(model, build_optimizer(model.parameters(), OptimizerConfig(name=name)))
    assert all(torch.isfinite(p).all() for p in after)
    assert not torch.equal(before[0], after[0])


def test_excluded_biases_and_norms_have_no_decay():
    model = make_model()
    matrices, vectors = parameter_groups(model.parameters(), 0.1, exclude_1d=True)
    assert [p.ndim for p in matrices["params"]] == [2, 2]
    assert {p.ndim for p in vectors["params"]} == {1}
    assert (matrices["weight_decay"], vectors["weight_decay"]) == (0.1, 0.0)
    assert len(parameter_groups(model.parameters(), 0.1, exclude_1d=False)) == 1


def test_frozen_parameters_are_left_out():
    model = make_model()
    model[0].weight.requires_grad_(False)
    (group,) = parameter_groups(model.parameters(), 0.0, exclude_1d=False)
    assert model[0].weight not in set(group["params"])


@pytest.mark.parametrize("name", ["larc", "lars"])
def test_layerwise_without_adaptation_is_torch_sgd(name):
    options = {"lr": 0.1, "momentum": 0.9, "nesterov": True}
    reference = make_model()
    expected = train(reference, torch.optim.SGD(reference.parameters(), **options))
    model = make_model()
    group = {"params": list(model.parameters()), "adapt": False}
    kind = {"larc": LARC, "lars": LARS}[name]
    got = train(model, kind([group], **options))
    for a, b in zip(got, expected, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("eps", [0.0, 1e-8])
def test_lars_decays_a_weight_without_gradient_as_the_official_codes_do(eps):
    config = OptimizerConfig(name="lars", lr=0.04, weight_decay=1e-5, trust_eps=eps)
    weight = nn.Parameter(torch.arange(1.0, 65, dtype=torch.float64).reshape(8, 8))
    before, weight.grad = weight.detach().clone(), torch.zeros_like(weight)
    optimizer = build_optimizer([weight], config)
    optimizer.step()
    # The decayed gradient is wd w: its norm cancels, and a trust's share of the rate is left.
    decayed_norm = 1e-5 * before.norm()
    share = 0.001 * decayed_norm / (decayed_norm + eps)
    torch.testing.assert_close(weight.detach(), (1 - 0.04 * share) * before, rtol=1e-14, atol=0)
    assert optimizer.state[weight]["momentum_buffer"].all()


def test_lars_without_eps_leaves_a_weight_that_is_zero_and_has_no_gradient():
    weight = nn.Parameter(torch.zeros(2, 2))
    weight.grad = torch.zeros(2, 2)
    LARS([weight], lr=0.1, weight_decay=0.1, eps=0.0).step()
    assert torch.equal(weight.detach(), torch.zeros(2, 2))


def test_larc_clipped_and_without_vectors_is_the_lars_of_solo_learn():
    # Its LARS: eta |p| / (|g| + wd |p| + eps), over lr and at most 1; biases and norms plain.
    config = OptimizerConfig(
        name="larc", lr=0.6, weight_decay=1e-2, trust_coefficient=0.02, clip=True, exclude_1d=True
    )
    matrix = nn.Parameter(torch.tensor([[3.0, 4.0]]))
    close, vector = nn.Parameter(torch.tensor([[0.3, 0.4]])), nn.Parameter(torch.tensor([2.0]))
    before = [p.detach().clone() for p in (matrix, close, vector)]
    matrix.grad, vector.grad = torch.tensor([[6.0, 8.0]]), torch.tensor([0.5])
    close.grad = torch.tensor([[3e-3, 4e-3]])  # so small that the ratio is clipped at 1
    build_optimizer([matrix, close, vector], config).step()
    ratio = 0.02 * 5 / (10 + 0.01 * 5 + 1e-8) / 0.6
    decayed = matrix.grad + 0.01 * before[0]
    torch.testing.assert_close(matrix.detach(), before[0] - 0.6 * ratio * decayed)
    torch.testing.assert_close(close.detach(), before[1] - 0.6 * (close.grad + 0.01 * before[1]))
    torch.testing.assert_close(vector.detach(), before[2] - 0.6 * vector.grad)


def test_layerwise_state_resumes_to_the_bit():
    model, twin = make_model(), make_model()
    config = OptimizerConfig(name="larc", lr=0.3, weight_decay=1e-4)
    first = build_optimizer(model.parameters(), config)
    train(model, first, steps=2)
    twin.load_state_dict(model.state_dict())
    second = build_optimizer(twin.parameters(), config)
    second.load_state_dict(copy.deepcopy(first.state_dict()))
    for a, b in zip(train(model, first), train(twin, second), strict=True):
        assert torch.equal(a, b)


def test_nesterov_without_momentum_is_refused():
    for change in ({"name": "adam"}, {"momentum": 0.0}):
        with pytest.raises(ConfigError, match=r"optimizer\.nesterov"):
            build_optimizer(make_model().parameters(), OptimizerConfig(nesterov=True, **change))


class FakeTrainer:
    max_epochs, num_training_batches, accumulate_grad_batches = 3, 7, 2
    estimated_stepping_batches = 12


def test_the_schedule_counts_optimizer_steps_not_batches():
    config = OptimizerConfig(schedule="cosine", lr=0.1)
    made = configure(make_model().parameters(), config, FakeTrainer())
    assert len(made["lr_scheduler"]["scheduler"].table) == 12
    assert made["lr_scheduler"]["interval"] == "step"
