import pytest
import torch
import torch.nn.functional as F

import papers.meow.soft as soft_module
from papers.meow.soft import SoftWeights, pair_logits


def unit(num=30, dim=6, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return F.normalize(torch.randn(num, dim, dtype=torch.float64, generator=generator), dim=1)


def direct_gamma(soft, anchor, other):
    pairs = anchor.unsqueeze(1) + other
    return torch.sigmoid(soft.outer(torch.tanh(soft.inner(pairs)))).squeeze(-1)


def direct_loss(soft, anchor, other, temperature):
    logits = anchor @ other.T / temperature
    total = (direct_gamma(soft, anchor, other) * logits.exp()).sum(1)
    return (total.log() - logits.diagonal()).mean()


@pytest.fixture
def soft():
    torch.manual_seed(0)
    return SoftWeights(6, 5).double()


def test_sides_apart_equal_the_pair_sums(soft):
    anchor, other = unit(seed=1), unit(9, seed=2)
    torch.testing.assert_close(soft(anchor, other), direct_gamma(soft, anchor, other))


@pytest.mark.parametrize("rows", [7, 16, 1000])
def test_loss_and_all_gradients_equal_the_direct_form(monkeypatch, soft, rows):
    monkeypatch.setattr(soft_module, "ROWS_AT_A_TIME", rows)
    anchor, other = unit(seed=1).requires_grad_(), unit(seed=2).requires_grad_()
    watched = [anchor, other, *soft.parameters()]
    found, expected = soft.loss(anchor, other, 0.9), direct_loss(soft, anchor, other, 0.9)
    torch.testing.assert_close(found, expected)
    pairs = zip(
        torch.autograd.grad(found, watched), torch.autograd.grad(expected, watched), strict=True
    )
    for mine, direct in pairs:
        torch.testing.assert_close(mine, direct)


def test_pair_function_has_the_gradient_of_its_definition():
    generator = torch.Generator().manual_seed(0)
    shapes = [(4, 3), (5, 3), (3,), (1,)]
    tensors = [
        torch.randn(shape, dtype=torch.float64, generator=generator, requires_grad=True)
        for shape in shapes
    ]
    assert torch.autograd.gradcheck(pair_logits, tensors)


@pytest.mark.parametrize("size", [30.0, 1e4])
def test_large_arguments_saturate_as_tanh_does(size):
    a = torch.tensor([[size, -size], [0.5, -0.5]], requires_grad=True)
    b = torch.tensor([[-size, size], [size, 0.25]], requires_grad=True)
    weight, bias = torch.tensor([1.0, 0.5]), torch.zeros(1)
    logits = pair_logits(a, b, weight, bias)
    expected = (torch.tanh(a.unsqueeze(1) + b) * weight).sum(2)
    torch.testing.assert_close(logits, expected, rtol=0, atol=1e-6)
    logits.sum().backward()
    assert torch.isfinite(a.grad).all() and torch.isfinite(b.grad).all()


def test_anchors_may_be_fewer_than_candidates(soft):
    anchor, other = unit(4, seed=1), unit(9, seed=2)
    logits = anchor @ other.T
    total = (direct_gamma(soft, anchor, other) * logits.exp()).sum(1)
    torch.testing.assert_close(
        soft.loss(anchor, other, 1.0), (total.log() - logits[:, :4].diagonal()).mean()
    )
