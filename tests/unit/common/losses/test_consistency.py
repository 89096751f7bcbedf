import torch

from common.losses.consistency import negative_cosine


def make(count, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(6, 5, generator=generator, dtype=dtype) for _ in range(count)]


def test_no_gradient_reaches_the_target():
    p, z = (x.requires_grad_() for x in make(2))
    negative_cosine(p, z).backward()
    assert z.grad is None and p.grad.any()
