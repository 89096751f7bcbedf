"""Momentum encoders against the formula, written out for one weight."""

from itertools import pairwise

import pytest
import torch
from torch import nn

from common.optim.ema import cosine_momentum, momentum_copy, update_momentum


def test_the_average_is_the_geometric_sum_of_past_weights() -> None:
    online = nn.Linear(1, 1, bias=False).double()
    average = momentum_copy(online)
    start = average.weight.item()
    weights = [0.5, -2.0, 3.0]
    for weight in weights:
        nn.init.constant_(online.weight, weight)
        update_momentum(average, online, 0.9)
    expected = 0.9**3 * start + sum(0.1 * 0.9 ** (2 - i) * w for i, w in enumerate(weights))
    assert average.weight.item() == pytest.approx(expected, rel=1e-12)


def test_the_copy_takes_no_gradient_and_shares_no_memory() -> None:
    online = nn.Linear(3, 2)
    average = momentum_copy(online)
    assert not any(p.requires_grad for p in average.parameters())
    with torch.no_grad():
        online.weight.add_(1)
    assert not torch.equal(average.weight, online.weight)


def test_batch_norm_statistics_of_the_average_are_its_own() -> None:
    online = nn.BatchNorm1d(4)
    average = momentum_copy(online)
    online(torch.randn(8, 4) + 5)
    update_momentum(average, online, 0.0)
    assert torch.equal(average.running_mean, torch.zeros(4))
    assert torch.equal(average.weight, online.weight)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_weights_of_16_bits_are_averaged_in_float32_and_rounded_once(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    online = nn.Linear(64, 64).to(dtype)
    average = momentum_copy(nn.Linear(64, 64).to(dtype))
    wide = 0.996 * average.weight.float() + (1 - 0.996) * online.weight.float()
    update_momentum(average, online, 0.996)
    assert average.weight.dtype == dtype
    assert torch.equal(average.weight, wide.to(dtype))


def test_the_cosine_goes_from_its_base_to_one() -> None:
    values = [cosine_momentum(0.99, update, 100) for update in range(101)]
    assert values[0] == pytest.approx(0.99) and values[-1] == 1.0
    assert values[50] == pytest.approx(0.995)
    assert all(a < b for a, b in pairwise(values))
    assert cosine_momentum(0.99, 200, 100) == 1.0
