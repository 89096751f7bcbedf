import pytest
import torch
import torch.nn.functional as F

import papers.meow.soft as soft_module
from papers.meow.soft import SoftWeights, chebyshev_terms, pair_factors, range_of


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


# Of weights 300 times as large both sides span some 400: tanh(200 - 200) is not tanh(40 - 200).
@pytest.mark.parametrize(("rows", "size"), [(7, 1.0), (256, 1.0), (7, 300.0)])
def test_loss_and_all_gradients_equal_the_direct_form(monkeypatch, soft, rows, size):
    monkeypatch.setattr(soft_module, "ROWS_AT_A_TIME", rows)
    soft.inner.weight.data *= size
    anchor, other = unit(seed=1).requires_grad_(), unit(seed=2).requires_grad_()
    watched = [anchor, other, *soft.parameters()]
    found, expected = soft.loss(anchor, other, 0.9), direct_loss(soft, anchor, other, 0.9)
    torch.testing.assert_close(found, expected)
    pairs = zip(
        torch.autograd.grad(found, watched), torch.autograd.grad(expected, watched), strict=True
    )
    for mine, direct in pairs:
        torch.testing.assert_close(mine, direct)


@pytest.mark.parametrize("size", [0.0, 1e-6, 0.1, 1.0, 3.0, 10.0])
@pytest.mark.parametrize(("dtype", "close"), [(torch.float64, 2e-10), (torch.float32, 2e-6)])
def test_factors_equal_a_tanh_for_each_pair(size, dtype, close):
    generator = torch.Generator().manual_seed(0)
    shapes = [(20, 4), (30, 4), (4,)]
    scales = [size, size, 1.0]
    sides = [
        (torch.randn(shape, generator=generator, dtype=torch.float64) * scale).to(dtype)
        for shape, scale in zip(shapes, scales, strict=True)
    ]
    upstream = torch.randn(20, 30, generator=generator, dtype=torch.float64)
    mine = [x.clone().requires_grad_() for x in sides]
    left, right = pair_factors(*mine, *range_of(mine[0]))
    found = left @ right.T
    direct = [x.double().requires_grad_() for x in sides]
    expected = (torch.tanh(direct[0].unsqueeze(1) + direct[1]) * direct[2]).sum(2)
    pairs = zip(
        [found, *torch.autograd.grad((found * upstream.to(dtype)).sum(), mine)],
        [expected, *torch.autograd.grad((expected * upstream).sum(), direct)],
        strict=True,
    )
    for got, wanted in pairs:
        assert got.dtype == dtype
        error = (got.double() - wanted).abs().max()
        assert error <= close * wanted.abs().max().clamp(min=1e-3)


def test_terms_grow_with_range_and_accuracy():
    assert chebyshev_terms(1.0, 1e-7) == 20
    assert chebyshev_terms(3.0, 1e-7) > 40
    assert chebyshev_terms(1.0, 1e-16) > 30


@pytest.mark.parametrize("offset", [0.0, 50.0, 1e4])
def test_wide_and_far_sides_saturate_as_tanh_does(offset):
    a = (torch.tensor([[30.0, -30.0], [0.5, -0.5]]) + offset).requires_grad_()
    b = (torch.tensor([[-30.0, 31.0], [28.0, 0.25]]) - offset).requires_grad_()
    weight = torch.tensor([1.0, 0.5])
    left, right = pair_factors(a, b, weight, *range_of(a))
    logits = left @ right.T
    expected = (torch.tanh(a.unsqueeze(1) + b) * weight).sum(2)
    # Some 400 terms are summed in float32.
    torch.testing.assert_close(logits, expected, rtol=0, atol=5e-6)
    logits.sum().backward()
    assert torch.isfinite(a.grad).all() and torch.isfinite(b.grad).all()


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_not_finite_comes_out_as_no_number(soft, value):
    anchor = unit(seed=1)
    anchor[3, 2] = value
    assert torch.isnan(soft.loss(anchor, unit(seed=2), 0.9)), "the run is stopped by its loss"


def test_anchors_may_be_fewer_than_candidates(soft):
    anchor, other = unit(4, seed=1), unit(9, seed=2)
    logits = anchor @ other.T
    total = (direct_gamma(soft, anchor, other) * logits.exp()).sum(1)
    torch.testing.assert_close(
        soft.loss(anchor, other, 1.0), (total.log() - logits[:, :4].diagonal()).mean()
    )
