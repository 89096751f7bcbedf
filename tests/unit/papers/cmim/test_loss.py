"""What the terms must do beyond the stored values: the traps of the method."""

import math

import pytest
import torch

from papers.cmim.loss import code_contrast, log_normal, log_prior, mim_density, vae_density

DRAWS = torch.Generator().manual_seed(0)
CODES = torch.randn(8, 5, generator=DRAWS, dtype=torch.float64)


def test_a_narrower_code_lowers_the_term_of_a_mim_and_raises_that_of_a_vae():
    mean = torch.zeros_like(CODES)
    noise = CODES

    def term(kind, log_scale):
        log_scale = torch.full_like(mean, log_scale)
        z = mean + log_scale.exp() * noise
        return kind(log_normal(z, mean, log_scale), log_prior(z)).mean()

    assert term(mim_density, -3.0) < term(mim_density, -2.0) < term(mim_density, -1.0)
    assert term(vae_density, -3.0) > term(vae_density, -2.0) > term(vae_density, -1.0)


def test_the_mean_does_not_grow_with_the_batch_and_the_sum_does():
    """Codes that are all at right angles: each negative is exp(0)."""
    for rows in (2, 5):
        codes = torch.eye(5, dtype=torch.float64)[:rows]
        mean, total = (code_contrast(codes, codes, 0.5, kind) for kind in ("mean", "sum"))
        assert mean.tolist() == pytest.approx([math.log(1 + math.exp(-2))] * rows)
        assert total.tolist() == pytest.approx([math.log(1 + (rows - 1) * math.exp(-2))] * rows)


def test_a_code_alone_has_no_contrast_and_no_gradient():
    code = CODES[:1].clone().requires_grad_()
    term = code_contrast(code, code, 0.1)
    (gradient,) = torch.autograd.grad(term.sum(), code)
    assert term.tolist() == [0.0] and not gradient.any()


def test_a_share_of_the_anchors_has_the_terms_of_the_whole():
    whole = code_contrast(CODES, CODES, 0.1)
    share = code_contrast(CODES[3:6], CODES, 0.1, first=3)
    torch.testing.assert_close(share, whole[3:6], rtol=1e-12, atol=0)


def test_the_term_is_near_zero_once_codes_are_spread():
    codes = torch.eye(8, dtype=torch.float32)
    terms = code_contrast(codes, codes, 0.1)
    assert (terms < 1e-4).all() and terms.isfinite().all()
