import warnings

import pytest
import torch
import torch.nn.functional as F

from common.losses.spread import effective_rank
from common.training.diagnostics import CollapseWarning, embedding_std


def test_spread_embeddings_have_full_rank_and_collapsed_ones_none():
    z = F.normalize(torch.randn(2000, 8, generator=torch.Generator().manual_seed(0)), dim=1)
    assert effective_rank(z) == pytest.approx(8, rel=0.02)
    assert embedding_std(z) == pytest.approx(8**-0.5, rel=0.05)
    assert effective_rank(z[:1].expand(50, 8)) == 0
    assert embedding_std(z[:1].expand(50, 8)) == pytest.approx(0, abs=1e-6)


def test_a_line_has_rank_one():
    line = torch.linspace(-1, 1, 30)[:, None] * torch.tensor([[1.0, 2.0, -1.0]])
    assert effective_rank(line) == pytest.approx(1, abs=1e-3)


def test_the_warning_comes_once_and_says_what_helps():
    monitor = CollapseWarning("Lower epsilon")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        monitor.check({"one prototype": False}, 10)
    with pytest.warns(UserWarning, match=r"batch 20: one prototype. Lower epsilon"):
        monitor.check({"one prototype": True, "else": False}, 20)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        monitor.check({"one prototype": True}, 30)


def test_rank_in_double_precision_and_without_taking_the_mean_off():
    shares = torch.tensor([0.5, 0.3, 0.2], dtype=torch.float64)
    z = torch.diag(shares)
    found = effective_rank(z, centre=False)
    expected = (-(shares * shares.log()).sum()).exp()
    torch.testing.assert_close(found, expected, rtol=1e-14, atol=0)
    assert effective_rank(z) < 2.01
