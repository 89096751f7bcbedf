import torch

from common.losses.consistency import negative_cosine, simsiam


def make(count, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    return [torch.randn(6, 5, generator=generator, dtype=dtype) for _ in range(count)]


def test_is_the_cosine_row_by_row():
    p1, z1, p2, z2 = make(4)
    pairs = [(p1, z2), (p2, z1)]
    cosines = [a[i] @ b[i] / (a[i].norm() * b[i].norm()) for a, b in pairs for i in range(6)]
    expected = -torch.stack(cosines).mean()
    torch.testing.assert_close(simsiam(p1, z1, p2, z2), expected, rtol=1e-12, atol=0)


def test_no_gradient_reaches_the_target():
    p, z = (x.requires_grad_() for x in make(2))
    negative_cosine(p, z).backward()
    assert z.grad is None and p.grad.any()
